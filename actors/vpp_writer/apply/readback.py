"""Reading VPP back: which held objects it really has, and what it has that is not held.

Only reads. What is missing is written again by the next turn; what is not recognised is left alone.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from ipaddress import ip_interface
from typing import Any

from actors.vpp_writer.kinds import kind_of_intent, urpf
from actors.vpp_writer.kinds.call import VppCallRetriedLater
from actors.vpp_writer.kinds.cnat import translation_identity
from actors.vpp_writer.kinds.indices import NO_VPP_INDEX, VppIndices
from actors.vpp_writer.kinds.kind import ObservedVppObjects, SharedIntentPart, VppObjectLookup
from actors.vpp_writer.kinds.wire import ANY_IP4_PREFIX
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.vpp.client import VppApiClient
from schemas.cnat import TranslationIntent
from schemas.intents import AddressIntent, AdminUpIntent, MtuIntent, TableIntent, UrpfIntent, interface_intent_key

_ADMIN_UP = 1  # if_status_flags
_HeldObjects = Mapping[str, HeldObject]


async def observe_external_objects(api: VppApiClient, objects: _HeldObjects) -> ObservedVppObjects:
    """What VPP has and is not held: interfaces, tables, translations."""
    numbers = {held_object.details.get("sw_if_index") for held_object in objects.values()}
    interfaces = [row for row in await api.dump("sw_interface_dump") if row.sw_if_index not in numbers]
    translations = await api.dump("cnat_translation_dump") if api.supports("cnat_translation_dump") else []
    ids = {
        held_object.details["id"]
        for held_object in objects.values()
        if isinstance(held_object.intent, TranslationIntent)
    }
    not_held = {translation_identity(row): row for row in translations if row.translation.id not in ids}
    table_ids = {
        (h.details["table_id"], h.intent.ip_version) for h in objects.values() if isinstance(h.intent, TableIntent)
    }
    rows = await api.dump("ip_table_dump")
    tables = [row for row in rows if (row.table.table_id, 6 if row.table.is_ip6 else 4) not in table_ids]
    return ObservedVppObjects(interfaces, tables, not_held)


async def missing_held_objects(api: VppApiClient, objects: _HeldObjects) -> set[str]:
    """Keys of held objects that VPP turns out not to hold as they were written.

    Interfaces with their state, MTU and check of sources, tables, addresses, translations, routes with their paths.
    """
    keys = await missing_objects_by_dump(api, objects)
    present = {key: held_object for key, held_object in objects.items() if key not in keys}
    return keys | await missing_objects_by_lookup(api, present, keys_with_vpp_lookup(present))


def keys_with_vpp_lookup(objects: _HeldObjects) -> list[str]:
    """Keys of those that are read back one by one."""
    return [key for key, held_object in objects.items() if kind_of_intent(held_object.intent).looked_up]


async def missing_objects_by_dump(api: VppApiClient, objects: _HeldObjects) -> set[str]:
    """`missing_held_objects` of all but what is looked up; a few dumps."""
    objects = {
        key: held_object for key, held_object in objects.items() if not kind_of_intent(held_object.intent).looked_up
    }
    rows = {int(row.sw_if_index): row for row in await api.dump("sw_interface_dump")}
    keys = {key for key, held_object in objects.items() if not _has_interface(held_object, rows)}
    keys |= await _missing_tables(api, objects)
    present = {key: held_object for key, held_object in objects.items() if key not in keys}
    keys |= _wrong_attributes(present, rows)
    keys |= await _missing_source_checks(api, present)
    return keys | await _missing_addresses(api, present) | await _missing_translations(api, present)


async def missing_objects_by_lookup(api: VppApiClient, objects: _HeldObjects, keys: Iterable[str]) -> set[str]:
    """Of these those that VPP does not have, or with another value.

    Each is looked up by itself: a dump of a large table would keep VPP from its packets.
    """
    indices = VppIndices(objects)
    lookups: dict[str, VppObjectLookup] = {}
    absent: set[str] = set()
    for key in keys:
        intent = objects[key].intent
        try:
            lookup = kind_of_intent(intent).lookup(intent, indices)
            lookup.part.numbers(indices)
        except VppCallRetriedLater:  # what it leads to has gone
            absent.add(key)
        else:
            lookups[key] = lookup
    by_message: defaultdict[str, dict[str, VppObjectLookup]] = defaultdict(dict)
    for key, lookup in lookups.items():
        by_message[lookup.request.message][key] = lookup
    for message, message_lookups in by_message.items():
        absent |= await _differing(api, message, message_lookups, indices)
    return absent


async def _differing(
    api: VppApiClient, message: str, lookups: Mapping[str, VppObjectLookup], indices: VppIndices
) -> set[str]:
    """Keys of the lookups whose answers are not what was written."""
    expected: dict[SharedIntentPart, bytes] = {}
    for lookup in lookups.values():
        if lookup.part not in expected:
            call = lookup.part.call(ANY_IP4_PREFIX, indices, add=True)
            expected[lookup.part] = api.packed(call.message, call.fields)[api.offset(call.message, *lookup.at) :]
    requests = [api.packed(message, lookup.request.fields) for lookup in lookups.values()]
    replies = await api.request_batch(message, requests)
    return {
        key
        for (key, lookup), reply in zip(lookups.items(), replies, strict=True)
        if not lookup.equal(expected[lookup.part], reply[api.offset(lookup.reply, *lookup.at) :])
    }


def _wrong_attributes(objects: _HeldObjects, rows: Mapping[int, Any]) -> set[str]:
    """Interfaces that are down or have another MTU than they should."""
    indices, keys = VppIndices(objects), set()
    for key, held_object in objects.items():
        if (
            isinstance(held_object.intent, AdminUpIntent | MtuIntent)
            and interface_intent_key(held_object.intent.interface) in objects
        ):
            row = rows[indices.interface(held_object.intent.interface)]
            intent = held_object.intent
            is_right = row.mtu[0] == intent.mtu if isinstance(intent, MtuIntent) else row.flags & _ADMIN_UP
            if not is_right:
                keys.add(key)
    return keys


def _has_interface(held_object: HeldObject, rows: Mapping[int, Any]) -> bool:
    """Is an interface of that index there, and is it this one? True for what is no interface."""
    if "sw_if_index" not in held_object.details:
        return True
    row = rows.get(int(held_object.details["sw_if_index"]))
    intent = held_object.intent
    return row is not None and kind_of_intent(intent).recognise(intent, ObservedVppObjects([row])) is not None


async def _missing_tables(api: VppApiClient, objects: _HeldObjects) -> set[str]:
    tables = {
        key: (held_object.details["table_id"], held_object.intent.ip_version == 6)
        for key, held_object in objects.items()
        if isinstance(held_object.intent, TableIntent)
    }
    if not tables:
        return set()
    ids = {(row.table.table_id, bool(row.table.is_ip6)) for row in await api.dump("ip_table_dump")}
    return {key for key, table_id in tables.items() if table_id not in ids}


async def _missing_addresses(api: VppApiClient, objects: _HeldObjects) -> set[str]:
    indices, keys = VppIndices(objects), set()
    by_interface: defaultdict[tuple[int, bool], dict[str, str]] = defaultdict(dict)
    for key, held_object in objects.items():
        if isinstance(held_object.intent, AddressIntent):
            address = ip_interface(held_object.intent.address)
            if address.ip.is_link_local and address.version == 6:
                continue  # VPP keeps these apart and does not dump them
            if interface_intent_key(held_object.intent.interface) in objects:
                interface = (indices.interface(held_object.intent.interface), address.version == 6)
                by_interface[interface][key] = str(address)
    for (number, is_ipv6), addresses in by_interface.items():
        rows = await api.dump("ip_address_dump", {"sw_if_index": number, "is_ipv6": is_ipv6})
        present = {str(row.prefix) for row in rows}
        keys |= {key for key, address in addresses.items() if address not in present}
    return keys


async def _missing_source_checks(api: VppApiClient, objects: _HeldObjects) -> set[str]:
    checks = {
        key: held_object.intent for key, held_object in objects.items() if isinstance(held_object.intent, UrpfIntent)
    }
    if not checks:
        return set()
    rows = await api.dump("urpf_interface_dump", {"sw_if_index": NO_VPP_INDEX})
    checked, indices = urpf.checked_interfaces(rows), VppIndices(objects)
    return {key for key, intent in checks.items() if not _is_checked(intent, checked, indices)}


def _is_checked(intent: UrpfIntent, checked: Set[tuple[int, int, int]], indices: VppIndices) -> bool:
    try:
        return urpf.row_of(intent, indices) in checked
    except VppCallRetriedLater:  # its interface or its table has gone
        return False


async def _missing_translations(api: VppApiClient, objects: _HeldObjects) -> set[str]:
    translations = {
        key: held_object for key, held_object in objects.items() if isinstance(held_object.intent, TranslationIntent)
    }
    if not translations:
        return set()
    rows = {int(row.translation.id): row for row in await api.dump("cnat_translation_dump")}
    return {key for key, held_object in translations.items() if not _is_translation(held_object, rows)}


def _is_translation(held_object: HeldObject, rows: Mapping[int, Any]) -> bool:
    row, intent = rows.get(int(held_object.details["id"])), held_object.intent
    if row is None:
        return False
    return (
        kind_of_intent(intent).recognise(intent, ObservedVppObjects(translations={translation_identity(row): row}))
        is not None
    )
