"""Maglev tables as VPP fills them (VPP: cnat_maglev.c), so that all nodes choose the same backend for a flow.

The order of the backends matters only between two of the same offset: the one given first goes first.
"""

from collections.abc import Sequence
from operator import itemgetter

from tools.vppsim.cnat.flow_hash import MASK32, jenkins32, jenkins64

LENGTH_DEFAULT = 1009
"""Buckets; a prime of at least a hundred times the backends."""


def buckets(backends: Sequence[tuple[bytes, int] | None], length: int) -> list[int]:
    """For each bucket the position of its backend (address, port); None is passed over but keeps its position."""
    hashed = [(_hashes(*backend), position) for position, backend in enumerate(backends) if backend is not None]
    ways = [(one % length, two % (length - 1) + 1, position) for (one, two), position in hashed]
    return _filled(sorted(ways, key=itemgetter(0), reverse=True), length)


def _hashes(address: bytes, port: int) -> tuple[int, int]:
    if len(address) == 4:
        _, two, one = jenkins32(int.from_bytes(address, "little"), port, 0)
        return one, two
    _, two, one = jenkins64(int.from_bytes(address[:8], "little"), int.from_bytes(address[8:], "little"), port)
    return one & MASK32, two & MASK32


def _filled(ways: Sequence[tuple[int, int, int]], length: int) -> list[int]:
    """Each backend in turn takes the next free bucket on its way: offset, offset + skip, ..."""
    table = [-1] * length
    turns = [0] * len(ways)
    left = length if ways else 0
    while left:
        for number, (offset, skip, position) in enumerate(ways):
            bucket = (offset + turns[number] * skip) % length
            while table[bucket] != -1:
                turns[number] += 1
                bucket = (offset + turns[number] * skip) % length
            table[bucket] = position
            turns[number] += 1
            left -= 1
            if not left:
                break
    return table
