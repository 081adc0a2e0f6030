"""Packets for VPP's own addresses: answered, punted to the host, refused."""

import pytest

from tests.unit.vppsim.bench import NEIGHBOUR_MAC, Bench, Port, packed, transport_sum_is_right, udp
from tools.vppsim.fib.paths import FibPath
from tools.vppsim.packets.headers import icmp4, icmp6, ip4_header, ip6_header


def world(answers_ping: bool = True, punt: bool = True) -> tuple[Bench, Port, Port]:
    """An uplink 192.0.2.1 (also IPv6) and a host tap that punted packets go to by table 1."""
    bench = Bench(answers_ping)
    uplink, tap = bench.wire("192.0.2.1/24", "fd00::1/64"), bench.wire("169.254.0.1/32")
    uplink.add_neighbour("192.0.2.9")
    uplink.add_neighbour("fd00::9")
    for family, address in ((4, "192.0.2.1"), (6, "fd00::1")):
        bench.tables.add(family, 1, "punt")
        tap.add_neighbour(address)
        way = FibPath(if_index=tap.index, next_hop=packed(address), proto=family)
        bench.route(f"{address}/{32 if family == 4 else 128}", way, table=1)
        if punt:
            bench.punts.redirects[family, 0] = (FibPath(table_id=1, proto=family),)
    return bench, uplink, tap


def ping(source: str, to: str) -> bytes:
    a, b = packed(source), packed(to)
    if len(a) == 4:
        body = icmp4(8, 0, b"\0\1\0\1payload")
        return ip4_header(a, b, 1, len(body)) + body
    body = icmp6(a, b, 128, 0, b"\0\1\0\1payload")
    return ip6_header(a, b, 58, len(body)) + body


@pytest.mark.parametrize(("source", "to"), [("192.0.2.9", "192.0.2.1"), ("fd00::9", "fd00::1")])
def test_pings_are_answered_here(source: str, to: str) -> None:
    _, uplink, tap = world()
    uplink.receives(ping(source, to))
    (frame,) = uplink.transmitted
    assert frame.endswith(b"\0\1\0\1payload")
    assert len(packed(source)) == 4 or transport_sum_is_right(frame[14:])
    assert tap.transmitted == []


@pytest.mark.parametrize(("source", "to"), [("192.0.2.9", "192.0.2.1"), ("fd00::9", "fd00::1")])
def test_pings_are_the_hosts_when_the_ping_plugin_is_off(source: str, to: str) -> None:
    _, uplink, tap = world(answers_ping=False)
    uplink.receives(ping(source, to))
    (frame,) = tap.transmitted
    assert frame[:6] == NEIGHBOUR_MAC
    assert frame[22 if "." in to else 21] == 64


def test_tcp_and_unknown_protocols_are_always_punted() -> None:
    _, uplink, tap = world()
    for protocol in (6, 89):
        uplink.receives(ip4_header(packed("192.0.2.9"), packed("192.0.2.1"), protocol, 20) + bytes(20))
    assert [frame[23] for frame in tap.transmitted] == [6, 89]


def test_udp_is_refused_until_punting_it_was_asked_for() -> None:
    bench, uplink, tap = world()
    uplink.receives(udp("192.0.2.9", "192.0.2.1"))
    (refusal,) = uplink.transmitted
    assert refusal[34:36] == bytes([3, 3])
    bench.punts.families_udp.add(4)
    uplink.receives(udp("192.0.2.9", "192.0.2.1"))
    assert len(tap.transmitted) == 1


def test_nothing_is_punted_without_a_redirection() -> None:
    bench, uplink, tap = world(punt=False)
    uplink.receives(ip4_header(packed("192.0.2.9"), packed("192.0.2.1"), 6, 20) + bytes(20))
    assert tap.transmitted == []
    assert bench.counters["drop_punt"] == 1


def test_a_redirection_of_one_interface_comes_before_that_of_all() -> None:
    bench, uplink, tap = world()
    backup = bench.tun()
    bench.punts.redirects[4, uplink.index] = (FibPath(if_index=backup.index),)
    uplink.receives(ip4_header(packed("192.0.2.9"), packed("192.0.2.1"), 6, 20) + bytes(20))
    assert (len(backup.transmitted), tap.transmitted) == (1, [])


@pytest.mark.parametrize("source", ["192.0.2.1", "203.0.113.5"])
def test_sources_that_are_ours_or_come_from_nowhere_are_not_believed(source: str) -> None:
    bench, uplink, tap = world()
    uplink.receives(ip4_header(packed(source), packed("192.0.2.1"), 6, 20) + bytes(20))
    assert tap.transmitted == []
    assert bench.counters["drop_local_source"] == 1


def test_errors_are_never_answered_with_errors() -> None:
    _, uplink, _ = world()
    error = icmp4(3, 3, bytes(4) + udp("192.0.2.9", "10.9.9.9"))
    packet = bytearray(ip4_header(packed("192.0.2.9"), packed("10.9.9.9"), 1, len(error), ttl=1) + error)
    uplink.receives(bytes(packet))
    assert uplink.transmitted == []
