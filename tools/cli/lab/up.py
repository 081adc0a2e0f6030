"""`vppd lab up`: makes a cluster."""

import argparse

from tools.cli.lab.options import add_name, add_vpp, name_and_value
from tools.lab.checks.health import wait_until_healthy
from tools.lab.checks.properties import as_line
from tools.lab.cluster import build

HELP = "make a cluster and wait until it is healthy"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which lab, how large, and of what."""
    add_name(parser)
    parser.add_argument("--nodes", type=int, default=2, choices=range(1, 51), metavar="N", help="default: 2")
    parser.add_argument("--keep", action="store_true", help="leave a lab that does not become healthy, to look at it")
    parser.add_argument("--calico-version", default=build.CALICO_VERSION, help="whose Felix (default: %(default)s)")
    parser.add_argument(
        "--set", action="append", default=[], type=name_and_value, metavar="NAME=VALUE", help="a variable for all nodes"
    )
    add_vpp(parser)


def run(options: argparse.Namespace) -> int:
    """Makes the cluster; 1 if it does not become healthy."""
    lab = build.create_lab(options.name, options.nodes, options.vpp, print, options.calico_version, dict(options.set))
    bad = [r for r in wait_until_healthy(lab) if not r.ok]
    for result in bad:
        print(as_line(result))
    if bad:
        for node in lab.all_nodes:
            for path in sorted((lab.run(node) / "log").glob("*.log")):
                print(f"--- {node.name} {path.name}\n{build.tail(path, 3)}")
        if not options.keep:
            build.remove_lab(lab.name, print)
        return 1
    print(f"lab {lab.name} is up; try `vppd lab status`, `vppd lab pod add web --node node1`")
    return 0
