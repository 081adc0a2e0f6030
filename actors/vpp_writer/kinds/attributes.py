"""Attributes of an interface: table binding, MTU, receive mode, GSO, IPv6, admin state."""

from actors.vpp_writer.kinds.accepted_retvals import accepted_retvals, add_del
from actors.vpp_writer.kinds.call import Never, RefusalCheck, VppCall
from actors.vpp_writer.kinds.checks import check_range, ip_version
from actors.vpp_writer.kinds.indices import NO_INDEX, VppIndices, table_needs
from actors.vpp_writer.kinds.kind import (
    ATTRIBUTE,
    BINDING,
    FAMILY,
    UP,
    AddDelKind,
    CallSequence,
    Details,
    Kind,
    SettingKind,
)
from actors.vpp_writer.kinds.retvals import retvals_named
from schemas.intents import AdminUp, Gso, InterfaceTable, Ip6, Mtu, RxMode, interface_key
from schemas.npol import interface_policies_key

_RX_MODES = {"polling": 1, "interrupt": 2, "adaptive": 3, "default": 4}  # rx_mode
_ADMIN_UP = 1  # if_status_flags


class InterfaceTableKind(AddDelKind[InterfaceTable]):
    """VPP refuses to bind an interface that has addresses: they are made again after it."""

    intent = InterfaceTable
    rank = BINDING
    messages = ("sw_interface_set_table", "sw_interface_get_table")

    def check(self, intent: InterfaceTable) -> None:
        ip_version(intent.ip_version)

    def needs(self, intent: InterfaceTable) -> set[str]:
        return {interface_key(intent.interface)} | table_needs(intent.table, intent.ip_version)

    def call(self, intent: InterfaceTable, indices: VppIndices, add: bool) -> VppCall:
        table = indices.table(intent.table, intent.ip_version) if add else 0
        family = {"sw_if_index": indices.interface(intent.interface), "is_ipv6": intent.ip_version == 6}
        # VPP refuses while there are addresses, also where the binding is already the one that is asked for.
        return VppCall(
            "sw_interface_set_table",
            {**family, "vrf_id": table},
            accepted_retvals("sw_interface_set_table", table != 0),
            confirm_on=retvals_named("ADDRESS_FOUND_FOR_INTERFACE"),
            confirm=RefusalCheck("sw_interface_get_table", family, lambda reply: reply.vrf_id == table, many=False),
        )


class MtuKind(SettingKind[Mtu]):
    """Layer 3 MTU; the per-family values follow it."""

    intent = Mtu
    rank = ATTRIBUTE
    messages = ("sw_interface_set_mtu",)

    def check(self, intent: Mtu) -> None:
        check_range("mtu", intent.mtu, 64, 65535)

    def needs(self, intent: Mtu) -> set[str]:
        return {interface_key(intent.interface)}

    def call(self, intent: Mtu, indices: VppIndices) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "mtu": [intent.mtu, 0, 0, 0]}
        return VppCall("sw_interface_set_mtu", fields)


class RxModeKind(SettingKind[RxMode]):
    """Receive mode of all queues. A driver may know only some; nothing depends on whether it takes this one."""

    intent = RxMode
    rank = ATTRIBUTE
    messages = ("sw_interface_set_rx_mode",)

    def check(self, intent: RxMode) -> None:
        if intent.mode not in _RX_MODES:
            raise Never(f"mode: {intent.mode!r} is not one of {', '.join(_RX_MODES)}")

    def needs(self, intent: RxMode) -> set[str]:
        return {interface_key(intent.interface)}

    def call(self, intent: RxMode, indices: VppIndices) -> VppCall:
        fields = {
            "sw_if_index": indices.interface(intent.interface),
            "queue_id_valid": False,
            "queue_id": NO_INDEX,
            "mode": _RX_MODES[intent.mode],
        }
        return VppCall("sw_interface_set_rx_mode", fields)


class GsoKind(AddDelKind[Gso]):
    """Segmentation where the next interface cannot."""

    intent = Gso
    rank = ATTRIBUTE
    messages = ("feature_gso_enable_disable",)

    def needs(self, intent: Gso) -> set[str]:
        return {interface_key(intent.interface)}

    def call(self, intent: Gso, indices: VppIndices, add: bool) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "enable_disable": add}
        return add_del("feature_gso_enable_disable", add, fields)


class Ip6Kind(Kind[Ip6]):
    """IPv6 on, router advertisements off: they would make the host's network ours to route."""

    intent = Ip6
    rank = FAMILY
    messages = ("sw_interface_ip6_enable_disable", "sw_interface_ip6nd_ra_config")

    def needs(self, intent: Ip6) -> set[str]:
        return {interface_key(intent.interface)}

    def after(self, intent: Ip6) -> set[str]:
        return {f"interface-table/{intent.interface}/ip6"}

    def create(self, intent: Ip6, indices: VppIndices, existing: Details | None) -> CallSequence:
        number = indices.interface(intent.interface)
        yield [add_del("sw_interface_ip6_enable_disable", True, {"sw_if_index": number, "enable": True})]
        yield [VppCall("sw_interface_ip6nd_ra_config", {"sw_if_index": number, "suppress": 1})]
        return None

    def delete(self, intent: Ip6, indices: VppIndices, details: Details) -> CallSequence:
        fields = {"sw_if_index": indices.interface(intent.interface), "enable": False}
        yield [add_del("sw_interface_ip6_enable_disable", False, fields)]
        return None


class AdminUpKind(AddDelKind[AdminUp]):
    """Administratively up; gone: down."""

    intent = AdminUp
    rank = UP
    messages = ("sw_interface_set_flags",)

    def needs(self, intent: AdminUp) -> set[str]:
        policed = {interface_policies_key(intent.interface)} if intent.when_policed else set()
        return {interface_key(intent.interface)} | policed

    def call(self, intent: AdminUp, indices: VppIndices, add: bool) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "flags": _ADMIN_UP if add else 0}
        return add_del("sw_interface_set_flags", add, fields)
