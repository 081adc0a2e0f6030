"""Edge: the programs of a node's two supervisords, by supervisord's own client."""

from contextlib import suppress
from pathlib import Path

from tools.lab import felixnode, host
from tools.lab.build import PYTHON
from tools.lab.plan import Node
from tools.lab.state import Lab


def socket_of(lab: Lab, node: Node, program: str) -> Path:
    """The control socket of the supervisord that has a program."""
    run = lab.run(node)
    return (felixnode.directory(run) if program == felixnode.PROGRAM else run) / "supervisor.sock"


def control(lab: Lab, node: Node, action: str, program: str) -> str:
    """What supervisorctl says to `start`, `stop`, `restart`, `status`, `pid`. Raises host.CommandFailed."""
    server = f"unix://{socket_of(lab, node, program)}"
    line = (PYTHON, "-m", "supervisor.supervisorctl", "-s", server, action, program)
    return host.run(*host.inside(node.netns, *line))


def pid_of(lab: Lab, node: Node, program: str) -> int:
    """The pid of a program; 0 while it does not run."""
    with suppress(host.CommandFailed):
        line = control(lab, node, "pid", program).strip()
        return int(line) if line.isdigit() else 0
    return 0
