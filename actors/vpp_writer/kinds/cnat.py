"""VPP's cnat plugin: the feature on interfaces, source NAT, translations of service addresses.

Traps: a translation without paths ends VPP; source NAT's other settings are refused before its addresses; an
interface takes the feature twice if it is enabled twice (docs/vppsim.md); and what SnatAddressesKind says.
"""

from collections.abc import Iterator, Sequence
from ipaddress import ip_address
from typing import Any

from actors.vpp_writer.kinds.accepted_retvals import add_del_call
from actors.vpp_writer.kinds.call import IntentRejected, NoVppAnswer, VppCall, VppCallRetriedLater
from actors.vpp_writer.kinds.checks import check_intent_range, checked_address_version, checked_prefix_version
from actors.vpp_writer.kinds.indices import NO_VPP_INDEX, VppIndices
from actors.vpp_writer.kinds.interfaces import LoopbackKind, interface_object_details, interface_tag_call
from actors.vpp_writer.kinds.kind import (
    RANK_ATTRIBUTE,
    RANK_ROUTE,
    RANK_SETTING,
    AddDelKind,
    IntentKind,
    ObjectDetails,
    ObservedVppObjects,
    VppCallSequence,
)
from schemas.cnat import (
    SNAT_ADDRESSES_KEY,
    CnatFeatureIntent,
    SnatAddressesIntent,
    SnatExclusionIntent,
    SnatMemberIntent,
    TranslationBackend,
    TranslationIntent,
)
from schemas.intents import interface_intent_key

_K8S = 2  # cnat_snat_policies
_TABLES = {"include-v4": 0, "include-v6": 1, "pod": 2, "host": 3}  # cnat_snat_policy_table
_NO_CLIENT_AND_DEFAULT = 2 | 4  # cnat_snat_policy_flags
_ALLOC_PORT_AND_NO_CLIENT = 1 | 8  # cnat_translation_flags
_NO_NAT = 2  # cnat_endpoint_tuple_flags
_BALANCERS = {"default": 0, "maglev": 1}  # cnat_lb_type
_KEEPER_MAC, _KEEPER_TAG = "02:00:00:00:00:02", "snat-keeper"
_PROTOCOLS = (6, 17, 132)
_PATHS_MAX = 8192  # of a Maglev table
_HASH_MAX = 0x1FF
_ARC, _FEATURE = "ip4-unicast", "cnat-lookup-ip4"  # one of those that the plugin enables together


class CnatFeatureKind(IntentKind[CnatFeatureIntent]):
    """The feature, on all four arcs of an interface (feature_cnat_enable_disable)."""

    intent = CnatFeatureIntent
    rank = RANK_ATTRIBUTE
    messages = ("feature_cnat_enable_disable", "feature_is_enabled")

    def needs(self, intent: CnatFeatureIntent) -> set[str]:
        return {interface_intent_key(intent.interface)}

    def create(self, intent: CnatFeatureIntent, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        if not (yield from self._is_on(intent, indices)):
            yield [self._call(intent, indices, True)]
        return None

    def delete(self, intent: CnatFeatureIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        if (yield from self._is_on(intent, indices)):
            yield [self._call(intent, indices, False)]
        return None

    def _is_on(self, intent: CnatFeatureIntent, indices: VppIndices) -> Any:
        fields = {"arc_name": _ARC, "feature_name": _FEATURE, "sw_if_index": indices.interface(intent.interface)}
        (reply,) = yield [VppCall("feature_is_enabled", fields)]
        return reply.is_enabled

    def _call(self, intent: CnatFeatureIntent, indices: VppIndices, enable: bool) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "enable_disable": enable}
        return VppCall("feature_cnat_enable_disable", fields)


class SnatAddressesKind(IntentKind[SnatAddressesIntent]):
    """The addresses; with the first of them VPP makes the settings of source NAT.

    Until VPP is told otherwise it then gives every flow another source, so Kubernetes' policy follows in the same
    breath. Neither is ever taken away: VPP would go on with settings that it has freed, and show and use the old
    addresses whatever it is told afterwards. A family that goes keeps its address likewise.

    VPP takes the settings for new ones, and forgets all prefixes, whenever the table of included IPv4 interfaces is
    empty (VPP: cnat_snat_policy_entry_is_init). So a loopback that no packet ever comes from is made with them, and
    stays in that table.
    """

    intent = SnatAddressesIntent
    rank = RANK_SETTING
    messages = (
        "cnat_set_snat_addresses_v2",
        "cnat_set_snat_policy",
        "cnat_snat_policy_add_del_if",
        *LoopbackKind.messages,
    )
    has_indices = True

    def check(self, intent: SnatAddressesIntent) -> None:
        if intent.ip4 is None and intent.ip6 is None:
            raise IntentRejected("ip4, ip6: at least one is needed")
        for name, text, version in (("ip4", intent.ip4, 4), ("ip6", intent.ip6, 6)):
            if text is not None and checked_address_version(name, text) != version:
                raise IntentRejected(f"{name}: {text} is not IPv{version}")

    def can_update(self, old: SnatAddressesIntent, new: SnatAddressesIntent) -> bool:
        return True

    def create(
        self, intent: SnatAddressesIntent, indices: VppIndices, existing: ObjectDetails | None
    ) -> VppCallSequence:
        details = existing
        if details is None:
            (reply,) = yield [VppCall("create_loopback", {"mac_address": _KEEPER_MAC})]
            details = interface_object_details(reply)
        keeper = int(details["sw_if_index"])
        try:
            yield [interface_tag_call(keeper, _KEEPER_TAG)]
            yield [_addresses(intent), VppCall("cnat_set_snat_policy", {"policy": _K8S})]
            yield [_member(keeper, "include-v4", True)]
        except (VppCallRetriedLater, NoVppAnswer):
            yield [_delete_loopback(keeper)]
            raise
        return details

    def update(
        self, old: SnatAddressesIntent, new: SnatAddressesIntent, indices: VppIndices, details: ObjectDetails
    ) -> VppCallSequence:
        yield [_addresses(new)]
        return details

    def delete(self, intent: SnatAddressesIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        keeper = int(details["sw_if_index"])
        yield [_member(keeper, "include-v4", False)]
        yield [_delete_loopback(keeper)]
        return details

    def recognise(self, intent: SnatAddressesIntent, observed: ObservedVppObjects) -> dict[str, int | str] | None:
        def matches(row: Any) -> bool:
            return not row.tag and str(row.l2_address).lower() == _KEEPER_MAC

        return observed.tagged(_KEEPER_TAG) or observed.interface(matches)


class SnatExclusionKind(AddDelKind[SnatExclusionIntent]):
    """A destination prefix without source NAT."""

    intent = SnatExclusionIntent
    shared = True
    rank = RANK_ATTRIBUTE
    messages = ("cnat_snat_policy_add_del_exclude_pfx",)

    def check(self, intent: SnatExclusionIntent) -> None:
        checked_prefix_version("prefix", intent.prefix)

    def needs(self, intent: SnatExclusionIntent) -> set[str]:
        return {SNAT_ADDRESSES_KEY}

    def call(self, intent: SnatExclusionIntent, indices: VppIndices, add: bool) -> VppCall:
        fields = {"is_add": add, "prefix": intent.prefix}
        return add_del_call("cnat_snat_policy_add_del_exclude_pfx", bool(add), fields)


class SnatMemberKind(AddDelKind[SnatMemberIntent]):
    """An interface in one of the tables of source NAT. VPP keeps it by number: it goes before its interface."""

    intent = SnatMemberIntent
    rank = RANK_ATTRIBUTE
    messages = ("cnat_snat_policy_add_del_if",)

    def check(self, intent: SnatMemberIntent) -> None:
        if intent.table not in _TABLES:
            raise IntentRejected(f"table: {intent.table!r} is not one of {', '.join(_TABLES)}")

    def needs(self, intent: SnatMemberIntent) -> set[str]:
        return {SNAT_ADDRESSES_KEY, interface_intent_key(intent.interface)}

    def call(self, intent: SnatMemberIntent, indices: VppIndices, add: bool) -> VppCall:
        return _member(indices.interface(intent.interface), intent.table, add)


class TranslationKind(IntentKind[TranslationIntent]):
    """A translation. VPP knows it by (address, port, protocol) too: an update of one that is there keeps its id.

    Balancer, hash and a kept path's flags count only when it is made (VPP: plugins/cnat/cnat_translation.c).
    """

    intent = TranslationIntent
    rank = RANK_ROUTE
    messages = ("cnat_translation_update", "cnat_translation_del", "cnat_translation_dump")
    single = True
    bulk_prefix = "translation/"
    has_indices = True

    def check(self, intent: TranslationIntent) -> None:
        version = checked_address_version("vip", intent.vip)
        check_intent_range("port", intent.port, 1, 65535)
        check_intent_range("backends", len(intent.backends), 1, _PATHS_MAX)
        check_intent_range("hash_bits", intent.hash_bits, 0, _HASH_MAX)
        if intent.protocol not in _PROTOCOLS:
            raise IntentRejected(f"protocol: {intent.protocol} is not TCP (6), UDP (17) or SCTP (132)")
        if intent.load_balancer not in _BALANCERS:
            raise IntentRejected(f"load_balancer: {intent.load_balancer!r} is not one of {', '.join(_BALANCERS)}")
        for backend in intent.backends:
            check_intent_range("backends: port", backend.port, 0, 65535)
            if checked_address_version("backends: address", backend.address) != version:
                raise IntentRejected(f"backends: {backend.address} is not of the family of {intent.vip}")
            if backend.source is not None and checked_address_version("backends: source", backend.source) != version:
                raise IntentRejected(f"backends: source {backend.source} is not of the family of {intent.vip}")

    def can_update(self, old: TranslationIntent, new: TranslationIntent) -> bool:
        flags = {_backend_identity(backend): backend.no_nat for backend in old.backends}
        kept_differ = any(flags.get(_backend_identity(b), b.no_nat) != b.no_nat for b in new.backends)
        return _made_with(old) == _made_with(new) and not kept_differ

    def create(self, intent: TranslationIntent, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        if existing is not None and (existing["balancer"] != _BALANCERS[intent.load_balancer] or _is_special(intent)):
            yield [_delete(existing)]  # what it was made with is unknown, or differs
        (reply,) = yield [_update(intent)]
        return _details(reply.id, intent)

    def update(
        self, old: TranslationIntent, new: TranslationIntent, indices: VppIndices, details: ObjectDetails
    ) -> VppCallSequence:
        (reply,) = yield [_update(new)]
        return _details(reply.id, new)

    def delete(self, intent: TranslationIntent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [_delete(details)]
        return details

    def recognise(self, intent: TranslationIntent, observed: ObservedVppObjects) -> dict[str, int | str] | None:
        if not observed.translations:
            return None
        if (row := observed.translations.pop(wanted_translation_identity(intent), None)) is None:
            return None
        return {"id": int(row.translation.id), "balancer": int(row.translation.lb_type)}


def _addresses(intent: SnatAddressesIntent) -> VppCall:
    fields = {
        "fwd_fib_index": 0,
        "ret_fib_index": 0,
        "snat_ip4": intent.ip4 or "0.0.0.0",
        "snat_ip6": intent.ip6 or "::",
        "sw_if_index": NO_VPP_INDEX,
        "flags": _NO_CLIENT_AND_DEFAULT,
    }
    return VppCall("cnat_set_snat_addresses_v2", fields)


def _member(number: int, table: str, add: bool) -> VppCall:
    fields = {"sw_if_index": number, "is_add": add, "table": _TABLES[table]}
    return add_del_call("cnat_snat_policy_add_del_if", add, fields)


def _delete_loopback(number: int) -> VppCall:
    return add_del_call("delete_loopback", False, {"sw_if_index": number})


def translation_identity(row: Any) -> tuple[str, int, int]:
    """By what VPP knows a translation, in a row of cnat_translation_dump."""
    vip = row.translation.vip
    return str(vip.addr), int(vip.port), int(row.translation.ip_proto)


def wanted_translation_identity(intent: TranslationIntent) -> tuple[str, int, int]:
    """By what VPP knows the translation."""
    return str(ip_address(intent.vip)), intent.port, intent.protocol


def _made_with(intent: TranslationIntent) -> tuple[str, int, bool]:
    return intent.load_balancer, intent.hash_bits, intent.real_ip


def _is_special(intent: TranslationIntent) -> bool:
    """Has it what a dump does not show?"""
    return bool(intent.hash_bits) or any(backend.no_nat for backend in intent.backends)


def _backend_identity(backend: TranslationBackend) -> tuple[str, int, str | None]:
    return backend.address, backend.port, backend.source


def _details(number: int, intent: TranslationIntent) -> dict[str, int | str]:
    return {"id": int(number), "balancer": _BALANCERS[intent.load_balancer]}


def _delete(details: ObjectDetails) -> VppCall:
    return add_del_call("cnat_translation_del", False, {"id": details["id"]})


def _update(intent: TranslationIntent) -> VppCall:
    translation = {
        "vip": _endpoint(intent.vip, intent.port),
        "id": 0,
        "ip_proto": intent.protocol,
        "is_real_ip": intent.real_ip,
        "flags": _ALLOC_PORT_AND_NO_CLIENT,
        "lb_type": _BALANCERS[intent.load_balancer],
        "n_paths": len(intent.backends),
        "flow_hash_config": intent.hash_bits,
        "paths": list(_paths(intent.backends)),
    }
    return VppCall("cnat_translation_update", {"translation": translation})


def _paths(backends: Sequence[TranslationBackend]) -> Iterator[dict[str, Any]]:
    for backend in backends:
        yield {
            "dst_ep": _endpoint(backend.address, backend.port),
            "src_ep": _endpoint(backend.source or "::", 0),
            "flags": _NO_NAT if backend.no_nat else 0,
        }


def _endpoint(address: str, port: int) -> dict[str, Any]:
    return {"addr": address, "sw_if_index": NO_VPP_INDEX, "port": port}
