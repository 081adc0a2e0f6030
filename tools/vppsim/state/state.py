"""VPP's state: what API calls change and the packet path reads.

Forwarding caches what it looks up: whoever alters a table, an interface or a neighbour calls `invalidate_forwarding()`.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

from tools.vppsim.cnat.plugin import Cnat
from tools.vppsim.cnat.settings import CnatSettings
from tools.vppsim.fib.lookup import FibLookup
from tools.vppsim.fib.paths import FibEntryFlag, FibPath, FibSource
from tools.vppsim.fib.table import BITS, FibTable, masked
from tools.vppsim.fib.tables import FibTables
from tools.vppsim.npol.plugin import Npol
from tools.vppsim.packets.headers import family_of, is_link_local6
from tools.vppsim.state.interfaces import Interface, InterfacePool
from tools.vppsim.state.neighbours import NeighbourKey, NeighbourTable
from tools.vppsim.state.punts import Punts
from tools.vppsim.state.urpf import SourceChecks

Clock = Callable[[], float]
"""Seconds that only go forward."""
RandomBytes = Callable[[int], bytes]
Solicit = Callable[[Interface, bytes], None]
"""Ask the link of an interface who has an address."""


class VppState:
    """`send_event(client_index, message, fields)` sends an event to an API client; the API server sets it.

    `subscribers`: pid by index of a client that gets interface events. `device_records`, by sw_if_index: how the device
    of an interface was made. `ttl_exempt`: (from, to) interfaces between which the TTL is not counted down.
    `proxy_arp`: ranges (table id, lowest, highest address) that VPP answers ARP for.
    """

    def __init__(self, now: Clock, random_bytes: RandomBytes, solicit: Solicit, cnat: CnatSettings) -> None:
        self.now, self.random_bytes, self._solicit = now, random_bytes, solicit
        self.counters: Counter[str] = Counter()
        self.send_event: Callable[[int, str, dict[str, Any]], None] = lambda *_: None
        self.subscribers: dict[int, int] = {}
        self.device_records: dict[int, Any] = {}
        self.ttl_exempt: set[tuple[int, int]] = set()
        self.proxy_arp: list[tuple[int, bytes, bytes]] = []
        self.punts = Punts()
        self.urpf = SourceChecks()
        self.interfaces = InterfacePool()
        self.tables = FibTables(self._bound, self.invalidate_forwarding)
        self.lookup = FibLookup(self.tables.unicast, self.interfaces.usable)
        self.neighbours = NeighbourTable(self._ask_link, self._add_host_route, self._remove_host_route)
        self.cnat = Cnat(cnat)
        self.npol = Npol(self.cnat.policy_hooks)
        self._next_hops: dict[tuple[int, int], set[bytes]] | None = None

    def count(self, counter: str) -> None:
        self.counters[counter] += 1

    def invalidate_forwarding(self) -> None:
        """Forget what forwarding has looked up."""
        self.lookup.invalidate()
        self._next_hops = None

    def tick(self) -> None:
        """Once a second: neighbours age, stale sessions end."""
        self.neighbours.tick(self.now())
        self.cnat.tick(self.now())

    def forget_client(self, index: int) -> None:
        """An API client has gone."""
        self.subscribers.pop(index, None)

    def recursive_next_hops(self, table: FibTable) -> set[bytes]:
        """Next hops that recursive routes of any table resolve in `table`."""
        if self._next_hops is None:
            self._next_hops = {}
            entries = (entry for known_table in self.tables.unicast.values() for entry in known_table.entries())
            for path in (path for entry in entries for path in entry.best.paths):
                if path.leads_to_table and path.next_hop:
                    self._next_hops.setdefault((path.proto, path.table_id), set()).add(path.next_hop)
        return self._next_hops.get((table.family, table.table_id), set())

    def source_address(self, interface: Interface, towards: bytes) -> bytes | None:
        """VPP's source address towards a destination on a link: of the same prefix if there is one, else the first.

        Unnumbered interfaces borrow. Link-local destinations, and IPv6 without another address, get the link-local.
        """
        family = family_of(towards)
        lender = self.interfaces.get(interface.unnumbered) if interface.unnumbered is not None else None
        addresses = (lender or interface).addresses[family]
        if (family == 6 and is_link_local6(towards)) or not addresses:
            return interface.link_local or None if family == 6 else None
        near = (a for a, length in addresses if masked(a, length) == masked(towards, length))
        return next(near, addresses[0][0])

    def _bound(self) -> set[tuple[int, int]]:
        return {(family, table) for i in self.interfaces for family, table in i.tables.items()}

    def _ask_link(self, if_index: int, address: bytes) -> None:
        interface = self.interfaces.get(if_index)
        if interface is not None and interface.usable and interface.ethernet:
            self._solicit(interface, address)

    def _add_host_route(self, key: NeighbourKey) -> None:
        """Each neighbour gets a host route of its own."""
        if_index, address = key
        interface = self.interfaces.get(if_index)
        family = family_of(address)
        if interface is not None and not (family == 6 and is_link_local6(address)):
            table = self.tables.unicast[family, interface.tables[family]]
            path = FibPath(if_index=if_index, next_hop=address, proto=family)
            table.set_source(address, BITS[family], FibSource.ADJ, (path,), FibEntryFlag.ATTACHED)
            self.invalidate_forwarding()

    def _remove_host_route(self, key: NeighbourKey) -> None:
        interface = self.interfaces.get(key[0])
        family = family_of(key[1])
        if interface is not None:
            table = self.tables.unicast.get((family, interface.tables[family]))
            if table is not None:
                table.clear_source(key[1], BITS[family], FibSource.ADJ)
        self.invalidate_forwarding()
