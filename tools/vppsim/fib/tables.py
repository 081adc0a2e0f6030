"""All tables, unicast and multicast, and how long each lives.

The API locks a table at most once, however often it adds it; one delete unlocks it (VPP: ip_api.c). The table lives on
while something else uses it: an interface bound to it, a path that leads to it. Table 0 always exists.
"""

import random
from collections.abc import Callable, Iterator

from tools.vppsim.fib.multicast import MfibTable
from tools.vppsim.fib.paths import FibPath
from tools.vppsim.fib.table import FibTable
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused

NAME_LENGTH_MAX = 63


class FibTables:
    """`unicast[family, id]` and `multicast[family, id]`; `bound()` gives (family, id) of those that interfaces use."""

    def __init__(self, bound: Callable[[], set[tuple[int, int]]], changed: Callable[[], None]) -> None:
        self.unicast: dict[tuple[int, int], FibTable] = {}
        self.multicast: dict[tuple[int, int], MfibTable] = {}
        self._bound, self._changed = bound, changed
        self._some_unlocked = False
        for family in (4, 6):
            self._create(family, 0, f"ipv{family}-VRF:0")

    def find(self, family: int, table_id: int) -> FibTable:
        """Raises VppRefused(NO_SUCH_FIB)."""
        table = self.unicast.get((family, table_id))
        if table is None:
            raise VppRefused(VnetError.NO_SUCH_FIB)
        return table

    def find_multicast(self, family: int, table_id: int) -> MfibTable:
        """Raises VppRefused(NO_SUCH_FIB)."""
        table = self.multicast.get((family, table_id))
        if table is None:
            raise VppRefused(VnetError.NO_SUCH_FIB)
        return table

    def add(self, family: int, table_id: int, name: str) -> None:
        """Create a table, or lock again one that only its users had kept alive; the first name stays."""
        table = self.unicast.get((family, table_id))
        if table is None:
            self._create(family, table_id, name[:NAME_LENGTH_MAX])
            self._changed()
        else:
            table.locked_by_api = True

    def delete(self, family: int, table_id: int) -> None:
        """Unlock a table, which goes once nothing uses it; unknown ones and table 0 are ignored, as VPP does."""
        table = self.unicast.get((family, table_id))
        if table is not None and table_id != 0:
            table.locked_by_api = False
            self._some_unlocked = True
            self.collect()

    def allocate(self, family: int, table_id: int, name: str) -> int:
        """Like `add`; INDEX_INVALID means any unused id. Returns the id."""
        if table_id == INDEX_INVALID:
            table_id = next(
                n for n in iter(lambda: random.getrandbits(32), INDEX_INVALID) if (family, n) not in self.unicast
            )
        self.add(family, table_id, name)
        return table_id

    def collect(self) -> None:
        """Remove unlocked tables that nothing uses."""
        while self._some_unlocked and (unneeded := self._unneeded()):
            for key in unneeded:
                del self.unicast[key], self.multicast[key]
        self._some_unlocked = any(not table.locked_by_api for table in self.unicast.values())
        self._changed()

    def by_family(self) -> Iterator[FibTable]:
        """Every unicast table, IPv4 first, in the order of creation."""
        yield from (table for (family, _), table in self.unicast.items() if family == 4)
        yield from (table for (family, _), table in self.unicast.items() if family == 6)

    def _create(self, family: int, table_id: int, name: str) -> None:
        self.unicast[family, table_id] = FibTable(family, table_id, name)
        self.multicast[family, table_id] = MfibTable(family, table_id)

    def _unneeded(self) -> list[tuple[int, int]]:
        needed = self._bound() | self._led_to()
        return [key for key, table in self.unicast.items() if not table.locked_by_api and key not in needed]

    def _led_to(self) -> set[tuple[int, int]]:
        """Tables that a path of another table leads to."""
        recursive = {(key, path) for key, path in self._paths() if path.leads_to_table}
        return {(path.proto, path.table_id) for key, path in recursive if key != (path.proto, path.table_id)}

    def _paths(self) -> Iterator[tuple[tuple[int, int], FibPath]]:
        for key, table in self.unicast.items():
            for entry in table.entries():
                yield from ((key, path) for contribution in entry.sources.values() for path in contribution.paths)
        for key, multicast in self.multicast.items():
            for group in multicast.entries():
                yield from (
                    (key, b.path) for contribution in group.sources.values() for b in contribution.branches.values()
                )
