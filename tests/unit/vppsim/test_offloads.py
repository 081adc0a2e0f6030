"""Unsegmented packets and unfinished checksums: kept, moved to another link header, or finished."""

import pytest

from tests.unit.vppsim.bench import Bench, Port, tcp, transport_sum_is_right
from tools.vppsim.fib.paths import FibPath
from tools.vppsim.packets.checksum import checksum
from tools.vppsim.packets.offload import (
    GSO_TCP4,
    GSO_TCP6,
    NEEDS_CHECKSUM,
    Offload,
    pack_virtio_header,
    parse_virtio_header,
)

FIN, PSH = 0x01, 0x08
FAMILIES = pytest.mark.parametrize(
    ("source", "to", "gso"), [("10.9.9.9", "10.1.0.1", GSO_TCP4), ("fd09::9", "fd01::1", GSO_TCP6)]
)


def world(to: str, offload: bool) -> tuple[Port, Port]:
    """A tun for packets to come in by and one for them to leave by."""
    bench = Bench()
    ingress = bench.tun("10.0.0.1/32", "fd00::1/128")
    egress = bench.tun(offload_checksum=offload, offload_segmentation=offload)
    version = 6 if ":" in to else 4
    bench.route(f"{to}/{128 if version == 6 else 32}", FibPath(if_index=egress.index, proto=version))
    return ingress, egress


@FAMILIES
def test_a_device_that_can_gets_the_packet_whole(source: str, to: str, gso: int) -> None:
    ingress, egress = world(to, offload=True)
    packet, start = tcp(source, to, bytes(5000))
    offload = Offload(NEEDS_CHECKSUM, gso, start + 20, 1000, start, 16)
    ingress.receives(packet, offload)
    ((forwarded, frame),) = egress.transmitted_with_offloads
    assert forwarded == offload
    assert len(frame) == len(packet)


@FAMILIES
def test_a_device_that_cannot_gets_segments_with_good_checksums(source: str, to: str, gso: int) -> None:
    ingress, egress = world(to, offload=False)
    payload = bytes(range(250)) * 18
    packet, start = tcp(source, to, payload, flags=FIN | PSH | 0x10)
    ingress.receives(packet, Offload(NEEDS_CHECKSUM, gso, start + 20, 1000, start, 16))
    pieces = egress.transmitted
    assert b"".join(piece[start + 20 :] for piece in pieces) == payload
    assert all(transport_sum_is_right(piece) for piece in pieces)
    assert all(piece[0] >> 4 == 6 or checksum(piece[:20]) == 0 for piece in pieces)
    assert [int.from_bytes(p[start + 4 : start + 8]) for p in pieces] == [5000 + 1000 * n for n in range(5)]
    assert [p[start + 13] & (FIN | PSH) for p in pieces] == [0, 0, 0, 0, FIN | PSH]


@FAMILIES
def test_an_unfinished_checksum_is_finished_for_a_device_that_cannot(source: str, to: str, gso: int) -> None:
    ingress, egress = world(to, offload=False)
    packet, start = tcp(source, to, b"hello")
    ingress.receives(packet, Offload(NEEDS_CHECKSUM, 0, 0, 0, start, 16))
    (frame,) = egress.transmitted
    assert transport_sum_is_right(frame)
    assert gso


def test_the_mtu_counts_segments_not_the_whole() -> None:
    ingress, egress = world("10.1.0.1", offload=True)
    egress.interface.mtu = [1400, 0, 0, 0]
    packet, start = tcp("10.9.9.9", "10.1.0.1", bytes(20000))
    ingress.receives(packet, Offload(NEEDS_CHECKSUM, GSO_TCP4, start + 20, 1300, start, 16))
    assert len(egress.transmitted) == 1


@pytest.mark.parametrize("link_header", [0, 14])
def test_offsets_count_from_the_ip_header_whatever_the_device(link_header: int) -> None:
    offload = Offload(NEEDS_CHECKSUM, GSO_TCP4, 40, 1448, 20, 16)
    wire = pack_virtio_header(offload, link_header, 12)
    assert len(wire) == 12
    assert int.from_bytes(wire[6:8], "little") == 20 + link_header
    assert parse_virtio_header(wire, link_header) == offload


def test_a_header_with_nothing_to_do_is_none() -> None:
    assert parse_virtio_header(bytes(12), 14) is None
    assert pack_virtio_header(None, 14, 12) == bytes(12)


def test_merged_packets_whose_checksum_was_checked_already_are_segmented_alike() -> None:
    ingress, egress = world("10.1.0.1", offload=False)
    packet, start = tcp("10.9.9.9", "10.1.0.1", bytes(range(200)) * 20)
    ingress.receives(packet, Offload(0, GSO_TCP4, start + 20, 1000, 0, 0))
    pieces = egress.transmitted
    assert len(pieces) == 4
    assert all(transport_sum_is_right(piece) for piece in pieces)


@pytest.mark.parametrize(
    "offload",
    [
        Offload(NEEDS_CHECKSUM, GSO_TCP4, 40, 0, 20, 16),  # segments of nothing
        Offload(NEEDS_CHECKSUM, GSO_TCP4, 40, 1000, 5000, 16),  # a checksum behind the end
        Offload(NEEDS_CHECKSUM, 9, 40, 1000, 20, 16),  # an unknown kind of segments
        Offload(NEEDS_CHECKSUM, 0, 0, 0, 0, 16),  # a checksum inside the IP header
    ],
)
def test_offloads_that_do_not_fit_their_packet_are_dropped_and_counted(offload: Offload) -> None:
    ingress, egress = world("10.1.0.1", offload=True)
    packet, _ = tcp("10.9.9.9", "10.1.0.1", bytes(3000))
    ingress.receives(packet, offload)
    assert egress.transmitted == []
    assert ingress.bench.counters["drop_offload_malformed"] == 1
