"""Backends are chosen as VPP chooses them; the expected numbers were seen on VPP 26.10."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vppsim.bench import packed, udp
from tests.unit.vppsim.cnat_world import World, ends
from tools.vppsim.cnat.maglev import fill_buckets
from tools.vppsim.packets.headers import UDP

LENGTH = 101
MAPS = {
    "10.0.1.": [
        0x6824101044000402000920,
        0x10410008000430820820830000,
        0x10000002AA88282000200202,
        0x22406800100014000C4006400,
        0x8081010800002008100441085,
        0x800043604000105018180008,
        0x50281000C0100050201008050,
    ],
    "fd01::": [
        0x1090108010140004208020808,
        0x148010884210000086200040,
        0x60002000A008640860000300,
        0x20003320401011011010011,
        0x680500000088400A100005420,
        0x2A000410008A0400542082,
        0x180004C4400022100000888004,
    ],
}
"""`show cnat translation` with maglev-len 101 and seven backends, .20 port 80, .21 port 81, .22 port 80, ..."""


@pytest.mark.parametrize("prefix", MAPS)
def test_maglev_tables_are_vpps(prefix: str) -> None:
    table = fill_buckets([(packed(f"{prefix}{n}"), 80 + n % 2) for n in range(20, 27)], LENGTH)
    maps = [sum(1 << bucket for bucket, backend in enumerate(table) if backend == n) for n in range(7)]
    assert maps == MAPS[prefix]


@pytest.mark.parametrize(
    ("client", "vip", "prefix", "mask", "positions"),
    [
        ("10.0.0.9", "10.96.0.10", "10.0.1.", 0, [2, 5, 5, 0, 4, 3, 2, 0, 2, 3, 3, 4]),
        ("10.0.0.9", "10.96.0.10", "10.0.1.", 1, [6] * 12),
        ("10.0.0.9", "10.96.0.10", "10.0.1.", 0x5F, [2, 0, 6, 5, 4, 4, 2, 5, 5, 0, 2, 2]),
        ("fd00::9", "fd96::10", "fd01::", 0, [5, 6, 1, 5, 1, 3, 3, 0, 4, 1, 1, 5]),
        ("fd00::9", "fd96::10", "fd01::", 1, [5] * 12),
        ("fd00::9", "fd96::10", "fd01::", 0x5F, [0, 2, 5, 4, 3, 4, 6, 6, 5, 1, 0, 4]),
    ],
)
def test_flows_go_where_vpp_sends_them(client: str, vip: str, prefix: str, mask: int, positions: list[int]) -> None:
    world = World()
    backends = [f"{prefix}{n}" for n in range(20, 27)]
    for backend in backends:
        world.links[1].add_neighbour(backend)
    world.serve(vip, 80, *[(backend, 80) for backend in backends], protocol=UDP, mask=mask)
    chosen = []
    for port in range(1000, 1012):
        ((forwarded,),) = world.carry(0, udp(client, vip, ports=(port, 80))).values()
        chosen.append(backends.index(ends(forwarded)[2]))
    assert chosen == positions


@given(st.sets(st.integers(1, 2**32 - 1), min_size=1, max_size=10), st.integers(0, 65535))
def test_every_bucket_has_a_backend_and_shares_are_even(addresses: set[int], port: int) -> None:
    backends = [(address.to_bytes(4), port) for address in addresses]
    table = fill_buckets(backends, 1009)
    counts = [table.count(n) for n in range(len(backends))]
    assert sum(counts) == 1009
    assert max(counts) - min(counts) <= 1009 / len(backends) * 0.5 + 1


def test_a_backend_that_is_passed_over_gets_no_bucket_and_the_others_keep_their_place() -> None:
    table = fill_buckets([(b"\x0a\0\0\1", 80), None, (b"\x0a\0\0\3", 80)], LENGTH)
    assert set(table) == {0, 2}


def test_without_backends_there_is_nothing_to_choose() -> None:
    assert set(fill_buckets([], LENGTH)) == {-1}
