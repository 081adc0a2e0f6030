"""Two network namespaces with a link between them, and agents in both."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tools.lab import linux
from tools.lab.traffic import pings
from tools.lab.traffic.agents import Agents

LEFT4, RIGHT4, LEFT6, RIGHT6 = "192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"
NOBODY4, NOBODY6 = "192.0.2.9", "2001:db8::9"  # on the link, as far as routes know
PORTS = (80, 81)


class Wire:
    """The names of the two namespaces."""

    def __init__(self) -> None:
        self.left_netns, self.right_netns = f"agent{os.getpid()}l", f"agent{os.getpid()}r"

    def make(self) -> None:
        """Both namespaces, a link, addresses; nobody's are silent: their link addresses are known and lead nowhere."""
        for netns in (self.left_netns, self.right_netns):
            linux.ip(f"netns add {netns}")
            linux.ip("link set lo up", netns)
        linux.ip(f"link add eth0 type veth peer name eth0 netns {self.right_netns}", self.left_netns)
        for netns, four, six in ((self.left_netns, LEFT4, LEFT6), (self.right_netns, RIGHT4, RIGHT6)):
            linux.ip(f"addr add {four}/24 dev eth0", netns)
            linux.ip(f"addr add {six}/64 dev eth0 nodad", netns)
            linux.ip("link set eth0 up", netns)
            for unanswering in (NOBODY4, NOBODY6):
                linux.ip(f"neigh replace {unanswering} lladdr 02:00:00:00:00:09 dev eth0", netns)
        assert pings.ping(self.left_netns, RIGHT6, 10.0) is not None  # IPv6 takes a moment after a link came up

    def remove(self) -> None:
        for netns in (self.left_netns, self.right_netns):
            if netns in linux.namespaces(netns):
                linux.end_processes(linux.pids_in(netns), 0.5)
                linux.ip(f"netns del {netns}")


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    """Two namespaces."""
    wire = Wire()
    try:
        wire.make()
        yield wire
    finally:
        wire.remove()


@pytest.fixture(scope="module")
def agents(wire: Wire, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Agents]:
    """Agents `left` and `right`."""
    with Agents(Path(tmp_path_factory.mktemp("agents"))) as running:
        running.start({"left": wire.left_netns, "right": wire.right_netns}, PORTS)
        yield running
