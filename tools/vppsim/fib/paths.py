"""Paths of routes (VPP: fib_types.api, fib_route_path_t), sources of routes (fib_source.h), flags of entries."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from tools.vppsim.retvals import INDEX_INVALID


class FibSource(IntEnum):
    """Who contributed a route. The smaller number wins; ip_route_v2_details shows these numbers."""

    SPECIAL = 1
    INTERFACE = 4
    API = 8
    CLI = 9
    IP6_ND_PROXY = 13
    IP6_ND = 14
    ADJ = 15
    RR = 18
    DEFAULT_ROUTE = 20


class FibEntryFlag(IntFlag):
    """Properties that a source gives to the entry of a prefix (VPP: FIB_ENTRY_FLAG_*)."""

    NONE = 0
    CONNECTED = 1
    ATTACHED = 2
    LOCAL = 8
    DROP = 16


class PathType(IntEnum):
    """Types of paths, numbered as in fib_types.api; LINK_LOCAL is inside VPP only."""

    NORMAL = 0
    LOCAL = 1
    DROP = 2
    UDP_ENCAP = 3
    BIER_IMP = 4
    ICMP_UNREACH = 5
    ICMP_PROHIBIT = 6
    SOURCE_LOOKUP = 7
    DVR = 8
    INTERFACE_RX = 9
    CLASSIFY = 10
    LINK_LOCAL = 100


@dataclass(frozen=True, slots=True)
class FibPath:
    """A path of a route.

    `next_hop` is 4 or 16 bytes, or empty: then `if_index` alone means attached, `table_id` alone means a second lookup
    in that table. `proto` is 4 or 6, the family of the next hop. `interface_deleted`: the path stays in its route and
    carries nothing, even when another interface gets the same index.
    """

    type: PathType = PathType.NORMAL
    if_index: int = INDEX_INVALID
    table_id: int = 0
    next_hop: bytes = b""
    proto: int = 4
    weight: int = 1
    preference: int = 0
    rpf_id: int = INDEX_INVALID
    flags: int = 0
    interface_deleted: bool = False

    def matches(self, path: "FibPath") -> bool:
        """Equal but for weight and preference, as when paths are removed from a route."""
        return self.identity() == path.identity()

    def identity(self) -> tuple[object, ...]:
        return (self.type, self.if_index, self.table_id, self.next_hop, self.proto, self.rpf_id)

    @property
    def leads_to_table(self) -> bool:
        """Does it need another table: recursive, or a second lookup?"""
        return self.type in (PathType.NORMAL, PathType.SOURCE_LOOKUP) and self.if_index == INDEX_INVALID


DROP = FibPath(type=PathType.DROP)
