"""Felix's sets compiled to VPP's. Pure.

Unreadable members are left out and reported. A set that lacks members is *damaged*: rules that would let more pass
because of it fail closed.
"""

import hashlib
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_network
from typing import NamedTuple

from actors.policy.model import FelixIpSet
from schemas.addresses import IpNetwork, parse_ip_address, parse_ip_prefix
from schemas.npol import IpSetIntent

_PROTOCOLS = {"tcp": 6, "udp": 17, "sctp": 132}
_MEMBERS_KNOWN = 200_000  # cached canonical forms of members
_HASH_CHARACTERS = 10


class CompiledIpSet(NamedTuple):
    """A set of VPP, and the members that could not be read."""

    intent: IpSetIntent
    problems: tuple[str, ...] = ()


def compile_ip_set(name: str, felix_set: FelixIpSet) -> CompiledIpSet:
    """Compile the set that Felix calls `name`."""
    members, problems = set(), []
    for member in felix_set.members:
        try:
            members.add(_canonical_member(felix_set.type, member))
        except ValueError as error:
            problems.append(f"members: {member!r}: {error}")
    return CompiledIpSet(vpp_ip_set(f"s:{name}", felix_set.type, members), tuple(sorted(problems)))


def vpp_ip_set(name: str, kind: str, members: Iterable[str]) -> IpSetIntent:
    """A set of VPP. Sets of addresses with ports can only grow in VPP, so the name of one depends on its members."""
    ordered = tuple(sorted(members))
    if kind == "net":
        return IpSetIntent(name, kind, ordered)
    mark = digest_for_ip_set_name(*ordered) if kind == "ip-port" else kind
    return IpSetIntent(f"{name}@{mark}", kind, ordered)


def digest_for_ip_set_name(*parts: str) -> str:
    """A short hash of texts, for names."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_HASH_CHARACTERS]


@lru_cache(maxsize=_MEMBERS_KNOWN)
def _canonical_member(kind: str, member: str) -> str:
    """A member in the form of VPP's sets. Raises ValueError."""
    if kind == "net":
        return str(parse_ip_prefix(member))
    if kind == "ip":
        return str(parse_ip_address(member))
    address, _, place = member.partition(",")
    protocol, _, port = place.partition(":")
    if protocol.lower() not in _PROTOCOLS:
        raise ValueError(f"protocol {protocol!r} is not tcp, udp or sctp")
    number = int(port)
    if not 0 <= number <= 65535:
        raise ValueError(f"port {number} outside 0 to 65535")
    return f"{parse_ip_address(address)},{_PROTOCOLS[protocol.lower()]},{number}"


def intersect_ip_sets(sets: Iterable[IpSetIntent]) -> IpSetIntent:
    """One set of what is in all of them: VPP's rules match if one of several sets does."""
    ordered = sorted(sets, key=lambda ip_set: ip_set.name)
    name = f"and:{digest_for_ip_set_name(*(ip_set.name for ip_set in ordered))}"
    if ordered[0].type == "ip-port":
        common = set[str].intersection(*(set(ip_set.members) for ip_set in ordered))
        return vpp_ip_set(name, "ip-port", common)
    networks = {ip_network(member) for member in ordered[0].members}
    for ip_set in ordered[1:]:
        second = {ip_network(member) for member in ip_set.members}
        networks = _within(networks, second) | _within(second, networks)
    return vpp_ip_set(name, "net", map(str, networks))


def _within(networks: set[IpNetwork], covers: set[IpNetwork]) -> set[IpNetwork]:
    """The networks that lie in one of `covers`."""
    lengths = sorted({(cover.version, cover.prefixlen) for cover in covers})
    return {
        network
        for network in networks
        if any(
            version == network.version and length <= network.prefixlen and network.supernet(new_prefix=length) in covers
            for version, length in lengths
        )
    }
