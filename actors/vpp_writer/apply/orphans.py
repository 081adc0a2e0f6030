"""What VPP's npol plugin holds and nobody owns: left by a life of the writer that ended in the middle of an object.

npol has no dumps and no names: ids are read from what VPP shows to people (VPP: npol_policy.c, npol_rule.c,
npol_ipset.c). Nothing else in this VPP makes such objects, so what the writer does not hold is swept up: policies
first, then rules, then sets.
"""

import re
from collections.abc import Mapping

from actors.vpp_writer.kinds.call import Call
from actors.vpp_writer.kinds.npol import rule_ids
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.reconcile.objects import Objects
from actors.vpp_writer.vpp.client import VppClient
from schemas.npol import InterfacePolicies, IpSet, Policy

KINDS = (IpSet, Policy, InterfacePolicies)
SHOWN = {  # what is shown, how a line of it begins, and the call that takes an object away
    "policies": (re.compile(r"^\[policy#(\d+)", re.MULTILINE), "npol_policy_delete", "policy_id"),
    "rules": (re.compile(r"^\[rule#(\d+)", re.MULTILINE), "npol_rule_delete", "rule_id"),
    "ipsets": (re.compile(r"^\[ipset#(\d+)", re.MULTILINE), "npol_ipset_delete", "set_id"),
}


def settled(ledger: Objects) -> bool:
    """Is every policy that is wanted held? Before that, VPP may still use what nobody seems to own."""
    for key, claim in ledger.claims.effective.items():
        if isinstance(claim.intent, KINDS):
            held = ledger.held.get(key)
            if held is None or held.intent != claim.intent:
                return False
    return True


async def calls(api: VppClient, held: Mapping[str, HeldObject]) -> list[Call]:
    """The calls that take away what is not held, in the order in which it may go."""
    if not (api.supports("cli_inband") and api.supports("npol_policy_delete")):
        return []
    owned = _owned(held)
    found = []
    for what, (line, message, field) in SHOWN.items():
        text = str((await api.request("cli_inband", {"cmd": f"show npol {what}"})).reply)
        there = {int(number) for number in line.findall(text)}
        found += [Call(message, {field: number}) for number in sorted(there - owned[what])]
    return found


def _owned(held: Mapping[str, HeldObject]) -> dict[str, set[int]]:
    owned: dict[str, set[int]] = {"policies": set(), "rules": set(), "ipsets": set()}
    for each in held.values():
        if isinstance(each.intent, Policy):
            owned["policies"].add(int(each.details["policy_id"]))
            owned["rules"] |= rule_ids(each.details)
        elif isinstance(each.intent, IpSet):
            owned["ipsets"].add(int(each.details["set_id"]))
    return owned
