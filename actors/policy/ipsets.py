"""Felix's sets as VPP's. Pure.

Members that cannot be read are left out and named. Whether leaving one out opens anything depends on the rule that
uses the set: a set that lacks members is *damaged*, and rules that would let more pass by it fail closed.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import NamedTuple

from actors.policy.model import FelixIpSet
from schemas.npol import IpSet

PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
MEMBERS_KNOWN = 200_000  # how many members' canonical forms are remembered
HASH_CHARACTERS = 10
Network = IPv4Network | IPv6Network


class Made(NamedTuple):
    """A set as VPP should hold it, and what could not be read of it."""

    intent: IpSet
    problems: tuple[str, ...] = ()


def made(name: str, told: FelixIpSet) -> Made:
    """The set called `name` by Felix."""
    members, problems = set(), []
    for member in told.members:
        try:
            members.add(canonical(told.type, member))
        except ValueError as error:
            problems.append(f"members: {member!r}: {error}")
    return Made(named(f"s:{name}", told.type, members), tuple(sorted(problems)))


def named(name: str, kind: str, members: Iterable[str]) -> IpSet:
    """VPP's set. One of addresses with ports can only grow, so its name tells its content."""
    ordered = tuple(sorted(members))
    if kind == "net":
        return IpSet(name, kind, ordered)
    mark = digest(*ordered) if kind == "ip-port" else kind
    return IpSet(f"{name}@{mark}", kind, ordered)


def digest(*parts: str) -> str:
    """A short name of a content."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:HASH_CHARACTERS]


@lru_cache(maxsize=MEMBERS_KNOWN)
def canonical(kind: str, member: str) -> str:
    """A member as VPP's sets have it. Raises ValueError."""
    if "%" in member:
        raise ValueError("an address with a scope means nothing to others")
    if kind == "net":
        return str(ip_network(member, strict=False))
    if kind == "ip":
        return str(ip_address(member))
    address, _, place = member.partition(",")
    protocol, _, port = place.partition(":")
    if protocol.lower() not in PROTOCOLS:
        raise ValueError(f"protocol {protocol!r} is not tcp, udp or sctp")
    number = int(port)
    if not 0 <= number <= 65535:
        raise ValueError(f"port {number} outside 0 to 65535")
    return f"{ip_address(address)},{PROTOCOLS[protocol.lower()]},{number}"


def intersection(sets: Iterable[IpSet]) -> IpSet:
    """What is in all of them, as one set; VPP takes one of several as enough."""
    several = sorted(sets, key=lambda each: each.name)
    name = f"and:{digest(*(each.name for each in several))}"
    if several[0].type == "ip-port":
        common = set[str].intersection(*(set(each.members) for each in several))
        return named(name, "ip-port", common)
    networks = {ip_network(member) for member in several[0].members}
    for each in several[1:]:
        others = {ip_network(member) for member in each.members}
        networks = _inside(networks, others) | _inside(others, networks)
    return named(name, "net", map(str, networks))


def _inside(some: set[Network], others: set[Network]) -> set[Network]:
    """Those of `some` that one of `others` holds."""
    lengths = sorted({(other.version, other.prefixlen) for other in others})
    return {
        network
        for network in some
        if any(
            version == network.version and length <= network.prefixlen and network.supernet(new_prefix=length) in others
            for version, length in lengths
        )
    }
