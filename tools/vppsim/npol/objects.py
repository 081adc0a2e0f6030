"""Objects of npol (VPP: npol_ipset.h, npol_rule.h, npol_policy.h, npol_interface.h). Addresses are 4 or 16 bytes."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tools.vppsim.npol.index_pool import IndexPool

IP, IP_AND_PORT, NET = range(3)  # npol_ipset_type
ALLOW, DENY, LOG, PASS = range(4)  # npol_rule_action
DEFAULT_ALLOW, DEFAULT_DENY, DEFAULT_PASS = range(3)  # npol_policy_default
NO_FILTER, ICMP_TYPE, ICMP_CODE, L4_PROTO = range(4)  # npol_rule_filter_type
DST, SRC, NOT_DST, NOT_SRC = range(4)  # npol_rule_key_flag: 1 is of the source, 2 is negative
TX, RX = 1, 0  # VLIB_TX, VLIB_RX


class Prefix(NamedTuple):
    """An address and how many of its bits count."""

    address: bytes
    length: int

    def contains(self, address: bytes) -> bool:
        """Is the address, of whatever family, inside?"""
        host_bits = len(address) * 8 - self.length
        same_family = len(address) == len(self.address)
        return same_family and int.from_bytes(address) >> host_bits == int.from_bytes(self.address) >> host_bits


class ThreeTuple(NamedTuple):
    """An address with protocol and port."""

    address: bytes
    protocol: int
    port: int


Member = bytes | Prefix | ThreeTuple


@dataclass
class NpolIpSet:
    """Members in VPP's order, duplicates included."""

    type: int
    members: IndexPool[Member] = field(default_factory=IndexPool)

    def remove(self, member: Member) -> None:
        """Remove all equal members; from an IP_AND_PORT set VPP also removes those whose port or protocol differs."""
        for index, candidate in list(self.members):
            if candidate == member or (self.type == IP_AND_PORT and _differs(candidate, member)):
                self.members.free(index)

    def contains(self, address: bytes) -> bool:
        """Is an address in the set? None is in an IP_AND_PORT set."""
        if self.type == IP:
            return any(member == address for _, member in self.members)
        if self.type == NET:
            return any(isinstance(member, Prefix) and member.contains(address) for _, member in self.members)
        return False

    def contains_port(self, endpoint: ThreeTuple) -> bool:
        return self.type == IP_AND_PORT and any(member == endpoint for _, member in self.members)


def _differs(candidate: Member, member: Member) -> bool:
    """VPP compares the wrong way round: a different port or protocol counts as equal."""
    assert isinstance(candidate, ThreeTuple)
    assert isinstance(member, ThreeTuple)
    return (candidate.port, candidate.protocol) != (member.port, member.protocol)


class NpolFilter(NamedTuple):
    """One of a rule's three filters."""

    type: int
    value: int
    should_match: bool


@dataclass
class NpolRule:
    """Entries by side and sign (index: DST, SRC, NOT_DST, NOT_SRC). Sets are indices, of deleted sets too."""

    action: int
    filters: list[NpolFilter] = field(default_factory=list)
    prefixes: list[list[Prefix]] = field(default_factory=lambda: [[], [], [], []])
    ports: list[list[tuple[int, int]]] = field(default_factory=lambda: [[], [], [], []])
    sets: list[list[int]] = field(default_factory=lambda: [[], [], [], []])
    port_sets: list[list[int]] = field(default_factory=lambda: [[], [], [], []])

    def freed(self) -> "NpolRule":
        """What stays of a deleted rule in VPP's memory: its action, for every flow."""
        return NpolRule(self.action)


@dataclass
class NpolPolicy:
    """Indices of rules by direction (index: RX, TX)."""

    rules: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))


@dataclass
class NpolInterfaceConfig:
    """Policies and defaults of an interface by direction (index: RX, TX)."""

    policies: tuple[list[int], list[int]]
    profiles: list[int]
    invert: bool
    policy_default: tuple[int, int]
    profile_default: tuple[int, int]
