"""A flow's first packet decides: what policies are asked of, what they are never asked of, and what follows from it."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from schemas.intents import AdminUpIntent, CnatFeatureIntent, Intent, InterfacePoliciesIntent, RouteIntent
from tests.contract import worlds
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp
from tests.contract.test_packets import attach
from tests.waiting import until

CLIENT, SERVER = "pod/default/web-1/eth0/tun", "pod/default/web-2/eth0/tun"
EVERY_S = "0.02"
ALLOW = "allow"
OPEN = InterfacePoliciesIntent(CLIENT, (), (), (), ALLOW, ALLOW, ALLOW, ALLOW)
NOT_IN = InterfacePoliciesIntent(SERVER, (), (), (), ALLOW, "deny", ALLOW, ALLOW)


def pod(number: int, netns: str) -> list[Intent]:
    """A pod as the CNI manager wants it."""
    intents = [intent for intent in worlds.pod(number, netns) if not isinstance(intent, AdminUpIntent)]
    tun = CLIENT if number == 1 else SERVER
    return [*intents, CnatFeatureIntent(tun), AdminUpIntent(tun, when_policed=True)]


class SteadyPing:
    """One flow that never pauses; what it says goes into a file."""

    def __init__(self, output: Path) -> None:
        self._output = output

    @property
    def answers(self) -> int:
        """How many packets have been answered so far."""
        return self._output.read_text().count(" bytes from ")


@contextmanager
def pinging(where: Namespace, address: str, directory: Path) -> Iterator[SteadyPing]:
    command = ["ip", "netns", "exec", where.name, "ping", "-n", "-i", EVERY_S, address]
    output = directory / f"ping-{where.name}"
    with output.open("w") as file:
        process = subprocess.Popen(command, stdout=file, stderr=subprocess.DEVNULL)
        try:
            yield SteadyPing(output)
        finally:
            process.kill()
            process.wait()


def has_session(vpp: Vpp, address: str) -> bool:
    """Does a session of a flow to that address exist?"""
    return any(str(row.session.tuple.addr[1]) == address for row in vpp.ask("cnat_session_dump"))


def server_routes(intents: list[Intent]) -> list[Intent]:
    """The routes that lead to the server."""
    return [i for i in intents if isinstance(i, RouteIntent) and any(path.interface == SERVER for path in i.paths)]


@pytest.fixture
def client(namespace: Callable[[str], Namespace]) -> Namespace:
    return namespace("client")


@pytest.fixture
def server(namespace: Callable[[str], Namespace]) -> Namespace:
    return namespace("server")


def begun(writer: WriterLife, client: Namespace, server: Namespace, *policies: Intent) -> list[Intent]:
    """Both pods with these policies, but no route to the server; returns what is wanted."""
    server_pod = pod(2, server.name)
    without_routes = [intent for intent in server_pod if intent not in server_routes(server_pod)]
    intents = [*worlds.tables(), *pod(1, client.name), *without_routes, OPEN, *policies]
    writer.want(*intents)
    assert writer.unapplied(intents) == {}
    attach(client, 1)
    attach(server, 2)
    return intents


def test_a_flow_that_began_before_its_way_was_there_is_never_asked_about(
    vpp: Vpp, life: Callable[[], WriterLife], client: Namespace, server: Namespace, tmp_path: Path
) -> None:
    writer = life()
    intents = begun(writer, client, server, NOT_IN)
    with pinging(client, "10.1.0.2", tmp_path) as ping:
        until(lambda: has_session(vpp, "10.1.0.2"), "the flow has a session")
        writer.want(*intents, *server_routes(pod(2, server.name)))
        until(lambda: ping.answers, "the server's policies, which deny everything, are passed")
        assert not client.pings("10.1.0.2"), "a flow that begins now is denied"


def test_a_flow_that_began_where_nothing_passes_stays_denied(
    vpp: Vpp, life: Callable[[], WriterLife], client: Namespace, server: Namespace, tmp_path: Path
) -> None:
    writer = life()
    routes = server_routes(pod(2, server.name))
    intents = begun(writer, client, server)
    writer.want(*intents, *routes)
    with pinging(client, "10.1.0.2", tmp_path) as ping:
        until(lambda: has_session(vpp, "10.1.0.2"), "the flow has a session")
        writer.want(*intents, *routes, InterfacePoliciesIntent(SERVER, (), (), (), ALLOW, ALLOW, ALLOW, ALLOW))
        until(lambda: client.pings("10.1.0.2"), "a flow that begins now passes")
        assert ping.answers == 0
