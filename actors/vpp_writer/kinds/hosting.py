"""What gives the host its connectivity: punting, proxy ARP and ND, limits of the neighbour tables."""

from ipaddress import IPv4Address

from actors.vpp_writer.kinds.accepted_retvals import add_del_call
from actors.vpp_writer.kinds.call import IntentRejected, VppCall
from actors.vpp_writer.kinds.checks import (
    check_intent_range,
    checked_address_version,
    checked_ip_version,
    vpp_address_family,
)
from actors.vpp_writer.kinds.indices import NO_VPP_INDEX, VppIndices, table_intent_needs
from actors.vpp_writer.kinds.kind import RANK_PUNT_REDIRECT, RANK_SETTING, AddDelKind, SettingKind
from actors.vpp_writer.kinds.routes import vpp_fib_path
from schemas.intents import (
    NdProxyIntent,
    NeighbourLimitsIntent,
    ProxyArpIntent,
    ProxyArpInterfaceIntent,
    PuntIntent,
    PuntRedirectIntent,
    RoutePath,
    interface_intent_key,
)

_PUNT_L4 = 0  # punt_type
_PROTOCOLS = {"tcp": 6, "udp": 17}
_ALL_PORTS = 0xFFFF


class NeighbourLimitsKind(SettingKind[NeighbourLimitsIntent]):
    """Limits of one family's neighbour table (ip_neighbor_config)."""

    intent = NeighbourLimitsIntent
    rank = RANK_SETTING
    messages = ("ip_neighbor_config",)

    def check(self, intent: NeighbourLimitsIntent) -> None:
        checked_ip_version(intent.ip_version)
        check_intent_range("number_max", intent.number_max, 1, 2**31)
        check_intent_range("age_s_max", intent.age_s_max, 0, 2**31)

    def call(self, intent: NeighbourLimitsIntent, indices: VppIndices) -> VppCall:
        fields = {
            "af": vpp_address_family(intent.ip_version),
            "max_number": intent.number_max,
            "max_age": intent.age_s_max,
            "recycle": False,
        }
        return VppCall("ip_neighbor_config", fields)


class PuntKind(AddDelKind[PuntIntent]):
    """TCP or UDP for VPP's own addresses goes to the host (set_punt)."""

    intent = PuntIntent
    rank = RANK_SETTING
    messages = ("set_punt",)

    def check(self, intent: PuntIntent) -> None:
        checked_ip_version(intent.ip_version)
        if intent.protocol not in _PROTOCOLS:
            raise IntentRejected(f"protocol: {intent.protocol!r} is not tcp or udp")

    def call(self, intent: PuntIntent, indices: VppIndices, add: bool) -> VppCall:
        l4 = {"af": vpp_address_family(intent.ip_version), "protocol": _PROTOCOLS[intent.protocol], "port": _ALL_PORTS}
        punt = {"type": _PUNT_L4, "punt": {"l4": l4}}
        return add_del_call("set_punt", add, {"is_add": add, "punt": punt})


class PuntRedirectKind(AddDelKind[PuntRedirectIntent]):
    """Punted packets are looked up in a table (add_del_ip_punt_redirect_v2, any receiving interface)."""

    intent = PuntRedirectIntent
    rank = RANK_PUNT_REDIRECT
    messages = ("add_del_ip_punt_redirect_v2",)

    def check(self, intent: PuntRedirectIntent) -> None:
        checked_ip_version(intent.ip_version)

    def needs(self, intent: PuntRedirectIntent) -> set[str]:
        return table_intent_needs(intent.table, intent.ip_version)

    def call(self, intent: PuntRedirectIntent, indices: VppIndices, add: bool) -> VppCall:
        punt = {
            "rx_sw_if_index": NO_VPP_INDEX,
            "af": vpp_address_family(intent.ip_version),
            "n_paths": 1,
            "paths": [vpp_fib_path(RoutePath(table=intent.table), intent.ip_version, indices)],
        }
        return add_del_call("add_del_ip_punt_redirect_v2", add, {"is_add": add, "punt": punt})


class ProxyArpKind(AddDelKind[ProxyArpIntent]):
    """A range of IPv4 addresses that VPP answers ARP for (proxy_arp_add_del)."""

    intent = ProxyArpIntent
    rank = RANK_PUNT_REDIRECT
    messages = ("proxy_arp_add_del",)

    def check(self, intent: ProxyArpIntent) -> None:
        for field, text in (("low", intent.low), ("high", intent.high)):
            if checked_address_version(field, text) != 4:
                raise IntentRejected(f"{field}: {text} is not IPv4")
        if IPv4Address(intent.low) > IPv4Address(intent.high):
            raise IntentRejected(f"low: {intent.low} is above high, {intent.high}")

    def needs(self, intent: ProxyArpIntent) -> set[str]:
        return table_intent_needs(intent.table, 4)

    def call(self, intent: ProxyArpIntent, indices: VppIndices, add: bool) -> VppCall:
        proxy = {"table_id": indices.table(intent.table, 4), "low": intent.low, "hi": intent.high}
        return add_del_call("proxy_arp_add_del", add, {"is_add": add, "proxy": proxy})


class ProxyArpInterfaceKind(AddDelKind[ProxyArpInterfaceIntent]):
    """An interface on which proxy ARP answers (proxy_arp_intfc_enable_disable)."""

    intent = ProxyArpInterfaceIntent
    rank = RANK_PUNT_REDIRECT
    messages = ("proxy_arp_intfc_enable_disable",)

    def needs(self, intent: ProxyArpInterfaceIntent) -> set[str]:
        return {interface_intent_key(intent.interface)}

    def call(self, intent: ProxyArpInterfaceIntent, indices: VppIndices, add: bool) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "enable": add}
        return add_del_call("proxy_arp_intfc_enable_disable", add, fields)


class NdProxyKind(AddDelKind[NdProxyIntent]):
    """An interface on which neighbour solicitations are answered (ip6nd_proxy_enable_disable)."""

    intent = NdProxyIntent
    rank = RANK_PUNT_REDIRECT
    messages = ("ip6nd_proxy_enable_disable",)

    def needs(self, intent: NdProxyIntent) -> set[str]:
        return {interface_intent_key(intent.interface)}

    def after(self, intent: NdProxyIntent) -> set[str]:
        return {f"ip6/{intent.interface}"}

    def call(self, intent: NdProxyIntent, indices: VppIndices, add: bool) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "is_enable": add}
        return add_del_call("ip6nd_proxy_enable_disable", add, fields)
