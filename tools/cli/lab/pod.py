"""`vppd lab pod`: pods of a cluster are made, removed, and entered."""

import argparse

from tools.cli.command import with_user_errors
from tools.cli.lab.become import accept_command, become
from tools.cli.lab.options import FAILURES, add_name, as_root
from tools.lab import state
from tools.lab.cluster import pods
from tools.lab.state import ContainerPort
from tools.lab.traffic.web_server import WebServerFailed, start_web_server

HELP = "add, delete, or run a command in a pod"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions, and which pod."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    for name, run, text in (
        ("add", _add, "make a pod and have it wired by the CNI server"),
        ("del", _delete, "have a pod unwired, and remove it"),
        ("exec", _exec, "run a command in a pod"),
    ):
        action = actions.add_parser(name, help=text, description=text)
        action.add_argument("pod", metavar="NAME")
        add_name(action)
        action.set_defaults(run=as_root(with_user_errors(run, (*FAILURES, WebServerFailed))))
        if name == "add":
            _add_pod_options(action)
        if name == "exec":
            accept_command(action)


def _add_pod_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--node", required=True, help="node1, node2, ...")
    parser.add_argument("--namespace", default="default", help="Kubernetes namespace (default: default)")
    parser.add_argument("--label", action="append", default=[], type=_key_and_value, metavar="KEY=VALUE")
    parser.add_argument("--annotation", action="append", default=[], type=_key_and_value, metavar="KEY=VALUE")
    parser.add_argument("--port", action="append", default=[], type=_container_port, metavar="[NAME=]N[/TCP][@HOST]")
    parser.add_argument(
        "--serve", type=_port_number, metavar="PORT", help="run a web server there, which answers its name"
    )
    parser.add_argument("--service-account", default="default", metavar="NAME")
    parser.add_argument("--host-network", action="store_true", help="in its node's network")
    parser.add_argument("--not-ready", action="store_true", help="an endpoint of services only when it is ready")


def _key_and_value(text: str) -> tuple[str, str]:
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE")
    return key, value


def _port_number(text: str) -> int:
    if not (text.isdecimal() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"port {text!r}: a port is 1 to 65535")
    return int(text)


def _container_port(text: str) -> ContainerPort:
    try:
        return parse_port(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def parse_port(text: str) -> ContainerPort:
    """`80`, `80/UDP`, `http=80/TCP`, each perhaps with a host port behind it: `http=80/TCP@8080`. Raises ValueError."""
    container, _, host_port = text.partition("@")
    name, _, number = container.rpartition("=")
    port, _, protocol = number.partition("/")
    protocol = (protocol or "TCP").upper()
    if protocol not in ("TCP", "UDP", "SCTP"):
        raise ValueError(f"port {text!r}: protocol is TCP, UDP or SCTP")
    parsed = ContainerPort(int(port), protocol, name, int(host_port or 0))
    if not (0 < parsed.port < 65536 and 0 <= parsed.host_port < 65536):
        raise ValueError(f"port {text!r}: a port is 1 to 65535")
    return parsed


def _add(options: argparse.Namespace) -> int:
    lab = state.load(options.name)
    served = [ContainerPort(options.serve)] if options.serve else []
    pod = pods.add(
        lab,
        options.pod,
        options.node,
        namespace=options.namespace,
        labels=dict(options.label),
        annotations=dict(options.annotation),
        ports=[*options.port, *served],
        host_network=options.host_network,
        service_account=options.service_account,
        ready=not options.not_ready,
    )
    if options.serve:
        try:
            start_web_server(pod.netns, f"{pod.key} on node{pod.node}", options.serve)
        except WebServerFailed:
            pods.delete(lab, pod.key)
            raise
    print(f"pod {pod.key}: {pod.ip4}, {pod.ip6} on node{pod.node}")
    return 0


def _delete(options: argparse.Namespace) -> int:
    pods.delete(state.load(options.name), options.pod)
    print(f"pod {options.pod} is gone")
    return 0


def _exec(options: argparse.Namespace) -> int:
    become(state.load(options.name).pod(options.pod).netns, options.command_words, {})
