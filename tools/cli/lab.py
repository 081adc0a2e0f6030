"""`vppd lab`: clusters on this machine."""

import argparse
import asyncio
import json
import os
import sys
from collections.abc import Callable

from tools.cli import lab_status
from tools.cli.errors import UserError
from tools.lab import build, cluster, demo, host, kube, pods, state
from tools.lab.check import check, look_all
from tools.lab.plan import BadName
from tools.lab.state import LABS, NoLab

TROUBLE = (build.CannotBuild, host.CommandFailed, NoLab, pods.PodFailed, kube.ApiFailed, BadName)


def add_parser(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Adds `lab` and its sub-commands."""
    lab = commands.add_parser("lab", help="clusters on this machine", description=__doc__)
    subs = lab.add_subparsers(dest="sub", required=True, metavar="COMMAND")
    for name, run, text in COMMANDS:
        sub = subs.add_parser(name, help=text, description=text)
        sub.add_argument("--name", default="lab", help="name of the lab (default: lab)")
        sub.set_defaults(run=run)
        if name in ARGUMENTS:
            ARGUMENTS[name](sub)
    _add_pod(subs)


def _vpp(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--vpp", metavar="PATH", help="run real VPP in each node (default: vppsim)")


def _up_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--nodes", type=int, default=2, choices=range(1, 51), metavar="N", help="default: 2")
    parser.add_argument("--keep", action="store_true", help="leave a lab that does not become healthy, to look at it")
    parser.add_argument("--calico-version", default=build.CALICO_VERSION, help="whose Felix (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], type=_setting, metavar="NAME=VALUE", help="a variable for all nodes"
    )
    _vpp(parser)


def _setting(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r}: not NAME=VALUE")
    return name, value


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON")


def _exec_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("action", choices=["exec"])
    parser.add_argument("node")
    parser.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")


ARGUMENTS: dict[str, Callable[[argparse.ArgumentParser], None]] = {
    "up": _up_arguments,
    "demo": _vpp,
    "check": _json,
    "status": _json,
    "node": _exec_arguments,
}


def _add_pod(subs: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    pod = subs.add_parser("pod", help="add, delete, or run a command in a pod")
    actions = pod.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, text in (
        ("add", _pod_add, "make a pod and have it wired by the CNI server"),
        ("del", _pod_del, "have a pod unwired, and remove it"),
        ("exec", _pod_exec, "run a command in a pod"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("pod", metavar="NAME")
        action.add_argument("--name", default="lab", help="name of the lab (default: lab)")
        action.set_defaults(run=_guarded(run))
        if name == "add":
            _pod_add_arguments(action)
        if name == "exec":
            action.add_argument("command", nargs=argparse.REMAINDER, metavar="-- COMMAND")


def _pod_add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--node", required=True, help="node1, node2, ...")
    parser.add_argument("--namespace", default="default", help="Kubernetes namespace (default: default)")
    parser.add_argument("--label", action="append", default=[], type=_label, metavar="KEY=VALUE")
    parser.add_argument("--port", action="append", default=[], type=pods.parse_port, metavar="[NAME=]N[/TCP][@HOST]")
    parser.add_argument("--service-account", default="default", metavar="NAME")
    parser.add_argument("--host-network", action="store_true", help="in its node's network")
    parser.add_argument("--not-ready", action="store_true", help="an endpoint of services only when it is ready")


def _label(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise ValueError(text)
    return key, value


def _guarded(run: Callable[[argparse.Namespace], int]) -> Callable[[argparse.Namespace], int]:
    def guarded(options: argparse.Namespace) -> int:
        try:
            return run(options)
        except TROUBLE as error:
            raise UserError(str(error)) from None

    return guarded


def _up(options: argparse.Namespace) -> int:
    lab = build.up(options.name, options.nodes, options.vpp, print, options.calico_version, dict(options.set))
    bad = [r for r in demo.healthy(lab) if not r.ok]
    for result in bad:
        print(demo.line(result))
    if bad:
        for node in lab.all_nodes:
            for path in sorted((lab.run(node) / "log").glob("*.log")):
                print(f"--- {node.name} {path.name}\n{build.tail(path, 3)}")
        if not options.keep:
            build.down(lab.name, print)
        return 1
    print(f"lab {lab.name} is up; try `vppd lab status`, `vppd lab pod add web --node node1`")
    return 0


def _down(options: argparse.Namespace) -> int:
    build.down(options.name, print)
    return 0


def _demo(options: argparse.Namespace) -> int:
    return 0 if demo.run(options.name, options.vpp, lambda text: print(text, flush=True)) else 1


def _check(options: argparse.Namespace) -> int:
    results = check(state.load(options.name))
    if options.json:
        print(json.dumps([vars(r) for r in results], indent=1))
    else:
        print("\n".join(demo.line(result) for result in results))
    return 0 if all(result.ok for result in results) else 1


def _status(options: argparse.Namespace) -> int:
    if not (LABS / options.name).exists():
        raise NoLab(f"no lab {options.name}; `vppd lab up` makes one")
    lab = state.load(options.name)
    views = asyncio.run(look_all(lab))
    if options.json:
        print(json.dumps(lab_status.as_json(lab, views), indent=1))
        return 0
    print("\n".join(lab_status.lines(lab, views)))
    return 0


def _kubectl_config(options: argparse.Namespace) -> int:
    lab = state.load(options.name)
    print(cluster.kubeconfig(lab.name, lab.api_url))
    return 0


def _node_exec(options: argparse.Namespace) -> int:
    lab = state.load(options.name)
    return _become(lab.node(options.node).netns, options.command, build.environment(lab, lab.node(options.node)))


def _pod_add(options: argparse.Namespace) -> int:
    pod = pods.add(
        state.load(options.name),
        options.pod,
        options.node,
        namespace=options.namespace,
        labels=dict(options.label),
        ports=options.port,
        host_network=options.host_network,
        service_account=options.service_account,
        ready=not options.not_ready,
    )
    print(f"pod {pod.key}: {pod.ip4}, {pod.ip6} on node{pod.node}")
    return 0


def _pod_del(options: argparse.Namespace) -> int:
    pods.delete(state.load(options.name), options.pod)
    print(f"pod {options.pod} is gone")
    return 0


def _pod_exec(options: argparse.Namespace) -> int:
    return _become(state.load(options.name).pod(options.pod).netns, options.command, {})


def _become(netns: str, command: list[str], environment: dict[str, str]) -> int:
    command = command[1:] if command[:1] == ["--"] else command
    if not command:
        raise UserError("no command; write it after --")
    sys.stdout.flush()
    line = host.inside(netns, *command)
    os.execvpe(line[0], line, {**os.environ, **environment})


COMMANDS = (
    ("up", _guarded(_up), "make a cluster and wait until it is healthy"),
    ("down", _guarded(_down), "take a cluster away, whatever state it is in"),
    ("status", _guarded(_status), "nodes, processes, BGP sessions, intents, services, policies, pods"),
    ("check", _guarded(_check), "assert everything that must hold; exit status 1 if something does not"),
    ("demo", _guarded(_demo), "the whole story: make, use, break and remove a cluster"),
    ("kubectl-config", _guarded(_kubectl_config), "print a kubeconfig for the cluster's API server"),
    ("node", _guarded(_node_exec), "run a command in a node: node exec NODE -- COMMAND"),
)
