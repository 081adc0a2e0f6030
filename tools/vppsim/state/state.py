"""VPP's state: what API calls change and the packet path reads.

Everything that forwarding remembers hangs on `changed()`: whoever alters a table, an interface or a neighbour calls it.
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
from tools.vppsim.packets.headers import is_link_local6
from tools.vppsim.state.interfaces import Interface, Interfaces
from tools.vppsim.state.neighbours import Key, Neighbours
from tools.vppsim.state.punts import Punts

Clock = Callable[[], float]
"""Seconds that only go forward."""
RandomBytes = Callable[[int], bytes]
Solicit = Callable[[Interface, bytes], None]
"""Ask the link of an interface who has an address."""


class VppState:
    """`tell(client_index, message, fields)` sends an event to an API client; it is set by the API server.

    `subscribers`: pid by client that wants interface events. `facts[sw_if_index]`: what the maker of an interface
    wants to remember of it. `costless`: (from, to) interfaces between which the TTL is not counted down.
    `proxy_arp`: ranges (table id, lowest, highest address) answered for others.
    """

    def __init__(self, now: Clock, random_bytes: RandomBytes, solicit: Solicit, cnat: CnatSettings) -> None:
        self.now, self.random_bytes, self._solicit = now, random_bytes, solicit
        self.counters: Counter[str] = Counter()
        self.tell: Callable[[int, str, dict[str, Any]], None] = lambda *_: None
        self.subscribers: dict[int, int] = {}
        self.facts: dict[int, Any] = {}
        self.costless: set[tuple[int, int]] = set()
        self.proxy_arp: list[tuple[int, bytes, bytes]] = []
        self.punts = Punts()
        self.interfaces = Interfaces()
        self.tables = FibTables(self._bound, self.changed)
        self.lookup = FibLookup(self.tables.unicast, self.interfaces.usable)
        self.neighbours = Neighbours(self._ask, self._found, self._lost)
        self.cnat = Cnat(cnat)
        self.npol = Npol(self.cnat.policy_hooks)
        self._next_hops: dict[tuple[int, int], set[bytes]] | None = None

    def count(self, what: str) -> None:
        self.counters[what] += 1

    def changed(self) -> None:
        """Forwarding may differ from now on."""
        self.lookup.invalidate()
        self._next_hops = None

    def tick(self) -> None:
        """Once a second: neighbours age, stale sessions end."""
        self.neighbours.tick(self.now())
        self.cnat.tick(self.now())

    def forget_client(self, index: int) -> None:
        """An API client has gone."""
        self.subscribers.pop(index, None)

    def next_hops(self, table: FibTable) -> set[bytes]:
        """The next hops that routes of any table want resolved in `table`."""
        if self._next_hops is None:
            self._next_hops = {}
            for path in (
                path for other in self.tables.unicast.values() for e in other.entries() for path in e.best.paths
            ):
                if path.leads_to_table and path.next_hop:
                    self._next_hops.setdefault((path.proto, path.table_id), set()).add(path.next_hop)
        return self._next_hops.get((table.family, table.table_id), set())

    def source_address(self, interface: Interface, towards: bytes) -> bytes | None:
        """An address of ours to speak from on a link: of the same prefix if there is one, else the first.

        Unnumbered interfaces borrow. For link-local destinations, and IPv6 without another address: the link-local.
        """
        family = 4 if len(towards) == 4 else 6
        lender = self.interfaces.get(interface.unnumbered) if interface.unnumbered is not None else None
        addresses = (lender or interface).addresses[family]
        if (family == 6 and is_link_local6(towards)) or not addresses:
            return interface.link_local or None if family == 6 else None
        near = (a for a, length in addresses if masked(a, length) == masked(towards, length))
        return next(near, addresses[0][0])

    def _bound(self) -> set[tuple[int, int]]:
        return {(family, table) for i in self.interfaces for family, table in i.tables.items()}

    def _ask(self, if_index: int, address: bytes) -> None:
        interface = self.interfaces.get(if_index)
        if interface is not None and interface.usable and interface.ethernet:
            self._solicit(interface, address)

    def _found(self, key: Key) -> None:
        """A neighbour is known: it gets a host route of its own."""
        if_index, address = key
        interface = self.interfaces.get(if_index)
        family = 4 if len(address) == 4 else 6
        if interface is not None and not (family == 6 and is_link_local6(address)):
            table = self.tables.unicast[family, interface.tables[family]]
            path = FibPath(if_index=if_index, next_hop=address, proto=family)
            table.set_source(address, BITS[family], FibSource.ADJ, (path,), FibEntryFlag.ATTACHED)
            self.changed()

    def _lost(self, key: Key) -> None:
        interface = self.interfaces.get(key[0])
        family = 4 if len(key[1]) == 4 else 6
        if interface is not None:
            table = self.tables.unicast.get((family, interface.tables[family]))
            if table is not None:
                table.clear_source(key[1], BITS[family], FibSource.ADJ)
        self.changed()
