"""What gives the host its connectivity: punting, proxy ARP and ND, limits of the neighbour tables."""

from ipaddress import IPv4Address

from actors.vpp_writer.kinds.accepted_retvals import add_del
from actors.vpp_writer.kinds.call import Never, VppCall
from actors.vpp_writer.kinds.checks import address_family, check_range, ip_version, version_of_address
from actors.vpp_writer.kinds.indices import NO_INDEX, VppIndices, table_needs
from actors.vpp_writer.kinds.kind import REDIRECT, SETTING, AddDelKind, SettingKind
from actors.vpp_writer.kinds.routes import fib_path
from schemas.intents import (
    NdProxy,
    NeighbourLimits,
    ProxyArp,
    ProxyArpInterface,
    Punt,
    PuntRedirect,
    RoutePath,
    interface_key,
)

_PUNT_L4 = 0  # punt_type
_PROTOCOLS = {"tcp": 6, "udp": 17}
_ALL_PORTS = 0xFFFF


class NeighbourLimitsKind(SettingKind[NeighbourLimits]):
    """Limits of one family's neighbour table (ip_neighbor_config)."""

    intent = NeighbourLimits
    rank = SETTING
    messages = ("ip_neighbor_config",)

    def check(self, intent: NeighbourLimits) -> None:
        ip_version(intent.ip_version)
        check_range("number_max", intent.number_max, 1, 2**31)
        check_range("age_s_max", intent.age_s_max, 0, 2**31)

    def call(self, intent: NeighbourLimits, indices: VppIndices) -> VppCall:
        fields = {
            "af": address_family(intent.ip_version),
            "max_number": intent.number_max,
            "max_age": intent.age_s_max,
            "recycle": False,
        }
        return VppCall("ip_neighbor_config", fields)


class PuntKind(AddDelKind[Punt]):
    """TCP or UDP for VPP's own addresses goes to the host (set_punt)."""

    intent = Punt
    rank = SETTING
    messages = ("set_punt",)

    def check(self, intent: Punt) -> None:
        ip_version(intent.ip_version)
        if intent.protocol not in _PROTOCOLS:
            raise Never(f"protocol: {intent.protocol!r} is not tcp or udp")

    def call(self, intent: Punt, indices: VppIndices, add: bool) -> VppCall:
        l4 = {"af": address_family(intent.ip_version), "protocol": _PROTOCOLS[intent.protocol], "port": _ALL_PORTS}
        punt = {"type": _PUNT_L4, "punt": {"l4": l4}}
        return add_del("set_punt", add, {"is_add": add, "punt": punt})


class PuntRedirectKind(AddDelKind[PuntRedirect]):
    """Punted packets are looked up in a table (add_del_ip_punt_redirect_v2, any receiving interface)."""

    intent = PuntRedirect
    rank = REDIRECT
    messages = ("add_del_ip_punt_redirect_v2",)

    def check(self, intent: PuntRedirect) -> None:
        ip_version(intent.ip_version)

    def needs(self, intent: PuntRedirect) -> set[str]:
        return table_needs(intent.table, intent.ip_version)

    def call(self, intent: PuntRedirect, indices: VppIndices, add: bool) -> VppCall:
        punt = {
            "rx_sw_if_index": NO_INDEX,
            "af": address_family(intent.ip_version),
            "n_paths": 1,
            "paths": [fib_path(RoutePath(table=intent.table), intent.ip_version, indices)],
        }
        return add_del("add_del_ip_punt_redirect_v2", add, {"is_add": add, "punt": punt})


class ProxyArpKind(AddDelKind[ProxyArp]):
    """A range of IPv4 addresses that VPP answers ARP for (proxy_arp_add_del)."""

    intent = ProxyArp
    rank = REDIRECT
    messages = ("proxy_arp_add_del",)

    def check(self, intent: ProxyArp) -> None:
        for field, text in (("low", intent.low), ("high", intent.high)):
            if version_of_address(field, text) != 4:
                raise Never(f"{field}: {text} is not IPv4")
        if IPv4Address(intent.low) > IPv4Address(intent.high):
            raise Never(f"low: {intent.low} is above high, {intent.high}")

    def needs(self, intent: ProxyArp) -> set[str]:
        return table_needs(intent.table, 4)

    def call(self, intent: ProxyArp, indices: VppIndices, add: bool) -> VppCall:
        proxy = {"table_id": indices.table(intent.table, 4), "low": intent.low, "hi": intent.high}
        return add_del("proxy_arp_add_del", add, {"is_add": add, "proxy": proxy})


class ProxyArpInterfaceKind(AddDelKind[ProxyArpInterface]):
    """An interface on which proxy ARP answers (proxy_arp_intfc_enable_disable)."""

    intent = ProxyArpInterface
    rank = REDIRECT
    messages = ("proxy_arp_intfc_enable_disable",)

    def needs(self, intent: ProxyArpInterface) -> set[str]:
        return {interface_key(intent.interface)}

    def call(self, intent: ProxyArpInterface, indices: VppIndices, add: bool) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "enable": add}
        return add_del("proxy_arp_intfc_enable_disable", add, fields)


class NdProxyKind(AddDelKind[NdProxy]):
    """An interface on which neighbour solicitations are answered (ip6nd_proxy_enable_disable)."""

    intent = NdProxy
    rank = REDIRECT
    messages = ("ip6nd_proxy_enable_disable",)

    def needs(self, intent: NdProxy) -> set[str]:
        return {interface_key(intent.interface)}

    def after(self, intent: NdProxy) -> set[str]:
        return {f"ip6/{intent.interface}"}

    def call(self, intent: NdProxy, indices: VppIndices, add: bool) -> VppCall:
        fields = {"sw_if_index": indices.interface(intent.interface), "is_enable": add}
        return add_del("ip6nd_proxy_enable_disable", add, fields)
