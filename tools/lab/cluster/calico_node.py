"""A node's second container, `calico-node`: Felix's stand-in under a supervisord of its own, and its driver."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from tools.lab import linux
from tools.lab.state import Lab
from tools.lab.topology import API_PORT, LAN4, LabNode

PROJECT = Path(__file__).resolve().parents[3]
CONF = Path(__file__).with_name("calico-node.conf")
DRIVER_SOURCES = PROJECT / "container" / "felix-proxy"
DRIVER = DRIVER_SOURCES / "build" / "felix-proxy"
PROGRAM = "felix"


class DriverNotBuilt(Exception):
    """The driver that Felix starts cannot be built; the text says why."""


def directory(run: Path) -> Path:
    """The container's directory in the node's $VPPD_RUN."""
    return run / "calico"


def socket(run: Path) -> Path:
    """The socket of the node's policies manager, for the driver."""
    return run / "felix.sock"


def driver_path(lab: Lab, node: LabNode) -> Path:
    """The path where the node's policies manager installs the driver; Felix cannot start without it."""
    return lab.directory / node.name / "felix-plugins" / "felix-api-proxy"


def build_driver() -> None:
    """Builds the driver unless it is there and newer than its sources. Raises DriverNotBuilt."""
    try:
        linux.run("make", "-C", str(DRIVER_SOURCES), timeout_s=120.0)
    except linux.CommandFailed as error:
        raise DriverNotBuilt(
            f"the Felix driver cannot be built (it needs make and gcc with a static C library): {error}"
        ) from None
    if not os.access(DRIVER, os.X_OK):
        raise DriverNotBuilt(f"{DRIVER}: make has not made it")


def environment(lab: Lab, node: LabNode) -> dict[str, str]:
    """The container's variables besides those of its node."""
    return {
        "FELIX_DATAPLANE_SOCKET": str(socket(lab.run(node))),
        "VPPD_LAB_API": f"http://{LAN4[1]}:{API_PORT}",
        "VPPD_LAB_DRIVER": str(driver_path(lab, node)),
        "VPPD_LAB_CALICO_VERSION": lab.calico_version,
    }


def start(lab: Lab, node: LabNode, node_environment: dict[str, str]) -> None:
    """Starts the container."""
    files = directory(lab.run(node))
    (files / "log").mkdir(parents=True, exist_ok=True)
    with (files / "log" / "out").open("ab") as log:
        subprocess.Popen(
            linux.netns_command(node.netns, sys.executable, "-m", "supervisor.supervisord", "-n", "-c", str(CONF)),
            env={**node_environment, **environment(lab, node)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )


def felix_status(run: Path) -> dict[str, Any]:
    """The stand-in's status file (tools.lab.felix.status_file); {} before it has written one."""
    try:
        status: dict[str, Any] = json.loads((directory(run) / "felix.json").read_text())
    except (OSError, ValueError):
        return {}
    return status
