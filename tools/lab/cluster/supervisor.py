"""Edge: the programs of a node's two supervisords, by supervisord's own client."""

import sys
from contextlib import suppress
from pathlib import Path

from tools.lab import linux
from tools.lab.cluster import calico_node
from tools.lab.state import Lab
from tools.lab.topology import LabNode


def socket_of(lab: Lab, node: LabNode, program: str) -> Path:
    """The control socket of the supervisord that has a program."""
    run = lab.run(node)
    return (calico_node.directory(run) if program == calico_node.PROGRAM else run) / "supervisor.sock"


def control(lab: Lab, node: LabNode, action: str, program: str) -> str:
    """The output of supervisorctl for `start`, `stop`, `restart`, `status`, `pid`. Raises linux.CommandFailed."""
    server = f"unix://{socket_of(lab, node, program)}"
    line = (sys.executable, "-m", "supervisor.supervisorctl", "-s", server, action, program)
    return linux.run(*linux.netns_command(node.netns, *line))


def pid_of(lab: Lab, node: LabNode, program: str) -> int:
    """The pid of a program; 0 while it does not run."""
    with suppress(linux.CommandFailed):
        line = control(lab, node, "pid", program).strip()
        return int(line) if line.isdigit() else 0
    return 0
