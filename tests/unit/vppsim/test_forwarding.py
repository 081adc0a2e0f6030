"""IP packets from one interface to another."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vppsim.bench import NEIGHBOUR_MAC, STRANGER_MAC, VPP_MAC, Bench, packed, transport_sum_is_right, udp
from tools.vppsim.fib.paths import FibPath, PathType
from tools.vppsim.packets.checksum import checksum
from tools.vppsim.state import lifecycle


def test_a_packet_leaves_with_its_next_hops_mac_and_one_less_ttl() -> None:
    bench = Bench()
    ingress, egress = bench.wire("10.0.0.1/24"), bench.wire("10.0.1.1/24", mac=STRANGER_MAC)
    egress.add_neighbour("10.0.1.9")
    ingress.receives(udp("10.0.0.9", "10.0.1.9"))
    (frame,) = egress.transmitted
    assert frame[:14] == NEIGHBOUR_MAC + STRANGER_MAC + b"\x08\x00"
    assert frame[14 + 8] == 63
    assert checksum(frame[14:34]) == 0
    assert transport_sum_is_right(frame[14:])


@pytest.mark.parametrize(("ttl", "kind"), [(1, 11), (2, None)])
def test_a_packet_whose_time_is_over_is_answered(ttl: int, kind: int | None) -> None:
    bench = Bench()
    ingress, egress = bench.wire("10.0.0.1/24"), bench.tun()
    ingress.add_neighbour("10.0.0.9")
    bench.route("10.1.0.1/32", FibPath(if_index=egress.index))
    ingress.receives(udp("10.0.0.9", "10.1.0.1", ttl=ttl))
    answers = ingress.transmitted
    assert [frame[34] for frame in answers] == ([kind] if kind else [])
    assert all(frame[26:30] == packed("10.0.0.1") and checksum(frame[34:]) == 0 for frame in answers)
    assert len(egress.transmitted) == (0 if kind else 1)


def test_an_ipv6_packet_whose_time_is_over_is_answered() -> None:
    bench = Bench()
    ingress, egress = bench.wire("fd00::1/64"), bench.tun()
    ingress.add_neighbour("fd00::9")
    bench.route("fd01::1/128", FibPath(if_index=egress.index, proto=6))
    ingress.receives(udp("fd00::9", "fd01::1", ttl=1))
    (frame,) = ingress.transmitted
    assert frame[54:56] == bytes([3, 0])
    assert transport_sum_is_right(frame[14:])


def test_what_does_not_fit_and_may_not_be_cut_is_reported_with_the_mtu() -> None:
    bench = Bench()
    ingress, egress = bench.wire("10.0.0.1/24"), bench.tun(mtu=[1000, 0, 0, 0])
    ingress.add_neighbour("10.0.0.9")
    bench.route("10.1.0.1/32", FibPath(if_index=egress.index))
    ingress.receives(udp("10.0.0.9", "10.1.0.1", size=1400, df=True))
    (frame,) = ingress.transmitted
    assert frame[34:36] == bytes([3, 4])
    assert int.from_bytes(frame[38:42]) == 1000
    assert egress.transmitted == []


def test_ipv6_is_never_cut() -> None:
    bench = Bench()
    ingress, egress = bench.wire("fd00::1/64"), bench.tun(mtu=[0, 0, 1280, 0])
    ingress.add_neighbour("fd00::9")
    bench.route("fd01::1/128", FibPath(if_index=egress.index, proto=6))
    ingress.receives(udp("fd00::9", "fd01::1", size=1400))
    (frame,) = ingress.transmitted
    assert frame[54:56] == bytes([2, 0])
    assert int.from_bytes(frame[58:62]) == 1280


def test_fragments_carry_everything_once() -> None:
    bench = Bench()
    ingress, egress = bench.wire("10.0.0.1/24"), bench.tun(mtu=[600, 0, 0, 0])
    bench.route("10.1.0.1/32", FibPath(if_index=egress.index))
    packet = udp("10.0.0.9", "10.1.0.1", size=1400)
    ingress.receives(packet)
    pieces = egress.transmitted
    assert all(len(piece) <= 600 and checksum(piece[:20]) == 0 for piece in pieces)
    offsets = [(int.from_bytes(piece[6:8]) & 0x1FFF) * 8 for piece in pieces]
    whole = b"".join(piece[20:] for _, piece in sorted(zip(offsets, pieces, strict=True)))
    assert whole == packet[20:]
    assert [bool(piece[6] & 0x20) for piece in pieces] == [True] * (len(pieces) - 1) + [False]


def test_packets_wait_for_their_next_hop_to_answer() -> None:
    bench = Bench()
    ingress, egress = bench.wire("10.0.0.1/24"), bench.wire("10.0.1.1/24", mac=STRANGER_MAC)
    ingress.receives(udp("10.0.0.9", "10.0.1.9"))
    (question,) = egress.transmitted
    assert question[12:14] == b"\x08\x06"
    bench.output.learn(egress.interface, packed("10.0.1.9"), NEIGHBOUR_MAC)
    (frame,) = egress.transmitted
    assert frame[:6] == NEIGHBOUR_MAC


def test_traffic_is_shared_by_weight_and_one_flow_keeps_its_way() -> None:
    bench = Bench()
    ingress, first, second = bench.tun("10.0.0.1/32"), bench.tun(), bench.tun()
    bench.route("10.1.0.0/16", FibPath(if_index=first.index, weight=3), FibPath(if_index=second.index))
    for port in range(1000):
        ingress.receives(udp("10.9.9.9", "10.1.0.1", ports=(port, 80)))
    shares = len(first.transmitted), len(second.transmitted)
    assert sum(shares) == 1000
    assert 650 < shares[0] < 850
    for _ in range(10):
        ingress.receives(udp("10.9.9.9", "10.1.0.1", ports=(7, 80)))
    assert 0 in (len(first.transmitted), len(second.transmitted))


def test_the_way_changes_with_the_link() -> None:
    bench = Bench()
    ingress, first, second = bench.tun("10.0.0.1/32"), bench.tun(), bench.tun()
    bench.route("10.1.0.0/16", FibPath(if_index=first.index), FibPath(if_index=second.index, preference=1))
    ingress.receives(udp("10.9.9.9", "10.1.0.1"))
    assert (len(first.transmitted), len(second.transmitted)) == (1, 0)
    lifecycle.set_admin(bench, first.interface, False)
    ingress.receives(udp("10.9.9.9", "10.1.0.1"))
    assert (len(first.transmitted), len(second.transmitted)) == (0, 1)


@pytest.mark.parametrize(("kind", "code"), [(PathType.ICMP_UNREACH, 1), (PathType.ICMP_PROHIBIT, 13)])
def test_a_route_may_say_no_aloud(kind: PathType, code: int) -> None:
    bench = Bench()
    ingress = bench.wire("10.0.0.1/24")
    ingress.add_neighbour("10.0.0.9")
    bench.route("10.1.0.0/16", FibPath(type=kind))
    ingress.receives(udp("10.0.0.9", "10.1.0.1"))
    (frame,) = ingress.transmitted
    assert frame[34:36] == bytes([3, code])


@pytest.mark.parametrize(
    "damage",
    [lambda p: p[:19], lambda p: p[:-1], lambda p: b"\x44" + p[1:], lambda p: p[:10] + b"\0\0" + p[12:], lambda p: b""],
)
def test_damaged_packets_are_dropped_and_counted(damage) -> None:  # type: ignore[no-untyped-def]
    bench = Bench()
    ingress, egress = bench.tun("10.0.0.1/32"), bench.tun()
    bench.route("10.1.0.1/32", FibPath(if_index=egress.index))
    bench.device_input.receive(ingress.index, damage(udp("10.9.9.9", "10.1.0.1")))
    assert egress.transmitted == []
    assert sum(bench.counters.values()) == 1


def test_padding_behind_a_short_packet_is_cut_off() -> None:
    bench = Bench()
    ingress, egress = bench.wire("10.0.0.1/24"), bench.tun()
    bench.route("10.1.0.1/32", FibPath(if_index=egress.index))
    packet = udp("10.0.0.9", "10.1.0.1", size=2)
    ingress.receives(packet + bytes(16))
    assert [len(sent) for sent in egress.transmitted] == [len(packet)]


def test_frames_for_other_macs_are_heard_only_when_promiscuous() -> None:
    bench = Bench()
    ingress, egress = bench.wire("10.0.0.1/24"), bench.tun()
    bench.route("10.1.0.1/32", FibPath(if_index=egress.index))
    ingress.receives(udp("10.0.0.9", "10.1.0.1"), to=STRANGER_MAC)
    assert egress.transmitted == []
    ingress.interface.promiscuous = True
    ingress.receives(udp("10.0.0.9", "10.1.0.1"), to=STRANGER_MAC)
    assert len(egress.transmitted) == 1
    assert ingress.interface.mac == VPP_MAC


def test_an_interface_without_addresses_hears_nothing() -> None:
    bench = Bench()
    ingress, egress = bench.tun(), bench.tun()
    bench.route("10.1.0.1/32", FibPath(if_index=egress.index))
    ingress.receives(udp("10.9.9.9", "10.1.0.1"))
    assert egress.transmitted == []
    assert bench.counters["drop_ip4_not_enabled"] == 1


def test_tables_lead_to_other_tables() -> None:
    bench = Bench()
    ingress, egress = bench.tun("10.0.0.1/32"), bench.tun()
    bench.tables.add(4, 7, "")
    bench.route("0.0.0.0/0", FibPath(table_id=7))
    bench.route("10.1.0.1/32", FibPath(if_index=egress.index), table=7)
    ingress.receives(udp("10.9.9.9", "10.1.0.1"))
    assert len(egress.transmitted) == 1


def test_tables_that_lead_in_circles_swallow_packets() -> None:
    bench = Bench()
    ingress = bench.tun("10.0.0.1/32")
    bench.tables.add(4, 7, "")
    bench.route("0.0.0.0/0", FibPath(table_id=7))
    bench.route("0.0.0.0/0", FibPath(table_id=0), table=7)
    ingress.receives(udp("10.9.9.9", "10.1.0.1"))
    assert bench.counters["drop_ip4_no_route"] == 1


def test_ipv4_may_go_by_an_ipv6_next_hop() -> None:
    bench = Bench()
    ingress, egress = bench.tun("10.0.0.1/32"), bench.wire("fd00::1/64")
    egress.add_neighbour("fd00::9")
    bench.route("10.1.0.0/16", FibPath(if_index=egress.index, next_hop=packed("fd00::9"), proto=6))
    ingress.receives(udp("10.9.9.9", "10.1.0.1"))
    (frame,) = egress.transmitted
    assert (frame[:6], frame[12:14]) == (NEIGHBOUR_MAC, b"\x08\x00")


def test_the_all_ones_next_hop_is_everybody() -> None:
    bench = Bench()
    ingress, egress = bench.tun("10.0.0.1/32"), bench.wire("10.0.1.1/24")
    bench.route("255.255.255.255/32", FibPath(if_index=egress.index, next_hop=b"\xff" * 16, proto=6))
    ingress.receives(udp("10.9.9.9", "255.255.255.255"))
    (frame,) = egress.transmitted
    assert frame[:6] == b"\xff" * 6


SEEDS = [
    udp("10.9.9.9", "10.1.0.1", size=40),
    udp("10.9.9.9", "192.0.2.1", size=40),
    udp("fd09::9", "fd00::1", size=40),
    udp("fe80::9", "ff02::1", size=40),
]


@given(
    st.sampled_from(SEEDS), st.dictionaries(st.integers(0, 87), st.integers(0, 255)), st.integers(0, 88), st.booleans()
)
def test_no_packet_is_strange_enough_to_break_anything(
    seed: bytes, flips: dict[int, int], cut: int, link: bool
) -> None:
    bench = Bench()
    port = bench.wire("192.0.2.1/24", "fd00::1/64") if link else bench.tun("192.0.2.1/32", "fd00::1/128")
    port.interface.proxy_arp = port.interface.nd_proxy = True
    bench.route("10.1.0.1/32", FibPath(if_index=bench.tun(mtu=[68, 0, 0, 0]).index))
    damaged = bytearray(seed)
    for at, value in flips.items():
        if at < len(damaged):
            damaged[at] = value
    if damaged[0] >> 4 == 4 and (damaged[0] & 15) * 4 <= len(damaged):
        damaged[10:12] = bytes(2)
        damaged[10:12] = checksum(damaged[: (damaged[0] & 15) * 4]).to_bytes(2)
    header = (
        VPP_MAC + NEIGHBOUR_MAC + (b"\x08\x06" if cut == 88 else b"\x86\xdd" if damaged[0] >> 4 == 6 else b"\x08\x00")
    )
    port.frame((header if link else b"") + bytes(damaged[: cut or None]))
