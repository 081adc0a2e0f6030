"""Which pods VPP has buffers for, and how its free buffers are read from its stats segment."""

import array
import socket
import struct
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from actors.cni.buffer_claims import BufferClaims, NoFreeBuffers
from actors.cni.interface_spec import buffers_needed
from actors.cni.stats_segment import BuffersSeen, StatsUnreadable, buffers_in, read_buffers
from schemas.calico_vpp import InterfaceSpec

BASE = 0x130000000  # where VPP has the segment mapped
DIRECTORY = 64
GAUGES = {"/sys/heartbeat": 7, "/buffer-pools/numa-0/used": 9, "/buffer-pools/numa-0/available": 4000}
SECOND_POOL = {"/buffer-pools/numa-1/available": 500}


def segment(gauges: dict[str, int], version: int = 2, in_progress: int = 0) -> bytes:
    """A stats segment as VPP lays it out."""
    head = struct.pack("=5Q", version, BASE, 3, in_progress, BASE + DIRECTORY)
    entries = b"".join(struct.pack("=I4xQ128s", 9, value, name.encode()) for name, value in gauges.items())
    length = struct.pack("=I", len(gauges))
    return head.ljust(DIRECTORY - 8, b"\0") + length.ljust(8, b"\0") + entries


def read(data: bytes) -> BuffersSeen:
    return buffers_in(data, time.monotonic() + 0.05)


def test_free_buffers_are_those_of_all_pools_at_vpp_s_last_count() -> None:
    assert read(segment(GAUGES)) == BuffersSeen(4000, 7)
    assert read(segment(GAUGES | SECOND_POOL)) == BuffersSeen(4500, 7)


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (segment(GAUGES, version=3), "version 3"),
        (segment({"/sys/heartbeat": 7}), "without buffer pools"),
        (segment(GAUGES, in_progress=1), "in change all the time"),
    ],
)
def test_a_segment_that_cannot_be_read_is_named(data: bytes, why: str) -> None:
    with pytest.raises(StatsUnreadable, match=why):
        read(data)


@pytest.fixture
def stats_socket(tmp_path: Path) -> Iterator[Path]:
    """Where somebody hands out a segment's descriptor, once, as VPP does."""
    path = tmp_path / "stats.sock"
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener, tempfile.TemporaryFile() as memory:
        listener.bind(str(path))
        listener.listen()
        memory.write(segment(GAUGES))
        memory.flush()

        def hand_out() -> None:
            connection, _ = listener.accept()
            with connection:
                socket.send_fds(connection, [b"\0"], array.array("i", [memory.fileno()]))

        thread = threading.Thread(target=hand_out, daemon=True)
        thread.start()
        yield path
        thread.join(5)


def test_the_segment_is_mapped_from_the_descriptor_that_the_socket_hands_out(stats_socket: Path) -> None:
    assert read_buffers(stats_socket) == BuffersSeen(4000, 7)


def test_no_socket_is_no_segment(tmp_path: Path) -> None:
    with pytest.raises(StatsUnreadable, match=r"stats\.sock: .*No such file"):
        read_buffers(tmp_path / "stats.sock")


def test_a_pod_needs_what_all_its_rings_hold() -> None:
    assert buffers_needed(InterfaceSpec()) == 2048
    assert buffers_needed(InterfaceSpec(rx=3, rxqsz=256, tx=2, txqsz=512)) == 3 * 256 + 2 * 512


def test_who_does_not_fit_is_told_what_it_needs_and_what_is_free() -> None:
    claims = BufferClaims()
    claims.claim("a", 2048, 4000, 1)
    with pytest.raises(NoFreeBuffers, match="need 2048, 1952 are free"):
        claims.claim("b", 2048, 4000, 1)
    claims.drop("a")
    claims.claim("b", 2048, 4000, 1)


def test_a_claim_holds_until_vpp_has_counted_after_the_pod_was_wired() -> None:
    claims = BufferClaims()
    claims.claim("a", 2048, 5000, 1)
    claims.claim("b", 2048, 5000, 3)  # VPP has counted twice, but `a` is not wired yet
    claims.drop("b")
    claims.wired("a")
    claims.claim("b", 2048, 5000, 3)  # of this count nobody knows whether `a` is in it
    with pytest.raises(NoFreeBuffers):
        claims.claim("c", 2048, 5000, 3)
    claims.claim("c", 1000, 3976, 4)  # now it is
    with pytest.raises(NoFreeBuffers, match="need 1000, 928 are free"):
        claims.claim("d", 1000, 3976, 4)


def test_a_pod_that_is_asked_for_again_claims_once() -> None:
    claims = BufferClaims()
    claims.claim("a", 2048, 2048, 1)
    claims.claim("a", 2048, 2048, 1)
