"""Attributes of an interface: table binding, MTU, receive mode, GSO, IPv6, admin state."""

from collections.abc import Iterable

from actors.vpp_writer.kinds.accepted_retvals import accepted_vpp_retvals, add_del_call
from actors.vpp_writer.kinds.call import IntentRejected, VppCall, VppRefusalCheck
from actors.vpp_writer.kinds.checks import check_intent_range, checked_ip_version
from actors.vpp_writer.kinds.indices import NO_VPP_INDEX, VppIndices, table_intent_needs
from actors.vpp_writer.kinds.kind import (
    RANK_ADDRESS_FAMILY,
    RANK_ADMIN_UP,
    RANK_ATTRIBUTE,
    RANK_TABLE_BINDING,
    AddDelKind,
    IntentKind,
    ObjectDetails,
    SettingKind,
    VppCallSequence,
)
from actors.vpp_writer.kinds.npol import closing_call
from actors.vpp_writer.kinds.retvals import vpp_retvals_named
from schemas.cnat import cnat_feature_intent_key
from schemas.intents import (
    AdminUpIntent,
    GsoIntent,
    InterfaceTableIntent,
    Ip6Intent,
    MtuIntent,
    RxModeIntent,
    interface_intent_key,
)
from schemas.npol import interface_policies_intent_key
from schemas.urpf import urpf_intent_key

_RX_MODES = {"polling": 1, "interrupt": 2, "adaptive": 3, "default": 4}  # rx_mode
_ADMIN_UP = 1  # if_status_flags


class InterfaceTableKind(AddDelKind[InterfaceTableIntent]):
    """VPP refuses to bind an interface that has addresses: they are made again after it."""

    intent = InterfaceTableIntent
    rank = RANK_TABLE_BINDING
    messages = ("sw_interface_set_table", "sw_interface_get_table")

    def check(self, intent: InterfaceTableIntent) -> None:
        checked_ip_version(intent.ip_version)

    def needs(self, intent: InterfaceTableIntent) -> set[str]:
        return {interface_intent_key(intent.interface)} | table_intent_needs(intent.table, intent.ip_version)

    def call(self, intent: InterfaceTableIntent, indices: VppIndices, add: bool) -> VppCall:
        table = indices.table(intent.table, intent.ip_version) if add else 0
        family = {"sw_if_index": indices.interface(intent.interface), "is_ipv6": intent.ip_version == 6}
        # VPP refuses while there are addresses, also where the binding is already the one that is asked for.
        return VppCall(
            "sw_interface_set_table",
            {**family, "vrf_id": table},
            accepted_vpp_retvals("sw_interface_set_table", table != 0),
            confirm_on=vpp_retvals_named("ADDRESS_FOUND_FOR_INTERFACE"),
            confirm=VppRefusalCheck("sw_interface_get_table", family, lambda reply: reply.vrf_id == table, many=False),
        )


class MtuKind(SettingKind[MtuIntent]):
    """Layer 3 MTU; the per-family values follow it."""

    intent = MtuIntent
    rank = RANK_ATTRIBUTE
    messages = ("sw_interface_set_mtu",)

    def check(self, intent: MtuIntent) -> None:
        check_intent_range("mtu", intent.mtu, 64, 65535)

    def needs(self, intent: MtuIntent) -> set[str]:
        return {interface_intent_key(intent.interface)}

    def call(self, intent: MtuIntent, indices: VppIndices) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "mtu": [intent.mtu, 0, 0, 0]}
        return VppCall("sw_interface_set_mtu", fields)


class RxModeKind(SettingKind[RxModeIntent]):
    """Receive mode of all queues. A driver may know only some; nothing depends on whether it takes this one."""

    intent = RxModeIntent
    rank = RANK_ATTRIBUTE
    messages = ("sw_interface_set_rx_mode",)

    def check(self, intent: RxModeIntent) -> None:
        if intent.mode not in _RX_MODES:
            raise IntentRejected(f"mode: {intent.mode!r} is not one of {', '.join(_RX_MODES)}")

    def needs(self, intent: RxModeIntent) -> set[str]:
        return {interface_intent_key(intent.interface)}

    def call(self, intent: RxModeIntent, indices: VppIndices) -> VppCall:
        fields = {
            "sw_if_index": indices.interface(intent.interface),
            "queue_id_valid": False,
            "queue_id": NO_VPP_INDEX,
            "mode": _RX_MODES[intent.mode],
        }
        return VppCall("sw_interface_set_rx_mode", fields)


class GsoKind(AddDelKind[GsoIntent]):
    """Segmentation where the next interface cannot."""

    intent = GsoIntent
    rank = RANK_ATTRIBUTE
    messages = ("feature_gso_enable_disable",)

    def needs(self, intent: GsoIntent) -> set[str]:
        return {interface_intent_key(intent.interface)}

    def call(self, intent: GsoIntent, indices: VppIndices, add: bool) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "enable_disable": add}
        return add_del_call("feature_gso_enable_disable", add, fields)


class Ip6Kind(IntentKind[Ip6Intent]):
    """IPv6 on, router advertisements off: they would make the host's network ours to route."""

    intent = Ip6Intent
    rank = RANK_ADDRESS_FAMILY
    messages = ("sw_interface_ip6_enable_disable", "sw_interface_ip6nd_ra_config")

    def needs(self, intent: Ip6Intent) -> set[str]:
        return {interface_intent_key(intent.interface)}

    def after(self, intent: Ip6Intent) -> set[str]:
        return {f"interface-table/{intent.interface}/ip6"}

    def create(self, intent: Ip6Intent, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        number = indices.interface(intent.interface)
        yield [add_del_call("sw_interface_ip6_enable_disable", True, {"sw_if_index": number, "enable": True})]
        yield [VppCall("sw_interface_ip6nd_ra_config", {"sw_if_index": number, "suppress": 1})]
        return None

    def delete(self, intent: Ip6Intent, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        fields = {"sw_if_index": indices.interface(intent.interface), "enable": False}
        yield [add_del_call("sw_interface_ip6_enable_disable", False, fields)]
        return None


class AdminUpKind(AddDelKind[AdminUpIntent]):
    """Administratively up; gone: down. One that passes packets only by policies is closed before it goes up."""

    intent = AdminUpIntent
    rank = RANK_ADMIN_UP
    messages = ("sw_interface_set_flags",)

    def needs(self, intent: AdminUpIntent) -> set[str]:
        enforcing = {cnat_feature_intent_key(intent.interface)} if intent.when_policed else set()
        checked = {urpf_intent_key(intent.interface, version) for version in (4, 6)} if intent.when_checked else set()
        return {interface_intent_key(intent.interface)} | enforcing | checked

    def create(self, intent: AdminUpIntent, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        yield calls_before_up([intent], indices)
        yield [self.call(intent, indices, True)]
        return None

    def can_update(self, old: AdminUpIntent, new: AdminUpIntent) -> bool:
        return True

    def call(self, intent: AdminUpIntent, indices: VppIndices, add: bool) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "flags": _ADMIN_UP if add else 0}
        return add_del_call("sw_interface_set_flags", add, fields)


def calls_before_up(intents: Iterable[AdminUpIntent], indices: VppIndices) -> list[VppCall]:
    """The calls that close those of the interfaces whose policies are not held. Raises VppCallRetriedLater."""
    return [
        closing_call(intent.interface, indices)
        for intent in intents
        if intent.when_policed and indices.intent(interface_policies_intent_key(intent.interface)) is None
    ]
