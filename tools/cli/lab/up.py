"""`vppd lab up`: makes a cluster."""

import argparse

from tools.cli.command import count_between, name_and_value
from tools.cli.lab.options import add_name, add_vpp, say
from tools.lab.checks.health import wait_until_healthy
from tools.lab.checks.properties import as_line
from tools.lab.cluster import build
from tools.lab.cluster.interruption import undisturbed
from tools.lab.state import Lab
from tools.lab.topology import NODES_MAX

HELP = "make a cluster and wait until it is healthy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lab, how large, and of what."""
    add_name(parser)
    parser.add_argument("--nodes", type=count_between(1, NODES_MAX), default=2, metavar="N", help="default: 2")
    parser.add_argument("--keep", action="store_true", help="leave a lab that does not become healthy, to look at it")
    parser.add_argument("--calico-version", default=build.CALICO_VERSION, help="whose Felix (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], type=name_and_value, metavar="NAME=VALUE", help="a variable for all nodes"
    )
    add_vpp(parser)


def run(options: argparse.Namespace) -> int:
    """Makes the cluster; 1 if it does not become healthy."""
    lab = build.create_lab(options.name, options.nodes, options.vpp, say, options.calico_version, dict(options.set))
    try:
        bad = [r for r in wait_until_healthy(lab) if not r.ok]
    except BaseException:
        _leave(lab, keep=options.keep)
        raise
    if bad:
        for result in bad:
            say(as_line(result))
        for node in lab.all_nodes:
            for path in sorted((lab.run(node) / "log").glob("*.log")):
                say(f"--- {node.name} {path.name}\n{build.tail(path, 3)}")
        _leave(lab, keep=options.keep)
        return 1
    say(f"lab {lab.name} is up; try `vppd lab status`, `vppd lab pod add web --node node1`")
    return 0


def _leave(lab: Lab, *, keep: bool) -> None:
    """Takes away a lab that did not become healthy, or says that it stays."""
    if keep:
        say(f"lab {lab.name} stays as it is; `vppd lab down --name {lab.name}` removes it")
        return
    with undisturbed(say):
        build.remove_lab(lab.name, say)
