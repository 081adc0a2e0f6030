"""What VPP holds of the plugins npol and cnat, and nobody owns. Nothing else in this VPP makes such objects.

Policies, rules and sets are left by a life of the writer that ended in the middle of one. npol has no dumps and no
names: ids are read from what VPP shows to people (VPP: npol_policy.c, npol_rule.c, npol_ipset.c). Policies go first,
then rules, then sets.

Translations are left where the journal was lost, of Services that were deleted before it could be written anew.
"""

import re
from collections.abc import Mapping

from actors.vpp_writer.kinds.call import VppCall
from actors.vpp_writer.kinds.cnat import translation_identity, wanted_translation_identity
from actors.vpp_writer.kinds.npol import npol_rule_ids
from actors.vpp_writer.reconcile.claims import IntentClaims
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.vpp.client import VppApiClient
from schemas.cnat import TranslationIntent
from schemas.npol import InterfacePoliciesIntent, IpSetIntent, PolicyIntent

_NPOL_INTENTS = (IpSetIntent, PolicyIntent, InterfacePoliciesIntent)
_LISTINGS = {  # what VPP lists, how a line of it begins, and the call that deletes an object
    "policies": (re.compile(r"^\[policy#(\d+)", re.MULTILINE), "npol_policy_delete", "policy_id"),
    "rules": (re.compile(r"^\[rule#(\d+)", re.MULTILINE), "npol_rule_delete", "rule_id"),
    "ipsets": (re.compile(r"^\[ipset#(\d+)", re.MULTILINE), "npol_ipset_delete", "set_id"),
}


def are_wanted_policies_held(claims: IntentClaims, objects: Mapping[str, HeldObject]) -> bool:
    """Is every policy that is wanted held? Before that, VPP may still use what nobody seems to own."""
    for key, claim in claims.effective.items():
        if isinstance(claim.intent, _NPOL_INTENTS):
            present = objects.get(key)
            if present is None or present.intent != claim.intent:
                return False
    return True


async def npol_deleting_calls(api: VppApiClient, objects: Mapping[str, HeldObject]) -> list[VppCall]:
    """The calls that delete what is not held, in the order in which it may go."""
    if not (api.supports("cli_inband") and api.supports("npol_policy_delete")):
        return []
    owned = _owned_ids(objects)
    calls = []
    for listing, (line, message, field) in _LISTINGS.items():
        text = str((await api.request("cli_inband", {"cmd": f"show npol {listing}"})).reply)
        ids = {int(number) for number in line.findall(text)}
        calls += [VppCall(message, {field: number}) for number in sorted(ids - owned[listing])]
    return calls


async def translation_deleting_calls(
    api: VppApiClient, claims: IntentClaims, objects: Mapping[str, HeldObject]
) -> list[VppCall]:
    """The calls that delete translations that are neither held nor wanted. Their owner must have said all it wants."""
    if not api.supports("cnat_translation_dump"):
        return []
    claimed = (claim.intent for claim in claims.effective.values() if isinstance(claim.intent, TranslationIntent))
    owned = (present.intent for present in objects.values() if isinstance(present.intent, TranslationIntent))
    known = {wanted_translation_identity(intent) for intent in (*claimed, *owned)}
    rows = [row for row in await api.dump("cnat_translation_dump") if translation_identity(row) not in known]
    return [VppCall("cnat_translation_del", {"id": int(row.translation.id)}) for row in rows]


def _owned_ids(objects: Mapping[str, HeldObject]) -> dict[str, set[int]]:
    owned: dict[str, set[int]] = {"policies": set(), "rules": set(), "ipsets": set()}
    for held_object in objects.values():
        if isinstance(held_object.intent, PolicyIntent):
            owned["policies"].add(int(held_object.details["policy_id"]))
            owned["rules"] |= npol_rule_ids(held_object.details)
        elif isinstance(held_object.intent, IpSetIntent):
            owned["ipsets"].add(int(held_object.details["set_id"]))
    return owned
