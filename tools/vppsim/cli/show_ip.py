"""Interfaces, addresses, routes, neighbours and counters on the command line."""

from collections.abc import Iterator
from ipaddress import ip_address

from tools.vppsim.fib.paths import FibPath, PathType
from tools.vppsim.retvals import INDEX_INVALID
from tools.vppsim.state.state import VppState


def interfaces(state: VppState) -> Iterator[str]:
    yield f"{'Name':<32}{'Idx':<6}{'State':<6}{'MTU (L3/IP4/IP6/MPLS)':<24}"
    for interface in state.interfaces:
        admin = "up" if interface.admin_up else "down"
        yield f"{interface.name:<32}{interface.index:<6}{admin:<6}{'/'.join(map(str, interface.mtu)):<24}".rstrip()


def addresses(state: VppState) -> Iterator[str]:
    for interface in state.interfaces:
        yield f"{interface.name} ({'up' if interface.admin_up else 'dn'}):"
        if interface.unnumbered is not None:
            yield f"  unnumbered, use {state.interfaces.find(interface.unnumbered).name}"
        for family, table_id in interface.tables.items():
            yield from (
                f"  L3 {ip_address(a)}/{n} ip{family} table-id {table_id}" for a, n in interface.addresses[family]
            )


def fib(state: VppState, family: int) -> Iterator[str]:
    for table in state.tables.by_family():
        if table.family == family:
            yield f"{table.name}, table-id {table.table_id}"
            for entry in table.entries():
                paths = ", ".join(_path(state, path) for path in entry.best.paths)
                yield f"  {ip_address(entry.address)}/{entry.length} {entry.best_source.name} {paths}"


def _path(state: VppState, path: FibPath) -> str:
    if path.type is not PathType.NORMAL:
        return path.type.name.lower()
    interface = state.interfaces.get(path.if_index)
    where = interface.name if interface else f"table {path.table_id}" if path.if_index == INDEX_INVALID else "deleted"
    hop = f"via {ip_address(path.next_hop)} " if path.next_hop else ""
    return f"{hop}{where} weight {path.weight}"


def neighbours(state: VppState) -> Iterator[str]:
    for family in (4, 6):
        for (if_index, address), neighbour in state.neighbours.entries(family):
            flag = "S" if neighbour.static else "D"
            yield f"{ip_address(address)!s:<40} {flag} {neighbour.mac.hex(':')} {state.interfaces.find(if_index).name}"


def errors(state: VppState) -> Iterator[str]:
    yield from (f"{count:>10} {what}" for what, count in sorted(state.counters.items()))
