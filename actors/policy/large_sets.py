"""Sets of any size as sets that fit into a row of the bus each, and the rules that refer to them. Pure.

A rule of VPP's matches if one of several sets does, so a set may be cut into pieces that the rule names one beside the
other. A member's piece depends on the member and on how many pieces there are: one that comes or goes changes one.
"""

import zlib
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import msgspec

from schemas.intents import Intent
from schemas.npol import IpSetIntent, PolicyIntent, PolicyRule, RuleEntityMatch, ip_set_piece_name

SET_MEMBERS_MAX = 32_768  # of a piece on average: 2 MB of the longest members, of 4 MB that a row may have
_Pieces = tuple[IpSetIntent, ...]


class _CutPolicy(NamedTuple):
    """A policy, the names of the pieces of its sets, and the policy that names them."""

    policy: PolicyIntent
    names: dict[str, tuple[str, ...]]
    cut: PolicyIntent


class LargeSets:
    """The sets that were cut last, so that what has not changed is not cut again."""

    def __init__(self) -> None:
        self._cut_sets: dict[str, tuple[IpSetIntent, _Pieces]] = {}
        self._cut_policies: dict[str, _CutPolicy] = {}

    def cut(self, sets: Mapping[str, IpSetIntent], policies: Iterable[PolicyIntent]) -> Iterator[Intent]:
        """All sets and policies; the large ones in pieces."""
        large = {name: ip_set for name, ip_set in sets.items() if len(ip_set.members) > SET_MEMBERS_MAX}
        self._cut_sets = {name: (ip_set, self._pieces(ip_set)) for name, ip_set in large.items()}
        names = {name: tuple(piece.name for piece in pieces) for name, (_, pieces) in self._cut_sets.items()}
        yield from (ip_set for name, ip_set in sets.items() if name not in large)
        for _, pieces in self._cut_sets.values():
            yield from pieces
        yield from self._policies(policies, names)

    def _pieces(self, ip_set: IpSetIntent) -> _Pieces:
        earlier = self._cut_sets.get(ip_set.name)
        return earlier[1] if earlier is not None and earlier[0] is ip_set else cut_ip_set(ip_set)

    def _policies(
        self, policies: Iterable[PolicyIntent], names: Mapping[str, tuple[str, ...]]
    ) -> Iterator[PolicyIntent]:
        earlier, self._cut_policies = self._cut_policies, {}
        for policy in policies:
            used = {name: names[name] for name in _set_names(policy) if name in names} if names else {}
            if not used:
                yield policy
                continue
            before = earlier.get(policy.name)
            if before is None or before.policy is not policy or before.names != used:
                before = _CutPolicy(policy, used, _with_pieces(policy, used))
            self._cut_policies[policy.name] = before
            yield before.cut


def cut_ip_set(ip_set: IpSetIntent) -> _Pieces:
    """Pieces of `SET_MEMBERS_MAX` members on average."""
    count = 1
    while len(ip_set.members) > count * SET_MEMBERS_MAX:
        count *= 2
    members: list[list[str]] = [[] for _ in range(count)]
    for member in ip_set.members:
        members[zlib.crc32(member.encode()) % count].append(member)
    return tuple(
        IpSetIntent(ip_set_piece_name(ip_set.name, number, count), ip_set.type, tuple(piece))
        for number, piece in enumerate(members, 1)
    )


def _set_names(policy: PolicyIntent) -> set[str]:
    return {
        name
        for rule in (*policy.rx, *policy.tx)
        for match in (rule.source, rule.destination, rule.not_source, rule.not_destination)
        for name in (*match.sets, *match.port_sets)
    }


def _with_pieces(policy: PolicyIntent, names: Mapping[str, tuple[str, ...]]) -> PolicyIntent:
    """The policy, its rules naming the pieces instead of the sets."""

    def of_match(match: RuleEntityMatch) -> RuleEntityMatch:
        sets = tuple(piece for name in match.sets for piece in names.get(name, (name,)))
        port_sets = tuple(piece for name in match.port_sets for piece in names.get(name, (name,)))
        return msgspec.structs.replace(match, sets=sets, port_sets=port_sets)

    def of_rule(rule: PolicyRule) -> PolicyRule:
        return msgspec.structs.replace(
            rule,
            source=of_match(rule.source),
            destination=of_match(rule.destination),
            not_source=of_match(rule.not_source),
            not_destination=of_match(rule.not_destination),
        )

    return msgspec.structs.replace(policy, rx=tuple(map(of_rule, policy.rx)), tx=tuple(map(of_rule, policy.tx)))
