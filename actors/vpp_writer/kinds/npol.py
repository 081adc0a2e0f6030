"""VPP's npol plugin: IP sets, policies with their rules, what holds on an interface.

Traps (docs/vppsim.md): VPP checks no reference, and a freed rule that is still referenced matches everything. So what
is new is made before anything refers to it, and what is old goes when nothing does any more.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from actors.vpp_writer.kinds.accepted_retvals import add_del_call
from actors.vpp_writer.kinds.call import IntentRejected, NoVppAnswer, VppCall, VppCallRetriedLater
from actors.vpp_writer.kinds.checks import check_intent_range, checked_address_version, checked_prefix_version
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import (
    RANK_INTERFACE_POLICIES,
    RANK_IP_SET,
    RANK_POLICY,
    AddDelKind,
    IntentKind,
    ObjectDetails,
    VppCallSequence,
)
from schemas.cnat import cnat_feature_intent_key
from schemas.intents import AdminUpIntent, admin_up_intent_key, interface_intent_key
from schemas.npol import (
    NPOL_DEFAULT_ACTIONS,
    NPOL_RULE_ACTIONS,
    NPOL_SET_TYPES,
    InterfacePoliciesIntent,
    IpSetIntent,
    PolicyIntent,
    PolicyRule,
    RuleEntityMatch,
    ip_set_intent_key,
    ip_set_of_piece,
    policy_intent_key,
)

MEMBERS_MAX = 500  # of one call
_MEMBERS_KNOWN = 100_000
_TYPE = {name: number for number, name in enumerate(NPOL_SET_TYPES)}  # npol_ipset_type
_ACTION = {"allow": 0, "deny": 1, "pass": 3}  # npol_rule_action; 2, "log", would end the policy
_DEFAULT = {name: number for number, name in enumerate(NPOL_DEFAULT_ACTIONS)}  # npol_policy_default
_CIDR, _PORT_RANGE, _PORT_SET, _ADDRESS_SET = range(4)  # npol_entry_type
_L4_PROTOCOL = 3  # npol_rule_filter_type
_NO_FILTER = {"value": 0, "type": 0, "should_match": 0}
_FILTERS = 3


class IpSetKind(IntentKind[IpSetIntent]):
    """An IP set. VPP does not look for duplicates, so a change sends only what is new and what goes."""

    intent = IpSetIntent
    rank = RANK_IP_SET
    messages = ("npol_ipset_create", "npol_ipset_add_del_members", "npol_ipset_delete")
    has_indices = True
    make_before_break = True
    non_atomic_update = True

    def check(self, intent: IpSetIntent) -> None:
        if intent.type not in _TYPE:
            raise IntentRejected(f"type: {intent.type!r} is not one of {', '.join(NPOL_SET_TYPES)}")
        if len(set(intent.members)) != len(intent.members):
            raise IntentRejected("members: one is given twice")
        for member in intent.members:
            _check_member(intent.type, member)

    def can_update(self, old: IpSetIntent, new: IpSetIntent) -> bool:
        shrinks = not set(old.members) <= set(new.members)
        return old.type == new.type and not (new.type == "ip-port" and shrinks)

    def create(self, intent: IpSetIntent, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        (reply,) = yield [VppCall("npol_ipset_create", {"type": _TYPE[intent.type]})]
        details = {"set_id": int(reply.set_id)}
        try:
            for call in _members(details, intent.type, intent.members, add=True):
                yield [call]
        except (VppCallRetriedLater, NoVppAnswer):
            yield [_delete_set(details)]
            raise
        return details

    def update(
        self, old: IpSetIntent, new: IpSetIntent, indices: VppIndices, details: ObjectDetails
    ) -> VppCallSequence:
        before, after = set(old.members), set(new.members)
        for members, add in ((after - before, True), (before - after, False)):
            for call in _members(details, new.type, sorted(members), add=add):
                yield [call]
        return details

    def delete(self, intent: IpSetIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [_delete_set(details)]
        return details


class PolicyKind(IntentKind[PolicyIntent]):
    """A policy and its rules. `details`: its id, and those of its rules, in order, as text."""

    intent = PolicyIntent
    rank = RANK_POLICY
    messages = (
        "npol_rule_create",
        "npol_rule_delete",
        "npol_policy_create",
        "npol_policy_update",
        "npol_policy_delete",
        "cli_inband",  # npol has no dumps: see apply/orphans.py
    )
    has_indices = True
    make_before_break = True

    def check(self, intent: PolicyIntent) -> None:
        for direction in ("rx", "tx"):
            for number, rule in enumerate(getattr(intent, direction)):
                try:
                    _check_rule(rule)
                except IntentRejected as never:
                    raise IntentRejected(f"{direction}[{number}].{never}") from None

    def needs(self, intent: PolicyIntent) -> set[str]:
        matches = (match for rule in (*intent.rx, *intent.tx) for match in _matches(rule))
        return {ip_set_intent_key(name) for match, _, _ in matches for name in (*match.sets, *match.port_sets)}

    def can_update(self, old: PolicyIntent, new: PolicyIntent) -> bool:
        return True

    def create(self, intent: PolicyIntent, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        ids = [int(r.rule_id) for r in (yield [_rule(rule, indices) for rule in (*intent.rx, *intent.tx)])]
        details = _details(intent, ids, 0)
        try:
            (reply,) = yield [VppCall("npol_policy_create", _items(details))]
        except (VppCallRetriedLater, NoVppAnswer):
            yield [_delete_rule(number) for number in ids]
            raise
        return _details(intent, ids, int(reply.policy_id))

    def update(
        self, old: PolicyIntent, new: PolicyIntent, indices: VppIndices, details: ObjectDetails
    ) -> VppCallSequence:
        """New rules, the policy with them in one step, then the old rules go."""
        free = defaultdict[PolicyRule, list[int]](list)
        for rule, number in zip((*old.rx, *old.tx), _ids(details, "rx") + _ids(details, "tx"), strict=True):
            free[rule].append(number)
        rules = (*new.rx, *new.tx)
        kept_ids = [free[rule].pop(0) if free[rule] else None for rule in rules]
        fresh = [rule for rule, number in zip(rules, kept_ids, strict=True) if number is None]
        new_ids = [int(reply.rule_id) for reply in (yield [_rule(rule, indices) for rule in fresh])]
        coming = iter(new_ids)
        ids = [next(coming) if number is None else number for number in kept_ids]
        changed = _details(new, ids, int(details["policy_id"]))
        try:
            yield [VppCall("npol_policy_update", {"policy_id": changed["policy_id"], **_items(changed)})]
        except (VppCallRetriedLater, NoVppAnswer):
            yield [_delete_rule(number) for number in new_ids]
            raise
        yield [_delete_rule(number) for numbers in free.values() for number in numbers]
        return changed

    def delete(self, intent: PolicyIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [add_del_call("npol_policy_delete", False, {"policy_id": details["policy_id"]})]
        yield [_delete_rule(number) for number in _ids(details, "rx") + _ids(details, "tx")]
        return details


class InterfacePoliciesKind(AddDelKind[InterfacePoliciesIntent]):
    """What holds on an interface; replaced whole, in one step. Gone: everything passes, or nothing (`AdminUpIntent`).

    Policies are enforced only where the cnat feature is on, so that must be there first.
    """

    intent = InterfacePoliciesIntent
    rank = RANK_INTERFACE_POLICIES
    messages = ("npol_configure_policies",)

    def check(self, intent: InterfacePoliciesIntent) -> None:
        for field in ("rx_default", "tx_default", "rx_profile_default", "tx_profile_default"):
            if getattr(intent, field) not in _DEFAULT:
                raise IntentRejected(
                    f"{field}: {getattr(intent, field)!r} is not one of {', '.join(NPOL_DEFAULT_ACTIONS)}"
                )

    def needs(self, intent: InterfacePoliciesIntent) -> set[str]:
        policies = {policy_intent_key(name) for name in (*intent.rx, *intent.tx, *intent.profiles)}
        return policies | {interface_intent_key(intent.interface), cnat_feature_intent_key(intent.interface)}

    def call(self, intent: InterfacePoliciesIntent, indices: VppIndices, add: bool) -> VppCall:
        if add:
            return _configure(intent, indices, add=True)
        up = indices.intent(admin_up_intent_key(intent.interface))
        if isinstance(up, AdminUpIntent) and up.when_policed:
            return closing_call(intent.interface, indices)
        return _configure(_unpoliced(intent.interface), indices, add=False)

    def can_update(self, old: InterfacePoliciesIntent, new: InterfacePoliciesIntent) -> bool:
        return True


def closing_call(interface: str, indices: VppIndices) -> VppCall:
    """The call by which all packets are denied on the interface, in both directions. Raises VppCallRetriedLater."""
    return _configure(InterfacePoliciesIntent(interface), indices, add=True)


def _unpoliced(interface: str) -> InterfacePoliciesIntent:
    return InterfacePoliciesIntent(interface, (), (), (), "allow", "allow", "allow", "allow")


def _configure(intent: InterfacePoliciesIntent, indices: VppIndices, *, add: bool) -> VppCall:
    rx, tx, profiles = ([indices.policy(name) for name in names] for names in (intent.rx, intent.tx, intent.profiles))
    fields = {
        "sw_if_index": indices.interface(intent.interface),
        "num_rx_policies": len(rx),
        "num_tx_policies": len(tx),
        "total_ids": len(rx) + len(tx) + len(profiles),
        "invert_rx_tx": intent.invert,
        "policy_default_rx": _DEFAULT[intent.rx_default],
        "policy_default_tx": _DEFAULT[intent.tx_default],
        "profile_default_rx": _DEFAULT[intent.rx_profile_default],
        "profile_default_tx": _DEFAULT[intent.tx_profile_default],
        "policy_ids": [*rx, *tx, *profiles],
    }
    return add_del_call("npol_configure_policies", add, fields)


# --- IP sets


@lru_cache(maxsize=_MEMBERS_KNOWN)
def _check_member(kind: str, member: str) -> None:
    """A set that changes has all but a few members of before: what was good is remembered."""
    try:
        if kind == "ip":
            checked_address_version("members", member)
        elif kind == "net":
            checked_prefix_version("members", member)
        else:
            address, protocol, port = member.split(",")
            checked_address_version("members", address)
            check_intent_range("members: protocol", int(protocol), 0, 255)
            check_intent_range("members: port", int(port), 0, 65535)
    except ValueError as error:
        raise IntentRejected(f"members: {member!r}: {error}") from None


def _members(details: ObjectDetails, kind: str, members: Sequence[str], *, add: bool) -> Iterator[VppCall]:
    for first in range(0, len(members), MEMBERS_MAX):
        rows = member_rows(kind, members[first : first + MEMBERS_MAX])
        fields = {"set_id": details["set_id"], "is_add": add, "len": len(rows), "members": rows}
        yield VppCall("npol_ipset_add_del_members", fields)


def member_rows(kind: str, members: Sequence[str]) -> list[dict[str, Any]]:
    """VPP's npol_ipset_member rows."""
    return [{"val": _member(kind, member)} for member in members]


def _member(kind: str, member: str) -> dict[str, Any]:
    if kind == "ip":
        return {"address": member}
    if kind == "net":
        return {"prefix": member}
    address, protocol, port = member.split(",")
    return {"tuple": {"address": address, "l4_proto": int(protocol), "port": int(port)}}


def _delete_set(details: ObjectDetails) -> VppCall:
    return add_del_call("npol_ipset_delete", False, {"set_id": details["set_id"]})


# --- policies and rules


def _details(intent: PolicyIntent, ids: Sequence[int], number: int) -> dict[str, int | str]:
    cut = len(intent.rx)
    return {"policy_id": number, "rx": " ".join(map(str, ids[:cut])), "tx": " ".join(map(str, ids[cut:]))}


def _ids(details: ObjectDetails, direction: str) -> list[int]:
    return [int(number) for number in str(details[direction]).split()]


def npol_rule_ids(details: ObjectDetails) -> set[int]:
    """The ids of the rules of a policy."""
    return {*_ids(details, "rx"), *_ids(details, "tx")}


def _items(details: ObjectDetails) -> dict[str, Any]:
    items = [{"is_inbound": d == "rx", "rule_id": number} for d in ("rx", "tx") for number in _ids(details, d)]
    return {"num_items": len(items), "rules": items}


def _delete_rule(number: int) -> VppCall:
    return add_del_call("npol_rule_delete", False, {"rule_id": number})


def _matches(rule: PolicyRule) -> Iterator[tuple[RuleEntityMatch, bool, bool]]:
    """(match, is it of the source, is it a negative one)."""
    yield rule.source, True, False
    yield rule.destination, False, False
    yield rule.not_source, True, True
    yield rule.not_destination, False, True


def _check_rule(rule: PolicyRule) -> None:
    if rule.action not in _ACTION:
        raise IntentRejected(f"action: {rule.action!r} is not one of {', '.join(NPOL_RULE_ACTIONS)}")
    for field, number in (("protocol", rule.protocol), ("not_protocol", rule.not_protocol)):
        if number is not None:
            check_intent_range(field, number, 0, 255)
    for match, is_source, is_not in _matches(rule):
        side = f"{'not_' if is_not else ''}{'source' if is_source else 'destination'}"
        if not is_not and len({ip_set_of_piece(name) for name in match.sets}) > 1:
            raise IntentRejected(f"{side}.sets: VPP takes one of several as enough")
        for net in match.nets:
            checked_prefix_version(f"{side}.nets", net)
        for first, last in match.ports:
            check_intent_range(f"{side}.ports", first, 0, last)
            check_intent_range(f"{side}.ports", last, first, 65535)


def _rule(rule: PolicyRule, indices: VppIndices) -> VppCall:
    filters = [
        {"value": number, "type": _L4_PROTOCOL, "should_match": should}
        for number, should in ((rule.protocol, 1), (rule.not_protocol, 0))
        if number is not None
    ]
    entries = [entry for match in _matches(rule) for entry in _entries(*match, indices)]
    fields = {
        "action": _ACTION[rule.action],
        "filters": filters + [_NO_FILTER] * (_FILTERS - len(filters)),
        "num_entries": len(entries),
        "matches": entries,
    }
    return VppCall("npol_rule_create", {"rule": fields})


def _entries(match: RuleEntityMatch, is_source: bool, is_not: bool, indices: VppIndices) -> Iterator[dict[str, Any]]:
    """VPP's npol_rule_entry rows."""
    side = {"is_src": is_source, "is_not": is_not}
    for net in match.nets:
        yield {**side, "type": _CIDR, "data": {"cidr": net}}
    for first, last in match.ports:
        yield {**side, "type": _PORT_RANGE, "data": {"port_range": {"start": first, "end": last}}}
    for name in match.port_sets:
        yield {**side, "type": _PORT_SET, "data": {"set_id": {"set_id": indices.ip_set(name)}}}
    for name in match.sets:
        yield {**side, "type": _ADDRESS_SET, "data": {"set_id": {"set_id": indices.ip_set(name)}}}
