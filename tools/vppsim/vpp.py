"""All that the stand-in is: VPP's state and the parts that work on it.

Handlers change it on behalf of API clients, the packet path reads it. Everything that forwarding remembers hangs on
`changed()`: whoever alters a table, an interface or a neighbour calls it.
"""

import os
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from bus.log import Log
from tools.vppsim import addressing
from tools.vppsim.api.errors import NONE
from tools.vppsim.cnat.plugin import Cnat
from tools.vppsim.cnat.settings import DEFAULTS, CnatSettings
from tools.vppsim.dataplane.arp import Arp
from tools.vppsim.dataplane.forward import Forward
from tools.vppsim.dataplane.icmp import Icmp
from tools.vppsim.dataplane.ingress import Ingress
from tools.vppsim.dataplane.local import Local
from tools.vppsim.dataplane.multicast import Multicast
from tools.vppsim.dataplane.nd import Nd
from tools.vppsim.dataplane.neighbours import Key, Neighbours
from tools.vppsim.dataplane.output import Output
from tools.vppsim.devices.maker import Devices
from tools.vppsim.fib.lookup import Lookup
from tools.vppsim.fib.paths import Path, Source, Trait
from tools.vppsim.fib.table import BITS, Contribution, Table, masked
from tools.vppsim.fib.tables import Tables
from tools.vppsim.interfaces import Interface, Interfaces
from tools.vppsim.npol.plugin import Npol
from tools.vppsim.packets.headers import is_link_local6

TICK_S = 1.0


class Vpp:
    """`tell(client_index, message, fields)` sends an event to an API client; it is set by the API server.

    `subscribers`: pid by client that wants interface events. `facts[sw_if_index]`: what the maker of an interface
    wants to remember of it. `costless`: (from, to) interfaces between which the TTL is not counted down.
    """

    def __init__(self, devices: Devices, log: Log, answers_ping: bool = True, cnat: CnatSettings = DEFAULTS) -> None:
        self.devices, self.log = devices, log
        self.counters: Counter[str] = Counter()
        self.started_at = time.time()
        self.pid = os.getpid()
        self.tell: Callable[[int, str, dict[str, Any]], None] = lambda *_: None
        self.subscribers: dict[int, int] = {}
        self.facts: dict[int, Any] = {}
        self.costless: set[tuple[int, int]] = set()
        self._next_hops: dict[tuple[int, int], set[bytes]] | None = None
        self.interfaces = Interfaces()
        self.tables = Tables(self._bound, self.changed)
        self.lookup = Lookup(self.tables.unicast, self.interfaces.usable)
        self.neighbours = Neighbours(self._ask, self._found, self._lost)
        self.ingress, self.forward, self.output = Ingress(self), Forward(self), Output(self)
        self.arp, self.nd, self.icmp, self.multicast = Arp(self), Nd(self), Icmp(self), Multicast(self)
        self.local = Local(self, answers_ping)
        self.cnat = Cnat(self, cnat)
        self.npol = Npol(self)

    def now(self) -> float:
        """Seconds on a clock that only goes forward."""
        return time.monotonic()

    def random_bytes(self, count: int) -> bytes:
        return secrets.token_bytes(count)

    def count(self, what: str) -> None:
        self.counters[what] += 1

    def changed(self) -> None:
        """Forwarding may differ from now on."""
        self.lookup.forget()
        self._next_hops = None

    def tick(self) -> None:
        """Once every TICK_S."""
        self.neighbours.tick(self.now())
        self.cnat.tick(self.now())

    def forget_client(self, index: int) -> None:
        """An API client has gone."""
        self.subscribers.pop(index, None)

    def next_hops(self, table: Table) -> set[bytes]:
        """The next hops that routes of any table want resolved in `table`."""
        if self._next_hops is None:
            self._next_hops = {}
            for path in (
                path for other in self.tables.unicast.values() for e in other.entries() for path in e.best.paths
            ):
                if path.leads_to_table and path.next_hop:
                    self._next_hops.setdefault((path.proto, path.table_id), set()).add(path.next_hop)
        return self._next_hops.get((table.family, table.table_id), set())

    def heard(self, interface: Interface, address: bytes, mac: bytes) -> None:
        """The wire told a neighbour's MAC; packets that waited for it leave."""
        for packet in self.neighbours.learn((interface.index, address), mac, self.now()):
            self.output.send(packet, interface.index, address)

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

    def add_interface(self, interface: Interface) -> Interface:
        self.interfaces.add(interface)
        self.changed()
        return interface

    def delete_interface(self, interface: Interface) -> None:
        """Take an interface out of everything that mentions it, then away."""
        self.set_admin(interface, False)
        addressing.remove_all(self, interface)
        if interface.v6_locks:
            interface.v6_locks = 1
            addressing.disable6(self, interface)
        self.neighbours.flush(interface.index, keep_static=False)
        self._orphan_paths(interface.index)
        if interface.device is not None:
            interface.device.close()
        self._forget_index(interface.index)
        self.interfaces.remove(interface.index)
        self.tables.collect()
        self._announce(interface, deleted=True)

    def set_admin(self, interface: Interface, up: bool) -> None:
        """Admin up or down, with what hangs on it: routes of addresses, learnt neighbours, events."""
        if interface.admin_up == up:
            return
        interface.admin_up = up
        if interface.link_follows_admin:
            interface.link_up = up
        if not up:
            self.neighbours.flush(interface.index, keep_static=True)
        addressing.refresh(self, interface)
        self._announce(interface)

    def set_link(self, interface: Interface, up: bool) -> None:
        """The link behind an interface came or went."""
        interface.link_up = up
        self.changed()
        self._announce(interface)

    def _forget_index(self, index: int) -> None:
        """Nothing that was said of an interface may hold for the next one with its index."""
        self.facts.pop(index, None)
        self.cnat.forget_interface(index)
        self.npol.forget_interface(index)
        self.costless = {pair for pair in self.costless if index not in pair}
        for family in (4, 6):
            self.local.redirects.pop((family, index), None)
        for borrower in self.interfaces:
            if borrower.unnumbered == index:
                borrower.unnumbered = None

    def _announce(self, interface: Interface, deleted: bool = False) -> None:
        flags = (1 if interface.admin_up else 0) | (2 if interface.link_up else 0)
        event = {"sw_if_index": interface.index, "flags": 0 if deleted else flags, "deleted": deleted}
        for client, pid in list(self.subscribers.items()):
            self.tell(client, "sw_interface_event", {**event, "pid": pid})

    def _orphan_paths(self, if_index: int) -> None:
        for table in self.tables.unicast.values():
            for entry in table.entries():
                for source, contribution in entry.sources.items():
                    if any(path.if_index == if_index for path in contribution.paths):
                        paths = tuple(_orphaned(path, if_index) for path in contribution.paths)
                        entry.sources[source] = Contribution(paths, contribution.traits)
        for multicast in self.tables.multicast.values():
            multicast.forget_interface(if_index)

    def _bound(self) -> set[tuple[int, int]]:
        return {(family, table) for i in self.interfaces for family, table in i.tables.items()}

    def _ask(self, if_index: int, address: bytes) -> None:
        interface = self.interfaces.get(if_index)
        if interface is None or not interface.usable or not interface.ethernet:
            return
        if len(address) == 4:
            self.arp.request(interface, address)
        else:
            self.nd.solicit(interface, address)

    def _found(self, key: Key) -> None:
        """A neighbour is known: it gets a host route of its own."""
        if_index, address = key
        interface = self.interfaces.get(if_index)
        family = 4 if len(address) == 4 else 6
        if interface is not None and not (family == 6 and is_link_local6(address)):
            table = self.tables.unicast[family, interface.tables[family]]
            path = Path(if_index=if_index, next_hop=address, proto=family)
            table.put(address, BITS[family], Source.ADJ, (path,), Trait.ATTACHED)
            self.changed()

    def _lost(self, key: Key) -> None:
        interface = self.interfaces.get(key[0])
        family = 4 if len(key[1]) == 4 else 6
        if interface is not None:
            table = self.tables.unicast.get((family, interface.tables[family]))
            if table is not None:
                table.drop(key[1], BITS[family], Source.ADJ)
        self.changed()


def _orphaned(path: Path, if_index: int) -> Path:

    return replace(path, gone=True) if path.if_index == if_index != NONE else path
