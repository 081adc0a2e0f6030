"""Policies. As in VPP, rules may refer to sets, and policies to rules, that do not exist."""

from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.handlers.convert import address
from tools.vppsim.handlers.registry import Fields, call
from tools.vppsim.npol.index_pool import IndexPool
from tools.vppsim.npol.objects import (
    IP,
    IP_AND_PORT,
    RX,
    TX,
    Member,
    NpolFilter,
    NpolInterfaceConfig,
    NpolIpSet,
    NpolPolicy,
    NpolRule,
    Prefix,
    ThreeTuple,
)
from tools.vppsim.retvals import VnetError, VppRefused
from tools.vppsim.vpp import Vpp

PREFIX_WITH_HOST_BITS = -88  # VNET_API_ERROR_ADDRESS_LENGTH_MISMATCH of ip_prefix_decode2
UNKNOWN_POLICY = 1
CIDR, PORT_RANGE, PORT_IP_SET, IP_SET = range(4)  # npol_entry_type


@call("npol_get_version")
def npol_get_version(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return {"major": 0, "minor": 0}


@call("npol_ipset_create")
def npol_ipset_create(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return {"set_id": vpp.npol.sets.allocate(NpolIpSet(int(message.type)))}


@call("npol_ipset_add_del_members")
def npol_ipset_add_del_members(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Stops at the first invalid member; those before it stay."""
    ip_set = _allocated(vpp.npol.sets, message.set_id)
    for item in message.members:
        member = _member(ip_set.type, item.val)
        if message.is_add:
            ip_set.members.allocate(member)
        else:
            ip_set.remove(member)


def _member(kind: int, value: Any) -> Member:
    if kind == IP:
        return address(value.address)
    if kind == IP_AND_PORT:
        return ThreeTuple(address(value.tuple.address), value.tuple.l4_proto, value.tuple.port)
    return _prefix(value.prefix)


def _prefix(message: Any) -> Prefix:
    if message is None:
        raise VppRefused(VnetError.INVALID_ADDRESS_FAMILY)
    prefix = Prefix(address(message.address), message.len)
    bits = len(prefix.address) * 8
    if prefix.length > bits or int.from_bytes(prefix.address) & ((1 << (bits - prefix.length)) - 1):
        raise VppRefused(PREFIX_WITH_HOST_BITS)
    return prefix


@call("npol_ipset_delete")
def npol_ipset_delete(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    _allocated(vpp.npol.sets, message.set_id).members = IndexPool()
    vpp.npol.sets.free(message.set_id)


@call("npol_rule_create")
def npol_rule_create(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return {"rule_id": vpp.npol.rules.allocate(_rule(message.rule))}


@call("npol_rule_update")
def npol_rule_update(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Updating an unknown rule makes another one, whose index nobody learns."""
    rule, rules = _rule(message.rule), vpp.npol.rules
    if rules.get(message.rule_id) is None:
        rules.allocate(rule)
    else:
        rules.slots[message.rule_id] = rule


def _rule(message: Any) -> NpolRule:
    rule = NpolRule(int(message.action))
    rule.filters = [NpolFilter(int(f.type), f.value, bool(f.should_match)) for f in message.filters]
    for entry in message.matches:
        side = bool(entry.is_src) | bool(entry.is_not) << 1
        kind = int(entry.type)
        if kind == CIDR:
            rule.prefixes[side].append(_prefix(entry.data.cidr))
        elif kind == PORT_RANGE:
            rule.ports[side].append((entry.data.port_range.start, entry.data.port_range.end))
        elif kind in (PORT_IP_SET, IP_SET):
            where = rule.port_sets if kind == PORT_IP_SET else rule.sets
            where[side].append(entry.data.set_id.set_id)
        else:
            raise VppRefused(VnetError.UNSPECIFIED)
    return rule


@call("npol_rule_delete")
def npol_rule_delete(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """A policy that still refers to the rule applies its action to every packet."""
    rule = _allocated(vpp.npol.rules, message.rule_id)
    vpp.npol.rules.slots[message.rule_id] = rule.freed()
    vpp.npol.rules.free(message.rule_id)


@call("npol_policy_create")
def npol_policy_create(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    return {"policy_id": vpp.npol.policies.allocate(_policy(message.rules))}


@call("npol_policy_update")
def npol_policy_update(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    policy, policies = _policy(message.rules), vpp.npol.policies
    if policies.get(message.policy_id) is None:
        policies.allocate(policy)
    else:
        policies.slots[message.policy_id] = policy


def _policy(items: Any) -> NpolPolicy:
    policy = NpolPolicy()
    for item in items:
        policy.rules[RX if item.is_inbound else TX].append(item.rule_id)
    return policy


@call("npol_policy_delete")
def npol_policy_delete(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    _allocated(vpp.npol.policies, message.policy_id)
    vpp.npol.policies.slots[message.policy_id] = NpolPolicy()
    vpp.npol.policies.free(message.policy_id)


@call("npol_configure_policies")
def npol_configure_policies(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Replaces the whole configuration, unless a policy does not exist."""
    index = vpp.interfaces.find(message.sw_if_index).index
    ids, rx, tx = list(message.policy_ids), message.num_rx_policies, message.num_tx_policies
    if any(vpp.npol.policies.get(number) is None for number in ids):
        raise VppRefused(UNKNOWN_POLICY)
    config = NpolInterfaceConfig(
        policies=(ids[:rx], ids[rx : rx + tx]),
        profiles=ids[rx + tx :],
        invert=bool(message.invert_rx_tx),
        policy_default=(int(message.policy_default_rx), int(message.policy_default_tx)),
        profile_default=(int(message.profile_default_rx), int(message.profile_default_tx)),
    )
    vpp.npol.configure(index, config)


def _allocated(pool: IndexPool[Any], index: int) -> Any:
    value = pool.get(index)
    if value is None:
        raise VppRefused(VnetError.NO_SUCH_ENTRY)
    return value
