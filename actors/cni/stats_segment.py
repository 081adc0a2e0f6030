"""Edge: VPP's free buffers, read from its stats segment: shared memory that VPP writes and anybody maps, read-only.

VPP hands the memory's descriptor to whoever connects to the socket, and notices nothing of the reads after that.
Layout: vlib/stats/shared.h, version 2. VPP counts in turns, `statseg { update-interval }` seconds apart: what is read
is as old.
"""

import fnmatch
import mmap
import os
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_READ_S = 0.5
_VERSION = 2
_HEADER = struct.Struct("=5Q")  # version, base address, epoch, "a change is in progress", address of the directory
_ENTRY = struct.Struct("=I4xQ128s")  # type, value, name
_LENGTH = struct.Struct("=I")  # of a vector, at _LENGTH_BEFORE before its first element
_LENGTH_BEFORE = 8
_HEARTBEAT = "/sys/heartbeat"
_AVAILABLE = "/buffer-pools/*/available"


class BuffersSeen(NamedTuple):
    """What VPP counted last."""

    available: int  # free buffers, of all pools
    turn: int  # which of VPP's counting turns it was


class StatsUnreadable(Exception):
    """There is no stats segment, or none that can be read; the text says why."""


def read_buffers(stats_socket: Path) -> BuffersSeen:
    """The free buffers. Takes a second at most. Raises StatsUnreadable."""
    deadline = time.monotonic() + _READ_S
    try:
        with _mapped_segment(stats_socket) as segment:
            return buffers_in(segment, deadline)
    except (OSError, ValueError, struct.error) as error:
        raise StatsUnreadable(f"{stats_socket}: {error}") from None


def buffers_in(segment: mmap.mmap | bytes, deadline: float) -> BuffersSeen:
    """The free buffers that a segment tells of. Raises StatsUnreadable, struct.error."""
    while time.monotonic() < deadline:
        version, base, epoch, in_progress, directory = _HEADER.unpack_from(segment)
        if version != _VERSION:
            raise StatsUnreadable(f"stats segment of version {version}, not {_VERSION}")
        if in_progress or not directory:
            time.sleep(0.001)
            continue
        entries = dict(_entries(segment, directory - base))
        if _HEADER.unpack_from(segment)[2:4] == (epoch, 0):  # nothing moved meanwhile
            pools = fnmatch.filter(entries, _AVAILABLE)
            if not pools:
                raise StatsUnreadable("stats segment without buffer pools")
            return BuffersSeen(sum(entries[name] for name in pools), entries.get(_HEARTBEAT, 0))
    raise StatsUnreadable("stats segment in change all the time")


def _entries(segment: mmap.mmap | bytes, start: int) -> Iterator[tuple[str, int]]:
    """(name, value) of the directory; the value of what is no gauge means nothing."""
    (length,) = _LENGTH.unpack_from(segment, start - _LENGTH_BEFORE)
    for number in range(min(length, (len(segment) - start) // _ENTRY.size)):
        _, value, name = _ENTRY.unpack_from(segment, start + number * _ENTRY.size)
        yield name.partition(b"\0")[0].decode(errors="replace"), value


def _mapped_segment(stats_socket: Path) -> mmap.mmap:
    """Raises OSError, ValueError, StatsUnreadable."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as connection:
        connection.settimeout(_READ_S)
        connection.connect(str(stats_socket))
        received = socket.recv_fds(connection, 1, 1)[1]
    if not received:
        raise StatsUnreadable(f"{stats_socket}: VPP sent no descriptor")
    try:
        return mmap.mmap(received[0], 0, mmap.MAP_SHARED, mmap.PROT_READ)
    finally:
        for descriptor in received:
            os.close(descriptor)
