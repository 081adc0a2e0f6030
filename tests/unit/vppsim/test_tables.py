"""Longest match, sources, and results of lookups, without packets."""

from ipaddress import ip_address, ip_network

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vppsim.bench import Bench, packed
from tools.vppsim.fib.lookup import LookupAction
from tools.vppsim.fib.paths import FibEntryFlag, FibPath, FibSource
from tools.vppsim.fib.table import FibTable, masked
from tools.vppsim.retvals import INDEX_INVALID

networks = st.builds(
    lambda number, length: ip_network((masked(number.to_bytes(4), length), length)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


@given(st.lists(networks, max_size=30), st.integers(0, 2**32 - 1))
def test_the_longest_matching_prefix_wins(prefixes: list, number: int) -> None:  # type: ignore[type-arg]
    table, address = FibTable(4, 0), ip_address(number)
    for prefix in prefixes:
        table.set_source(prefix.network_address.packed, prefix.prefixlen, FibSource.API, (FibPath(if_index=1),))
    api_prefixes = {(e.address, e.length) for e in table.entries() if e.best_source is FibSource.API}
    matching = [p.prefixlen for p in prefixes if address in p]
    entry = table.longest_match(address.packed)
    if matching and entry.best_source is FibSource.API:
        assert entry.length == max(matching)
    assert api_prefixes == {(p.network_address.packed, p.prefixlen) for p in prefixes if not _special(p)}


def _special(prefix) -> bool:  # type: ignore[no-untyped-def]
    return str(prefix) in ("224.0.0.0/4", "240.0.0.0/4")


@given(st.lists(networks, unique=True, max_size=20))
def test_what_was_added_and_removed_leaves_nothing(prefixes: list) -> None:  # type: ignore[type-arg]
    table = FibTable(4, 0)
    empty = [(e.address, e.length, e.best) for e in table.entries()]
    for prefix in prefixes:
        table.set_source(prefix.network_address.packed, prefix.prefixlen, FibSource.API, (FibPath(if_index=1),))
    for prefix in reversed(prefixes):
        table.clear_source(prefix.network_address.packed, prefix.prefixlen, FibSource.API)
    assert [(e.address, e.length, e.best) for e in table.entries()] == empty


def test_the_better_source_forwards_and_the_other_takes_over() -> None:
    table = FibTable(4, 0)
    table.set_source(packed("10.0.0.1"), 32, FibSource.API, (FibPath(if_index=1),))
    table.set_source(packed("10.0.0.1"), 32, FibSource.INTERFACE, (FibPath(if_index=2),), FibEntryFlag.CONNECTED)
    assert table.longest_match(packed("10.0.0.1")).best.paths[0].if_index == 2
    table.clear_source(packed("10.0.0.1"), 32, FibSource.INTERFACE)
    assert table.longest_match(packed("10.0.0.1")).best.paths[0].if_index == 1


def test_a_neighbours_route_needs_a_cover_on_its_interface() -> None:
    bench = Bench()
    near, far = bench.wire("10.0.0.1/24"), bench.wire()
    far.add_neighbour("10.0.0.9")
    assert bench.lookup.result(4, 0, packed("10.0.0.9")).if_index == near.index
    near.add_neighbour("10.0.0.9")
    assert bench.tables.unicast[4, 0].longest_match(packed("10.0.0.9")).length == 32


def test_a_next_hop_is_resolved_through_other_routes() -> None:
    bench = Bench()
    port = bench.wire("10.0.0.1/24")
    bench.route("20.0.0.0/8", FibPath(next_hop=packed("30.0.0.1")))
    assert bench.lookup.result(4, 0, packed("20.0.0.1")).action is LookupAction.DROP
    bench.route("30.0.0.0/8", FibPath(if_index=port.index, next_hop=packed("10.0.0.9")))
    result = bench.lookup.result(4, 0, packed("20.0.0.1"))
    assert (result.action, result.if_index, result.next_hop) == (LookupAction.FORWARD, port.index, packed("10.0.0.9"))


def test_a_next_hop_that_resolves_through_itself_is_a_drop() -> None:
    bench = Bench()
    bench.route("20.0.0.0/8", FibPath(next_hop=packed("20.0.0.1")))
    assert bench.lookup.result(4, 0, packed("20.0.0.9")).action is LookupAction.DROP


def test_shares_add_up_through_nested_choices() -> None:
    bench = Bench()
    first, second, third = bench.tun(), bench.tun(), bench.tun()
    bench.route("30.0.0.1/32", FibPath(if_index=first.index), FibPath(if_index=second.index))
    bench.route("20.0.0.0/8", FibPath(next_hop=packed("30.0.0.1")), FibPath(if_index=third.index, weight=3))
    choice = bench.lookup.load_balance(4, 0, packed("20.0.0.1"))
    assert {v.if_index: share for share, v in choice} == {first.index: 0.125, second.index: 0.125, third.index: 0.75}


def test_a_link_local_destination_means_the_link_it_was_asked_on() -> None:
    bench = Bench()
    assert bench.lookup.result(6, 0, packed("fe80::1")).action is LookupAction.LINK_LOCAL
    assert bench.lookup.result(6, 0, packed("fe80::1")).if_index == INDEX_INVALID
