"""Maglev tables as VPP fills them (VPP: cnat_maglev.c), so that all nodes choose the same backend for a flow.

The order of the backends matters only between two of the same offset: the first of them goes first.
"""

from collections.abc import Sequence
from operator import itemgetter

from tools.vppsim.cnat.flow_hash import MASK32, jenkins32, jenkins64

LENGTH_DEFAULT = 1009
"""Buckets; a prime of at least a hundred times the backends."""


def fill_buckets(backends: Sequence[tuple[bytes, int] | None], length: int) -> list[int]:
    """For each bucket the position of its backend (address, port); None is passed over but keeps its position."""
    hashed = [(_hashes(*backend), position) for position, backend in enumerate(backends) if backend is not None]
    ways = [(hash1 % length, hash2 % (length - 1) + 1, position) for (hash1, hash2), position in hashed]
    return _filled(sorted(ways, key=itemgetter(0), reverse=True), length)


def _hashes(address: bytes, port: int) -> tuple[int, int]:
    if len(address) == 4:
        _, hash2, hash1 = jenkins32(int.from_bytes(address, "little"), port, 0)
        return hash1, hash2
    _, hash2, hash1 = jenkins64(int.from_bytes(address[:8], "little"), int.from_bytes(address[8:], "little"), port)
    return hash1 & MASK32, hash2 & MASK32


def _filled(ways: Sequence[tuple[int, int, int]], length: int) -> list[int]:
    """Each backend in turn takes the next free bucket on its way: offset, offset + skip, ..."""
    table = [-1] * length
    turns = [0] * len(ways)
    free = length if ways else 0
    while free:
        for number, (offset, skip, position) in enumerate(ways):
            bucket = (offset + turns[number] * skip) % length
            while table[bucket] != -1:
                turns[number] += 1
                bucket = (offset + turns[number] * skip) % length
            table[bucket] = position
            turns[number] += 1
            free -= 1
            if not free:
                break
    return table
