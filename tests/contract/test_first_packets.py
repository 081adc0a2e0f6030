"""A flow's first packet decides: what policies are asked of, what they are never asked of, and what follows from it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from ipaddress import ip_network
from pathlib import Path

import pytest

from actors.routing.unassigned import closed_block_intents
from schemas.intents import AdminUpIntent, CnatFeatureIntent, Intent, InterfacePoliciesIntent, RouteIntent
from tests.contract import worlds
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp
from tests.contract.steady import SteadyFlow, knocking, pinging
from tests.contract.test_packets import attach
from tests.waiting import until

CLIENT, SERVER = "pod/default/web-1/eth0/tun", "pod/default/web-2/eth0/tun"
ALLOW = "allow"
OPEN = InterfacePoliciesIntent(CLIENT, (), (), (), ALLOW, ALLOW, ALLOW, ALLOW)
OPEN_SERVER = InterfacePoliciesIntent(SERVER, (), (), (), ALLOW, ALLOW, ALLOW, ALLOW)
BLOCKS = [ip_network("10.1.0.0/26"), ip_network("fd00:1::/122")]
Steady = Callable[[Namespace, str, Path], AbstractContextManager[SteadyFlow]]
NOT_IN = InterfacePoliciesIntent(SERVER, (), (), (), ALLOW, "deny", ALLOW, ALLOW)


def pod(number: int, netns: str) -> list[Intent]:
    """A pod as the CNI manager wants it."""
    intents = [intent for intent in worlds.pod(number, netns) if not isinstance(intent, AdminUpIntent)]
    tun = CLIENT if number == 1 else SERVER
    return [*intents, CnatFeatureIntent(tun), AdminUpIntent(tun, when_policed=True)]


def sessions_to(vpp: Vpp, address: str) -> int:
    """The sessions of flows to that address."""
    return sum(str(row.session.tuple.addr[1]) == address for row in vpp.ask("cnat_session_dump"))


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
        until(lambda: sessions_to(vpp, "10.1.0.2"), "the flow has a session")
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
        until(lambda: sessions_to(vpp, "10.1.0.2"), "the flow has a session")
        writer.want(*intents, *routes, OPEN_SERVER)
        until(lambda: client.pings("10.1.0.2"), "a flow that begins now passes")
        assert ping.answers == 0


@pytest.mark.parametrize("address", ["10.1.0.2", "fd00:1::2"])
@pytest.mark.parametrize("steady", [pinging, knocking])
def test_a_flow_to_an_address_of_a_block_that_no_pod_has_stays_denied_when_one_gets_it(
    vpp: Vpp,
    life: Callable[[], WriterLife],
    client: Namespace,
    server: Namespace,
    tmp_path: Path,
    steady: Steady,
    address: str,
) -> None:
    writer, routes = life(), server_routes(pod(2, server.name))
    intents = begun(writer, client, server, OPEN_SERVER, *closed_block_intents(BLOCKS))
    for again in range(2):
        # Knocking comes from one port: when it begins again that is the flow that it was.
        own_session = sessions_to(vpp, address) + (0 if again and steady is knocking else 1)
        with steady(client, address, tmp_path) as flow:
            until(lambda own=own_session: sessions_to(vpp, address) >= own, "the flow has a session of its own")
            writer.want(*intents, *routes)
            assert writer.unapplied([*intents, *routes]) == {}
            for _ in range(3):
                assert client.pings(address), "a flow that begins now passes at once"
            assert flow.answers == 0
        writer.want(*intents)  # the address is free again
        assert not client.pings(address)


def test_a_closed_block_is_found_again_by_the_next_writer_and_leaves_nothing_behind(
    vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    writer = life()
    closed = list(closed_block_intents(BLOCKS))
    writer.want(*closed)
    assert writer.unapplied(closed) == {}
    writer.crash()
    writer = life().want(*closed)
    assert (writer.unapplied(closed), writer.writes) == ({}, 0)
    writer.want(*closed_block_intents(BLOCKS[:1]))
    assert ("10.1.0.0/26" in vpp.routes(), "fd00:1::/122" in vpp.routes(version=6)) == (True, False)
    writer.want()
    assert "10.1.0.0/26" not in vpp.routes()
    assert "closed-own-blocks" not in vpp.interfaces()
