"""A node's second container, `calico-node`: Felix's stand-in under a supervisord of its own, and its driver."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools.lab import linux
from tools.lab.state import Lab
from tools.lab.topology import API_PORT, LAN4, Node

PROJECT = Path(__file__).resolve().parents[3]
CONF = Path(__file__).with_name("calico-node.conf")
DRIVER_SOURCES = PROJECT / "container" / "felix-proxy"
DRIVER = DRIVER_SOURCES / "build" / "felix-proxy"
PROGRAM = "felix"


class NoDriver(Exception):
    """The driver that Felix starts cannot be built; the text says why."""


def directory(run: Path) -> Path:
    """Where the container has its files, in the node's $VPPD_RUN."""
    return run / "calico"


def socket(run: Path) -> Path:
    """Where the node's policies manager listens for the driver."""
    return run / "felix.sock"


def installed(lab: Lab, node: Node) -> Path:
    """Where the node's policies manager puts the driver for Felix, which cannot start before it is there."""
    return lab.directory / node.name / "felix-plugins" / "felix-api-proxy"


def build_driver() -> None:
    """Builds the driver unless it is there and newer than its sources. Raises NoDriver."""
    try:
        linux.run("make", "-C", str(DRIVER_SOURCES), timeout_s=120.0)
    except linux.CommandFailed as error:
        raise NoDriver(
            f"the Felix driver cannot be built (it needs make and gcc with a static C library): {error}"
        ) from None
    if not os.access(DRIVER, os.X_OK):
        raise NoDriver(f"{DRIVER}: make has not made it")


def environment(lab: Lab, node: Node) -> dict[str, str]:
    """What the container is told beside what its node is told."""
    return {
        "FELIX_DATAPLANE_SOCKET": str(socket(lab.run(node))),
        "VPPD_LAB_API": f"http://{LAN4[1]}:{API_PORT}",
        "VPPD_LAB_DRIVER": str(installed(lab, node)),
        "VPPD_LAB_CALICO_VERSION": lab.calico_version,
    }


def start(lab: Lab, node: Node, told: dict[str, str]) -> None:
    """Starts the container; `told` is the environment of its node."""
    here = directory(lab.run(node))
    (here / "log").mkdir(parents=True, exist_ok=True)
    with (here / "log" / "out").open("ab") as log:
        subprocess.Popen(
            linux.inside(node.netns, sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(CONF)),
            env={**told, **environment(lab, node)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )


def look(run: Path) -> dict[str, Any]:
    """What the stand-in says of itself (tools.lab.felix.account); {} when it has not said anything."""
    try:
        found: dict[str, Any] = json.loads((directory(run) / "felix.json").read_text())
    except (OSError, ValueError):
        return {}
    return found
