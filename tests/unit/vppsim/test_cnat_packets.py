"""cnat on the packet path: services, their answers, source NAT, and what is remembered of each."""

import pytest

from tests.unit.vppsim.bench import tcp, transport_sum_is_right, udp
from tests.unit.vppsim.cnat_world import (
    ACK,
    FAMILIES,
    SCTP,
    SYN_ACK,
    World,
    echo,
    ends,
    packet,
    sctp_init,
    sums_are_right,
    tcp_segment,
)
from tools.vppsim.packets.headers import TCP, UDP
from tools.vppsim.packets.offload import GSO_TCP4, GSO_TCP6, NEEDS_CHECKSUM, Offload


@FAMILIES
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_service_leads_to_its_backend_and_the_answer_comes_from_the_service(
    protocol: int, client: str, vip: str, backend: str, outside: str, node: str
) -> None:
    world = World()
    world.serve(vip, 80, (backend, 8080), protocol=protocol)
    for _ in range(2):
        ((request,),) = world.carry(0, packet(protocol, client, vip, (1000, 80))).values()
        assert ends(request) == (client, 1000, backend, 8080)
        ((answer,),) = world.carry(1, packet(protocol, backend, client, (8080, 1000))).values()
        assert ends(answer) == (vip, 80, client, 1000)
        assert sums_are_right(request)
        assert sums_are_right(answer)
    assert len(world.cnat.sessions) == 2
    assert outside != node


def test_sctp_is_translated_over_ipv4_only() -> None:
    world = World()
    world.serve("10.96.0.10", 80, ("10.0.1.9", 8080), protocol=SCTP)
    world.serve("fd01::9", 80, ("fd02::9", 8080), protocol=SCTP)
    ((forwarded,),) = world.carry(0, sctp_init("10.0.0.9", "10.96.0.10", (1000, 80))).values()
    assert ends(forwarded) == ("10.0.0.9", 1000, "10.0.1.9", 8080)
    assert sums_are_right(forwarded)
    ((untouched,),) = world.carry(0, sctp_init("fd00::9", "fd01::9", (1000, 80))).values()
    assert ends(untouched) == ("fd00::9", 1000, "fd01::9", 80)


def test_another_port_or_protocol_of_a_service_address_is_left_alone() -> None:
    world = World()
    world.serve("99.0.0.7", 80, ("10.0.1.9", 8080))
    assert [*world.carry(0, tcp_segment("10.0.0.9", "99.0.0.7", (1000, 81)))] == [2]
    assert [*world.carry(0, udp("10.0.0.9", "99.0.0.7", ports=(1000, 80)))] == [2]


def test_an_interface_without_the_feature_translates_nothing() -> None:
    world = World()
    world.serve("99.0.0.7", 80, ("10.0.1.9", 8080))
    world.cnat.enable(world.links[0].index, False)
    ((forwarded,),) = world.carry(0, tcp_segment("10.0.0.9", "99.0.0.7", (1000, 80))).values()
    assert ends(forwarded) == ("10.0.0.9", 1000, "99.0.0.7", 80)
    assert len(world.cnat.sessions) == 0


def test_enabled_twice_nothing_is_decided_for_new_flows() -> None:
    world = World()
    world.serve("99.0.0.7", 80, ("10.0.1.9", 8080))
    world.cnat.enable(world.links[0].index, True)
    ((forwarded,),) = world.carry(0, tcp_segment("10.0.0.9", "99.0.0.7", (1000, 80))).values()
    assert ends(forwarded)[2:] == ("99.0.0.7", 80)
    world.cnat.enable(world.links[0].index, False)
    ((forwarded,),) = world.carry(0, tcp_segment("10.0.0.9", "99.0.0.7", (1001, 80))).values()
    assert ends(forwarded)[2:] == ("10.0.1.9", 8080)


@FAMILIES
@pytest.mark.parametrize("protocol", [TCP, UDP])
def test_a_masqueraded_pod_speaks_with_the_nodes_address_and_hears_the_answers(
    protocol: int, client: str, vip: str, backend: str, outside: str, node: str
) -> None:
    world = World()
    world.masquerade()
    ((request,),) = world.carry(0, packet(protocol, client, outside, (1000, 53))).values()
    assert ends(request) == (node, 49152, outside, 53)
    ((answer,),) = world.carry(2, packet(protocol, outside, node, (53, 49152))).values()
    assert ends(answer) == (outside, 53, client, 1000)
    assert sums_are_right(request)
    assert sums_are_right(answer)
    assert vip != backend


def test_a_masqueraded_pod_is_itself_towards_excluded_prefixes() -> None:
    world = World()
    world.masquerade()
    for source, to in (("10.0.0.9", "10.0.1.9"), ("fd00::8", "fd01::9")):
        ((forwarded,),) = world.carry(0, udp(source, to, ports=(1001, 53))).values()
        assert ends(forwarded) == (source, 1001, to, 53)


def test_ipv6_flows_between_equal_last_four_bytes_count_as_to_oneself_as_in_vpp() -> None:
    world = World()
    world.masquerade()
    ((forwarded,),) = world.carry(0, udp("fd00::9", "fd01::9", ports=(1001, 53))).values()
    assert ends(forwarded) == ("fd02::1", 49152, "fd01::9", 53)


def test_sctp_has_no_ports_for_source_nat_and_is_dropped() -> None:
    world = World()
    world.masquerade()
    assert world.carry(0, sctp_init("10.0.0.9", "99.0.0.1", (1000, 80))) == {}
    assert world.counters["cnat_no_more_free_ports"] == 1
    assert world.carry(0, sctp_init("10.0.0.9", "99.0.0.1", (1000, 80))) == {}


def test_pings_are_masqueraded_by_identifier_and_answered_for_ipv4() -> None:
    world = World()
    world.masquerade()
    ((request,),) = world.carry(0, echo("10.0.0.9", "99.0.0.1", 7)).values()
    assert ends(request) == ("10.0.2.1", 49152, "99.0.0.1", 49152)
    ((answer,),) = world.carry(2, echo("99.0.0.1", "10.0.2.1", 49152, reply=True)).values()
    assert ends(answer) == ("99.0.0.1", 7, "10.0.0.9", 7)
    assert sums_are_right(request)
    assert sums_are_right(answer)


def test_answers_to_masqueraded_ipv6_pings_do_not_come_back_as_in_vpp() -> None:
    world = World()
    world.masquerade()
    ((request,),) = world.carry(0, echo("fd00::9", "2001::1", 7)).values()
    assert ends(request) == ("fd02::1", 49152, "2001::1", 49152)
    assert 0 not in world.carry(2, echo("2001::1", "fd02::1", 49152, reply=True))


def test_a_pod_that_reaches_itself_through_a_service_sees_the_node() -> None:
    world = World()
    world.masquerade()
    world.serve("10.96.0.10", 80, ("10.0.0.9", 8080))
    ((request,),) = world.carry(0, tcp_segment("10.0.0.9", "10.96.0.10", (1000, 80))).values()
    assert ends(request) == ("10.0.2.1", 49152, "10.0.0.9", 8080)
    ((answer,),) = world.carry(0, tcp_segment("10.0.0.9", "10.0.2.1", (8080, 49152), SYN_ACK)).values()
    assert ends(answer) == ("10.96.0.10", 80, "10.0.0.9", 1000)
    assert sums_are_right(answer)


def test_a_client_outside_is_seen_by_local_pods_and_hidden_from_remote_ones() -> None:
    world = World()
    world.masquerade()
    world.serve("10.96.0.10", 80, ("10.0.1.9", 8080))
    world.serve("10.96.0.11", 80, ("10.0.2.9", 8080))
    ((local,),) = world.carry(2, tcp_segment("88.0.0.1", "10.96.0.10", (1000, 80))).values()
    assert ends(local) == ("88.0.0.1", 1000, "10.0.1.9", 8080)
    ((remote,),) = world.carry(2, tcp_segment("88.0.0.1", "10.96.0.11", (1000, 80))).values()
    assert ends(remote) == ("10.0.2.1", 49152, "10.0.2.9", 8080)


def test_a_flow_seen_before_its_service_stays_untranslated_while_it_lasts() -> None:
    world = World()
    before = udp("10.0.0.9", "99.0.0.7", ports=(1000, 53))
    assert [*world.carry(0, before)] == [2]
    world.serve("99.0.0.7", 53, ("10.0.1.9", 53), protocol=UDP)
    for _ in range(3):
        world.later(29)
        assert [*world.carry(0, before)] == [2]
    assert [*world.carry(0, udp("10.0.0.9", "99.0.0.7", ports=(1001, 53)))] == [1]
    world.later(31)
    assert [*world.carry(0, before)] == [1]


def test_no_nat_carries_the_packet_as_it_is_to_the_backend() -> None:
    world = World()
    world.serve("10.96.0.10", 80, ("10.0.1.9", 8080), lb_type=1, path_flags=2)
    for flags in (2, ACK):
        out = world.carry(2, tcp_segment("88.0.0.1", "10.96.0.10", (1000, 80), flags))
        assert {n: [ends(packet) for packet in packets] for n, packets in out.items()} == {
            1: [("88.0.0.1", 1000, "10.96.0.10", 80)]
        }


def test_from_a_pod_no_nat_is_translated_at_once() -> None:
    world = World()
    world.masquerade()
    world.serve("10.96.0.10", 80, ("10.0.1.9", 8080), path_flags=2)
    ((forwarded,),) = world.carry(0, tcp_segment("10.0.0.9", "10.96.0.10", (1000, 80))).values()
    assert ends(forwarded)[2:] == ("10.0.1.9", 8080)


def test_no_return_session_leaves_the_answers_as_they_are() -> None:
    world = World()
    world.serve("10.96.0.10", 80, ("10.0.1.9", 8080), flags=13)
    world.carry(0, tcp_segment("10.0.0.9", "10.96.0.10", (1000, 80)))
    ((answer,),) = world.carry(1, tcp_segment("10.0.1.9", "10.0.0.9", (8080, 1000), SYN_ACK)).values()
    assert ends(answer) == ("10.0.1.9", 8080, "10.0.0.9", 1000)


@pytest.mark.parametrize(
    ("client", "vip", "backend", "gso"),
    [("10.0.0.9", "10.96.0.10", "10.0.1.9", GSO_TCP4), ("fd00::9", "fd96::10", "fd01::9", GSO_TCP6)],
)
def test_unfinished_checksums_and_unsegmented_packets_are_translated_too(
    client: str, vip: str, backend: str, gso: int
) -> None:
    world = World()
    world.serve(vip, 2000, (backend, 8080))
    data, start = tcp(client, vip, bytes(range(200)) * 20)
    world.links[0].receives(data, Offload(NEEDS_CHECKSUM, gso, start + 20, 1000, start, 16))
    pieces = [frame[14:] for frame in world.links[1].transmitted]
    assert [ends(piece)[2:] for piece in pieces] == [(backend, 8080)] * 4
    assert all(transport_sum_is_right(piece) for piece in pieces)


def test_vpps_own_answers_to_pings_belong_to_the_session_of_the_ping() -> None:
    world = World()
    ((answer,),) = world.carry(0, echo("10.0.0.9", "10.0.0.1", 7)).values()
    assert ends(answer)[0] == "10.0.0.1"
    assert sorted(is_return for *_, is_return in world.cnat.sessions.entries()) == [False, True]
