"""ICMP errors about translated flows reach the sender in the terms that it knows."""

import pytest

from tests.unit.vppsim.cnat_world import (
    FAMILIES,
    World,
    echo,
    ends,
    packet,
    quoted,
    sums_are_right,
    tcp_segment,
    unreachable,
)
from tools.vppsim.packets.headers import TCP, UDP

PROTOCOLS = pytest.mark.parametrize("protocol", [TCP, UDP])


@FAMILIES
@PROTOCOLS
@pytest.mark.parametrize("size", [8, 7])
def test_an_error_from_a_backend_comes_from_the_service_and_quotes_the_service(
    size: int, protocol: int, client: str, vip: str, backend: str, outside: str, node: str
) -> None:
    world = World()
    world.serve(vip, 80, (backend, 8080), protocol=protocol)
    ((request,),) = world.carry(0, packet(protocol, client, vip, (1000, 80), size)).values()
    ((error,),) = world.carry(1, unreachable(backend, client, request)).values()
    assert (ends(error)[0], ends(error)[2]) == (vip, client)
    assert ends(quoted(error)) == (client, 1000, vip, 80)
    assert sums_are_right(error)
    assert sums_are_right(quoted(error))
    assert outside != node


@FAMILIES
def test_an_error_from_a_router_keeps_the_routers_address(
    client: str, vip: str, backend: str, outside: str, node: str
) -> None:
    world = World()
    world.serve(vip, 80, (outside, 8080))
    ((request,),) = world.carry(0, tcp_segment(client, vip, (1000, 80))).values()
    router = "99.7.7.7" if ":" not in client else "2001::77"
    ((error,),) = world.carry(2, unreachable(router, client, request, 11 if ":" not in client else 3)).values()
    assert (ends(error)[0], ends(error)[2]) == (router, client)
    assert ends(quoted(error)) == (client, 1000, vip, 80)
    assert sums_are_right(error)
    assert backend != node


@FAMILIES
@PROTOCOLS
def test_an_error_from_the_client_about_the_answer_reaches_the_backend(
    protocol: int, client: str, vip: str, backend: str, outside: str, node: str
) -> None:
    world = World()
    world.serve(vip, 80, (backend, 8080), protocol=protocol)
    world.carry(0, packet(protocol, client, vip, (1000, 80)))
    ((answer,),) = world.carry(1, packet(protocol, backend, client, (8080, 1000))).values()
    ((error,),) = world.carry(0, unreachable(client, vip, answer)).values()
    assert (ends(error)[0], ends(error)[2]) == (client, backend)
    assert ends(quoted(error)) == (backend, 8080, client, 1000)
    assert sums_are_right(error)
    assert outside != node


@FAMILIES
@PROTOCOLS
def test_an_error_about_a_masqueraded_flow_reaches_the_pod(
    protocol: int, client: str, vip: str, backend: str, outside: str, node: str
) -> None:
    world = World()
    world.masquerade()
    ((request,),) = world.carry(0, packet(protocol, client, outside, (1000, 53))).values()
    ((error,),) = world.carry(2, unreachable(outside, node, request)).values()
    assert (ends(error)[0], ends(error)[2]) == (outside, client)
    assert ends(quoted(error)) == (client, 1000, outside, 53)
    assert sums_are_right(error)
    assert vip != backend


def test_an_error_about_a_masqueraded_ping_reaches_the_pod() -> None:
    world = World()
    world.masquerade()
    ((request,),) = world.carry(0, echo("10.0.0.9", "99.0.0.1", 7)).values()
    ((error,),) = world.carry(2, unreachable("99.0.0.1", "10.0.2.1", request)).values()
    assert ends(quoted(error)) == ("10.0.0.9", 7, "99.0.0.1", 7)
    assert sums_are_right(error)
    assert sums_are_right(quoted(error))


def test_only_what_is_quoted_is_changed() -> None:
    world = World()
    world.serve("10.96.0.10", 80, ("10.0.1.9", 8080))
    ((request,),) = world.carry(0, tcp_segment("10.0.0.9", "10.96.0.10", (1000, 80))).values()
    ((error,),) = world.carry(1, unreachable("10.0.1.9", "10.0.0.9", request[:28])).values()
    assert ends(quoted(error)) == ("10.0.0.9", 1000, "10.96.0.10", 80)
    assert len(quoted(error)) == 28
    assert sums_are_right(error)


def test_packet_too_big_of_ipv6_is_not_taken_for_an_error_as_in_vpp() -> None:
    world = World()
    world.serve("fd96::10", 80, ("fd01::9", 8080))
    ((request,),) = world.carry(0, tcp_segment("fd00::9", "fd96::10", (1000, 80))).values()
    ((error,),) = world.carry(1, unreachable("fd01::9", "fd00::9", request, kind=2)).values()
    assert ends(quoted(error)) == ("fd00::9", 1000, "fd01::9", 8080)
