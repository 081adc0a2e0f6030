"""All tables, unicast and multicast, and how long each lives.

The API holds a table at most once, however often it was added; one delete lets go (VPP: ip_api.c). The table lives
on while something else needs it: an interface bound to it, a path that looks into it. Table 0 always exists.
"""

import random
from collections.abc import Callable, Iterator

from tools.vppsim.fib.multicast import MulticastTable
from tools.vppsim.fib.paths import Path
from tools.vppsim.fib.table import Table
from tools.vppsim.retvals import NONE, Error, Refused

NAME_LENGTH_MAX = 63


class Tables:
    """`unicast[family, id]` and `multicast[family, id]`; `bound()` gives the tables that interfaces use."""

    def __init__(self, bound: Callable[[], set[tuple[int, int]]], changed: Callable[[], None]) -> None:
        self.unicast: dict[tuple[int, int], Table] = {}
        self.multicast: dict[tuple[int, int], MulticastTable] = {}
        self._bound, self._changed = bound, changed
        self._released = False
        for family in (4, 6):
            self._create(family, 0, f"ipv{family}-VRF:0")

    def find(self, family: int, table_id: int) -> Table:
        """Raises Refused(NO_SUCH_FIB)."""
        table = self.unicast.get((family, table_id))
        if table is None:
            raise Refused(Error.NO_SUCH_FIB)
        return table

    def find_multicast(self, family: int, table_id: int) -> MulticastTable:
        """Raises Refused(NO_SUCH_FIB)."""
        table = self.multicast.get((family, table_id))
        if table is None:
            raise Refused(Error.NO_SUCH_FIB)
        return table

    def add(self, family: int, table_id: int, name: str) -> None:
        """Create, or hold again one that only its users had kept alive; the first name stays."""
        table = self.unicast.get((family, table_id))
        if table is None:
            self._create(family, table_id, name[:NAME_LENGTH_MAX])
            self._changed()
        else:
            table.held = True

    def delete(self, family: int, table_id: int) -> None:
        """Let go of a table; unknown ones and table 0 are ignored, as VPP does."""
        table = self.unicast.get((family, table_id))
        if table is not None and table_id != 0:
            table.held = False
            self._released = True
            self.collect()

    def allocate(self, family: int, table_id: int, name: str) -> int:
        """Like `add`; NONE means any unused id. Returns the id."""
        if table_id == NONE:
            table_id = next(n for n in iter(lambda: random.getrandbits(32), NONE) if (family, n) not in self.unicast)
        self.add(family, table_id, name)
        return table_id

    def collect(self) -> None:
        """Remove the tables that nobody needs any more."""
        while self._released and (unneeded := self._unneeded()):
            for key in unneeded:
                del self.unicast[key], self.multicast[key]
        self._released = any(not table.held for table in self.unicast.values())
        self._changed()

    def all(self) -> Iterator[Table]:
        """Every unicast table, IPv4 first, in the order of creation."""
        yield from (table for (family, _), table in self.unicast.items() if family == 4)
        yield from (table for (family, _), table in self.unicast.items() if family == 6)

    def _create(self, family: int, table_id: int, name: str) -> None:
        self.unicast[family, table_id] = Table(family, table_id, name)
        self.multicast[family, table_id] = MulticastTable(family, table_id)

    def _unneeded(self) -> list[tuple[int, int]]:
        needed = self._bound() | self._looked_into()
        return [key for key, table in self.unicast.items() if not table.held and key not in needed]

    def _looked_into(self) -> set[tuple[int, int]]:
        """Tables that a path of another table leads to."""
        looked = {(key, path) for key, path in self._paths() if path.leads_to_table}
        return {(path.proto, path.table_id) for key, path in looked if key != (path.proto, path.table_id)}

    def _paths(self) -> Iterator[tuple[tuple[int, int], Path]]:
        for key, table in self.unicast.items():
            for entry in table.entries():
                yield from ((key, path) for said in entry.sources.values() for path in said.paths)
        for key, multicast in self.multicast.items():
            for group in multicast.entries():
                yield from ((key, b.path) for said in group.sources.values() for b in said.branches.values())
