"""What npol holds (VPP: npol_ipset.h, npol_rule.h, npol_policy.h, npol_interface.h). Addresses are 4 or 16 bytes."""

from dataclasses import dataclass, field
from typing import NamedTuple

from tools.vppsim.npol.pool import Pool

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

    def holds(self, address: bytes) -> bool:
        """Is the address, of whatever family, inside?"""
        rest = len(address) * 8 - self.length
        same = len(address) == len(self.address)
        return same and int.from_bytes(address) >> rest == int.from_bytes(self.address) >> rest


class Tuple3(NamedTuple):
    """An address with protocol and port."""

    address: bytes
    protocol: int
    port: int


Member = bytes | Prefix | Tuple3


@dataclass
class IpSet:
    """Members in VPP's order, doubled ones too."""

    type: int
    members: Pool[Member] = field(default_factory=Pool)

    def remove(self, member: Member) -> None:
        """All equal ones; of an IP_AND_PORT set VPP removes besides all whose port or protocol differ."""
        for index, other in list(self.members):
            if other == member or (self.type == IP_AND_PORT and _differs(other, member)):
                self.members.free(index)

    def holds(self, address: bytes) -> bool:
        """Asked about an address. An IP_AND_PORT set holds none."""
        if self.type == IP:
            return any(member == address for _, member in self.members)
        if self.type == NET:
            return any(isinstance(member, Prefix) and member.holds(address) for _, member in self.members)
        return False

    def holds_port(self, asked: Tuple3) -> bool:
        return self.type == IP_AND_PORT and any(member == asked for _, member in self.members)


def _differs(one: Member, other: Member) -> bool:
    """VPP compares the wrong way round: not the same port and protocol counts as equal."""
    assert isinstance(one, Tuple3)
    assert isinstance(other, Tuple3)
    return (one.port, one.protocol) != (other.port, other.protocol)


class Filter(NamedTuple):
    """One of a rule's three filters."""

    type: int
    value: int
    should_match: bool


@dataclass
class Rule:
    """Entries by side and sign (index: DST, SRC, NOT_DST, NOT_SRC). Sets are indices, whatever there is."""

    action: int
    filters: list[Filter] = field(default_factory=list)
    prefixes: list[list[Prefix]] = field(default_factory=lambda: [[], [], [], []])
    ports: list[list[tuple[int, int]]] = field(default_factory=lambda: [[], [], [], []])
    sets: list[list[int]] = field(default_factory=lambda: [[], [], [], []])
    port_sets: list[list[int]] = field(default_factory=lambda: [[], [], [], []])

    def freed(self) -> "Rule":
        """What VPP's memory holds of a deleted rule: its action, for everything."""
        return Rule(self.action)


@dataclass
class Policy:
    """Indices of rules by direction (index: RX, TX)."""

    rules: tuple[list[int], list[int]] = field(default_factory=lambda: ([], []))


@dataclass
class Configuration:
    """What holds on an interface: policies and defaults by direction (index: RX, TX)."""

    policies: tuple[list[int], list[int]]
    profiles: list[int]
    invert: bool
    policy_default: tuple[int, int]
    profile_default: tuple[int, int]
