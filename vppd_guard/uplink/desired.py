"""Uplinks and host taps as intents. Pure.

Source: Calico/VPP's vpp-manager. Left out, because this VPP lacks the messages: the punt reason of
received advertisements, and ip_ttl_fixup.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface, ip_network

from schemas.config import InterfaceSpec, NodeConfig, UplinkSpec
from schemas.intents import (
    DEFAULT_TABLE,
    PODS_TABLE,
    PUNT_TABLE,
    AddressIntent,
    AdminUpIntent,
    CnatFeatureIntent,
    GsoIntent,
    Intent,
    InterfaceTableIntent,
    Ip6Intent,
    MtuIntent,
    MulticastRouteIntent,
    MulticastRoutePath,
    NdProxyIntent,
    NeighbourIntent,
    NeighbourLimitsIntent,
    ProxyArpIntent,
    ProxyArpInterfaceIntent,
    PuntIntent,
    PuntRedirectIntent,
    RouteIntent,
    RoutePath,
    RxModeIntent,
    TableIntent,
    TapIntent,
)
from vppd_guard.drivers.names import uplink_intent_name
from vppd_guard.linux import captured as linux
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.uplink.broadcast import broadcasts_to_host, broadcasts_to_wire, unknown_to_host

_DEFAULT_PREFIX = {4: "0.0.0.0/0", 6: "::/0"}
_TAP_MAC_BASE = "02:ca:11:c0:fd"
_TAP_MTU_IN_VPP = 9216
# The host's own solicitations, router solicitations, MLD and DHCPv6 leave by the uplink; else they fail the check
# of the receiving interface.
_MULTICAST_GROUPS = ("ff02::1:ff00:0/104", "ff02::1/128", "ff02::2/128", "ff02::16/128", "ff02::1:2/128")


def host_tap_name(interface: str) -> str:
    """Intent name of the host's tap."""
    return f"host/{interface}"


@dataclass(frozen=True, kw_only=True)
class DesiredUplink:
    """An uplink for VPP: its state in Linux, its configuration, and the interface of its driver."""

    captured: CapturedLink
    spec: UplinkSpec
    interface: Intent
    rx_mode: str  # how VPP reads its queues
    mtu: int  # bytes, layer 3, of the uplink in VPP and of the host's tap
    number: int = 0  # its place in the configuration

    @property
    def name(self) -> str:
        """Name in Linux."""
        return self.captured.name

    @property
    def table(self) -> str:
        """Table of its addresses and routes: the default one, or its physical network's."""
        network = self.spec.physicalNetworkName
        return f"physical-net-{network}" if network else DEFAULT_TABLE

    @property
    def pods_table(self) -> str:
        """Table of its physical network's pods."""
        network = self.spec.physicalNetworkName
        return f"pods-{network}" if network else PODS_TABLE

    @property
    def tap_mac(self) -> str:
        """MAC address of its tap in VPP (spec, section 1)."""
        return f"{_TAP_MAC_BASE}:{self.number:02x}"


def guard_intents(targets: Sequence[DesiredUplink], config: NodeConfig, *, up: bool) -> dict[str, Intent]:
    """All intents of the guard. `up`: Linux's side of the taps is ready, and uplinks and taps are to take packets.

    They go up together: a packet from the wire that finds its tap down would leave a session that the host's policies
    were never asked about.
    """
    intents: list[Intent] = [
        *_global_intents(config),
        *_physical_network_intents(targets),
        *_uplink_routes(targets, config),
    ]
    mains = {target.table: target for target in reversed(targets)}  # of the uplinks of one table, the first
    for target in targets:
        is_main = mains[target.table] is target
        intents += [*_uplink_intents(target, config), *_tap_intents(target, config)]
        intents += _broadcast_intents(target, config, is_main=is_main)
        if up:
            names = uplink_intent_name(target.name), host_tap_name(target.name)
            intents += [AdminUpIntent(name, gated=True) for name in names]
    # Of two that say the same of one thing (two uplinks in one subnet) the first counts.
    return {intent.key: intent for intent in reversed(intents)}


def _global_intents(config: NodeConfig) -> Iterator[Intent]:
    """Tables, limits, punting."""
    initial = config.initial
    limits = {
        4: (initial.ip4NeighborsMaxNumber, initial.ip4NeighborsMaxAge),
        6: (initial.ip6NeighborsMaxNumber, initial.ip6NeighborsMaxAge),
    }
    for version, default in _DEFAULT_PREFIX.items():
        yield TableIntent(PUNT_TABLE, version, 1)
        yield TableIntent(PODS_TABLE, version, 2)
        yield RouteIntent(PODS_TABLE, default, (RoutePath(table=DEFAULT_TABLE),))
        yield NeighbourLimitsIntent(version, *limits[version])
        yield PuntRedirectIntent(version, PUNT_TABLE)
        yield PuntIntent(version, "tcp")
        yield PuntIntent(version, "udp")


def _physical_network_intents(targets: Sequence[DesiredUplink]) -> Iterator[Intent]:
    """Tables of named physical networks and of their pods."""
    pods_tables = {target.table: target.pods_table for target in targets if target.table != DEFAULT_TABLE}
    for table, pods in pods_tables.items():
        for version, default in _DEFAULT_PREFIX.items():
            yield TableIntent(table, version)
            yield TableIntent(pods, version)
            yield RouteIntent(pods, default, (RoutePath(table=table),))


def _uplink_intents(target: DesiredUplink, config: NodeConfig) -> Iterator[Intent]:
    """The uplink as Linux had it."""
    captured, name = target.captured, uplink_intent_name(target.name)
    yield target.interface
    yield MtuIntent(name, target.mtu)
    yield CnatFeatureIntent(name)
    yield RxModeIntent(name, target.rx_mode)
    if config.debug.gsoEnabled:
        yield GsoIntent(name)
    yield Ip6Intent(name)
    if target.table != DEFAULT_TABLE:
        for version in _DEFAULT_PREFIX:
            yield InterfaceTableIntent(name, version, target.table)
    for address in linux.uplink_vpp_addresses(captured, config.debug.translateUplinkAddrMaskTo64):
        yield AddressIntent(name, address)
    local = linux.link_local_address(captured)
    if local:
        yield AddressIntent(name, f"{local}/128")


def _uplink_routes(targets: Sequence[DesiredUplink], config: NodeConfig) -> Iterator[RouteIntent]:
    """Captured routes, then the configured default gateways by the main uplink.

    Linux may have several routes for a prefix, with different metrics: VPP gets the one that Linux would use.
    """
    connected = {
        (t.table, str(ip_interface(a).network)) for t in targets for a in linux.link_host_addresses(t.captured)
    }
    candidates = [(r.metric or 0, t, r.prefix, r.gateway) for t in targets for r in linux.uplink_vpp_routes(t.captured)]
    candidates.sort(key=lambda way: way[0])
    if targets:
        gateways = config.initial.default_gateways
        candidates += [(0, targets[0], _DEFAULT_PREFIX[ip_address(hop).version], hop) for hop in gateways]
    places = set()
    for _, target, prefix, hop in candidates:
        place = (target.table, prefix)
        if place in places or (hop is None and place in connected):
            continue
        places.add(place)
        interface = uplink_intent_name(target.name)
        if hop is not None and not _is_on_link(hop, target):
            # Linux takes such a gateway's answers by `onlink`; VPP drops ARP from senders that no prefix of the link
            # covers (vnet/arp/arp.c).
            yield RouteIntent(target.table, str(ip_network(hop)), (RoutePath(interface=interface),))
        yield RouteIntent(target.table, prefix, (RoutePath(next_hop=hop, interface=interface),))


def _is_on_link(hop: str, target: DesiredUplink) -> bool:
    """Do the link's addresses or its routes say that the next hop is a neighbour?"""
    networks = [ip_interface(address).network for address in linux.link_host_addresses(target.captured)]
    networks += [ip_network(r.prefix) for r in linux.uplink_vpp_routes(target.captured) if r.gateway is None]
    return linux.is_link_local_address(hop) or any(ip_address(hop) in network for network in networks)


def _tap_intents(target: DesiredUplink, config: NodeConfig) -> Iterator[Intent]:
    """The host's tap, its tables, and what leads to it."""
    captured = target.captured
    name, table = host_tap_name(target.name), f"host-tap-{target.name}"
    ring: InterfaceSpec = config.interfaces.vppHostTapSpec
    yield TapIntent(
        name=name,
        host_interface=target.name,
        netns=config.host_netns,
        tag=f"host-{target.name}",
        tun=False,
        persist=False,
        gso=config.debug.gsoEnabled,
        mtu=target.mtu,
        host_mac=captured.mac,
        mac=target.tap_mac,
        rx_ring=ring.rx_ring,
        tx_ring=ring.tx_ring,
    )
    for version, default in _DEFAULT_PREFIX.items():
        yield TableIntent(table, version)
        yield RouteIntent(table, default, (RoutePath(table=target.table),))
        yield InterfaceTableIntent(name, version, table)
    yield from _host_intents(captured, table)
    for group in _MULTICAST_GROUPS:
        paths = (
            MulticastRoutePath(uplink_intent_name(target.name), accept=True, forward=True),
            MulticastRoutePath(name, accept=True),
        )
        yield MulticastRouteIntent(table, group, paths)
    yield Ip6Intent(name)
    yield AddressIntent(name, config.tap0_address)
    yield MtuIntent(name, _TAP_MTU_IN_VPP)
    yield CnatFeatureIntent(name)
    yield RxModeIntent(name, ring.rx_mode("adaptive"))
    if config.debug.gsoEnabled:
        yield GsoIntent(name)
    if any(ip_interface(address).version == 6 for address in linux.link_host_addresses(captured)):
        yield NdProxyIntent(name)
    yield ProxyArpIntent(table, "0.0.0.0", "255.255.255.255")
    yield ProxyArpInterfaceIntent(name)


def _broadcast_intents(target: DesiredUplink, config: NodeConfig, *, is_main: bool) -> Iterator[Intent]:
    """The ways of the host's DHCP client. `is_main`: of the uplinks of its table; only that one hears all answers."""
    uplink, tap = uplink_intent_name(target.name), host_tap_name(target.name)
    yield broadcasts_to_wire(uplink, f"host-tap-{target.name}")
    if is_main:
        yield broadcasts_to_host(tap, target.table)
    if is_main and not linux.has_address4(target.captured):
        yield from unknown_to_host(uplink, tap, target.table, config.tap0_address)


def _host_intents(captured: CapturedLink, table: str) -> Iterator[Intent]:
    """Neighbours and routes, for punted packets too, by which VPP reaches the host's own addresses behind its tap."""
    name = host_tap_name(captured.name)
    for text in linux.link_host_addresses(captured):
        interface = ip_interface(text)
        path = (RoutePath(next_hop=str(interface.ip), interface=name),)
        yield RouteIntent(table, str(ip_network(interface.ip)), path)
        yield NeighbourIntent(name, str(interface.ip), captured.mac)
        # With the mask that Linux had: a punted packet to any address of the subnet finds the host.
        yield RouteIntent(PUNT_TABLE, str(interface.network), path)
    local = linux.link_local_address(captured)
    if local:
        # Else punted link-local packets match fe80::/10 and loop.
        yield NeighbourIntent(name, local, captured.mac)
        yield RouteIntent(PUNT_TABLE, f"{local}/128", (RoutePath(next_hop=local, interface=name),))
