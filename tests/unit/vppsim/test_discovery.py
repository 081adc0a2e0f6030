"""ARP and neighbour discovery: asking, answering, learning, answering for others."""

import pytest

from tests.unit.vppsim.bench import NEIGHBOUR_MAC, STRANGER_MAC, VPP_MAC, Bench, packed, transport_sum_is_right, udp
from tools.vppsim.dataplane.nd import ADVERTISEMENT, SOLICITATION
from tools.vppsim.packets.headers import (
    ARP,
    ARP_REPLY,
    ARP_REQUEST,
    BROADCAST_MAC,
    arp_packet,
    icmp6,
    ip6_header,
    multicast_mac,
    solicited_node,
)


def arp(operation: int, sender: str, target: str, mac: bytes = NEIGHBOUR_MAC, link: bytes = NEIGHBOUR_MAC) -> bytes:
    return BROADCAST_MAC + link + ARP + arp_packet(operation, (mac, packed(sender)), (bytes(6), packed(target)))


def test_a_question_for_our_address_is_answered_and_its_sender_learnt() -> None:
    bench = Bench()
    port = bench.wire("10.0.0.1/24")
    port.frame(arp(ARP_REQUEST, "10.0.0.9", "10.0.0.1"))
    (frame,) = port.transmitted
    assert frame[:14] == NEIGHBOUR_MAC + VPP_MAC + ARP
    assert frame[20:42] == ARP_REPLY.to_bytes(2) + VPP_MAC + packed("10.0.0.1") + NEIGHBOUR_MAC + packed("10.0.0.9")
    assert bench.neighbours.mac(port.index, packed("10.0.0.9")) == NEIGHBOUR_MAC


@pytest.mark.parametrize(
    "frame",
    [
        arp(ARP_REQUEST, "10.0.0.9", "10.0.0.2"),  # not ours
        arp(ARP_REQUEST, "10.0.7.9", "10.0.0.1"),  # from another link
        arp(ARP_REQUEST, "10.0.0.9", "10.0.0.1", link=STRANGER_MAC),  # ARP and Ethernet disagree
        arp(ARP_REQUEST, "0.0.0.0", "10.0.0.1"),  # a probe
        arp(ARP_REQUEST, "10.0.0.1", "10.0.0.1"),  # somebody has our address
    ],
)
def test_other_questions_are_neither_answered_nor_believed(frame: bytes) -> None:
    bench = Bench()
    port = bench.wire("10.0.0.1/24")
    port.frame(frame)
    assert port.transmitted == []
    assert bench.neighbours.entries(4) == []


def test_an_answer_to_us_is_learnt() -> None:
    bench = Bench()
    port = bench.wire("10.0.0.1/24")
    port.frame(arp(ARP_REPLY, "10.0.0.9", "10.0.0.1"))
    assert bench.neighbours.mac(port.index, packed("10.0.0.9")) == NEIGHBOUR_MAC


def test_a_gratuitous_announcement_updates_only_whom_we_know() -> None:
    bench = Bench()
    port = bench.wire("10.0.0.1/24")
    port.frame(arp(ARP_REQUEST, "10.0.0.9", "10.0.0.9"))
    assert bench.neighbours.entries(4) == []
    bench.output.learn(port.interface, packed("10.0.0.9"), STRANGER_MAC)
    port.frame(arp(ARP_REQUEST, "10.0.0.9", "10.0.0.9"))
    assert bench.neighbours.mac(port.index, packed("10.0.0.9")) == NEIGHBOUR_MAC


def test_a_proxy_answers_for_everybody_even_to_our_own_address() -> None:
    bench = Bench()
    port = bench.wire("169.254.0.1/32")
    bench.proxy_arp.append((0, packed("0.0.0.0"), packed("255.255.255.255")))
    port.frame(arp(ARP_REQUEST, "192.0.2.1", "192.0.2.254"))
    assert port.transmitted == []
    port.interface.proxy_arp = True
    bench.route("192.0.2.1/32", _host_path(port.index))
    port.frame(arp(ARP_REQUEST, "192.0.2.1", "192.0.2.254"))
    (frame,) = port.transmitted
    assert frame[22:32] == VPP_MAC + packed("192.0.2.254")


def _host_path(index: int):  # type: ignore[no-untyped-def]
    from tools.vppsim.fib.paths import FibPath

    return FibPath(if_index=index, next_hop=packed("192.0.2.1"))


def test_silence_is_asked_again_then_forgotten_with_its_packets() -> None:
    bench = Bench()
    ingress, egress = bench.tun("10.9.0.1/32"), bench.wire("10.0.0.1/24")
    ingress.receives(udp("10.9.9.9", "10.0.0.9"))
    bench.time += 1
    bench.tick()
    assert len(egress.transmitted) == 2
    bench.time += 5
    bench.tick()
    bench.output.learn(egress.interface, packed("10.0.0.9"), NEIGHBOUR_MAC)
    assert egress.transmitted == []


def test_old_neighbours_are_asked_and_those_who_are_silent_forgotten() -> None:
    bench = Bench()
    port = bench.wire("10.0.0.1/24")
    bench.neighbours.config[4].age_s = 30
    bench.output.learn(port.interface, packed("10.0.0.9"), NEIGHBOUR_MAC)
    port.add_neighbour("10.0.0.10")
    for _ in range(4):
        bench.time += 31
        bench.tick()
    assert len(port.transmitted) == 3
    assert [key[1] for key, _ in bench.neighbours.entries(4)] == [packed("10.0.0.10")]


def nd(kind: int, source: str, to: str, target: str, mac: bytes = NEIGHBOUR_MAC) -> bytes:
    option = bytes([1 if kind == SOLICITATION else 2, 1]) + mac
    body = icmp6(packed(source), packed(to), kind, 0, bytes(4) + packed(target) + option)
    return ip6_header(packed(source), packed(to), 58, len(body), 255) + body


def solicit(source: str, target: str) -> tuple[bytes, bytes]:
    """A multicast solicitation and its MAC."""
    group = solicited_node(packed(target))
    option = bytes([1, 1]) + NEIGHBOUR_MAC
    body = icmp6(packed(source), group, SOLICITATION, 0, bytes(4) + packed(target) + option)
    return ip6_header(packed(source), group, 58, len(body), 255) + body, multicast_mac(group)


@pytest.mark.parametrize("target", ["fd00::1", "fe80::ff:fe00:1"])
def test_a_solicitation_for_our_address_is_answered(target: str) -> None:
    bench = Bench()
    port = bench.wire("fd00::1/64")
    packet, mac = solicit("fd00::9", target)
    port.receives(packet, to=mac)
    (frame,) = port.transmitted
    assert frame[:6] == NEIGHBOUR_MAC
    assert frame[54] == ADVERTISEMENT
    assert frame[62:78] == packed(target)
    assert frame[80:86] == VPP_MAC
    assert frame[21] == 255
    assert transport_sum_is_right(frame[14:])
    assert bench.neighbours.mac(port.index, packed("fd00::9")) == NEIGHBOUR_MAC


def test_a_solicitation_for_somebody_else_is_not_answered() -> None:
    bench = Bench()
    port = bench.wire("fd00::1/64")
    packet, mac = solicit("fd00::9", "fd00::2")
    port.receives(packet, to=mac)
    assert port.transmitted == []


def test_an_advertisement_is_learnt() -> None:
    bench = Bench()
    port = bench.wire("fd00::1/64")
    port.receives(nd(ADVERTISEMENT, "fd00::9", "fd00::1", "fd00::9"))
    assert bench.neighbours.mac(port.index, packed("fd00::9")) == NEIGHBOUR_MAC


@pytest.mark.parametrize(("source", "answered"), [("2001:db8::1", True), ("fe80::9", False), ("::", False)])
def test_an_nd_proxy_answers_global_sources_whatever_they_ask(source: str, answered: bool) -> None:
    bench = Bench()
    port = bench.wire("fd00::1/64")
    port.interface.nd_proxy = True
    packet, mac = solicit(source, "2001:db8::fe")
    port.receives(packet, to=mac)
    assert bool(port.transmitted) is answered


def test_resolution_asks_the_solicited_node_group() -> None:
    bench = Bench()
    ingress, egress = bench.tun("fd09::1/128"), bench.wire("fd00::1/64")
    ingress.receives(udp("fd09::9", "fd00::9"))
    (frame,) = egress.transmitted
    assert frame[:6] == bytes.fromhex("3333ff000009")
    assert frame[54] == SOLICITATION
    egress.receives(nd(ADVERTISEMENT, "fd00::9", "fd00::1", "fd00::9"))
    assert [sent[:6] for sent in egress.transmitted] == [NEIGHBOUR_MAC]
