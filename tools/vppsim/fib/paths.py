"""The ways a route can lead (VPP: fib_types.api, fib_route_path_t) and who may have asked for it (fib_source.h)."""

from dataclasses import dataclass
from enum import IntEnum, IntFlag

from tools.vppsim.retvals import NONE


class Source(IntEnum):
    """Who contributed a route. Smaller wins; the numbers are those that ip_route_v2_details shows."""

    SPECIAL = 1
    INTERFACE = 4
    API = 8
    CLI = 9
    IP6_ND_PROXY = 13
    IP6_ND = 14
    ADJ = 15
    RR = 18
    DEFAULT_ROUTE = 20


class Trait(IntFlag):
    """What kind of entry a source makes of a prefix (VPP: FIB_ENTRY_FLAG_*)."""

    NONE = 0
    CONNECTED = 1
    ATTACHED = 2
    LOCAL = 8
    DROP = 16


class Kind(IntEnum):
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
class Path:
    """One way. `next_hop` is 4 or 16 bytes, or empty: then `if_index` alone means attached, `table_id` alone means
    "look again in that table". `proto` is 4 or 6, the family of the next hop. `gone`: its interface was deleted; the
    path stays in its route and carries nothing, even when another interface gets the same index."""

    kind: Kind = Kind.NORMAL
    if_index: int = NONE
    table_id: int = 0
    next_hop: bytes = b""
    proto: int = 4
    weight: int = 1
    preference: int = 0
    rpf_id: int = NONE
    flags: int = 0
    gone: bool = False

    def same_way(self, other: "Path") -> bool:
        """Equal but for weight and preference: what a path removal matches."""
        return self.way() == other.way()

    def way(self) -> tuple[object, ...]:
        return (self.kind, self.if_index, self.table_id, self.next_hop, self.proto, self.rpf_id)

    @property
    def leads_to_table(self) -> bool:
        """Does it need another table: recursive, or a second lookup?"""
        return self.kind in (Kind.NORMAL, Kind.SOURCE_LOOKUP) and self.if_index == NONE


DROP = Path(kind=Kind.DROP)
