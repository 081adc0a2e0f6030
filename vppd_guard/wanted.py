"""The uplink and the host's tap as intents. Pure.

Source: spec of the guard, section 7; the numbers in the comments are its steps. Left out because this VPP lacks
the messages: the punt reason of received advertisements (5) and ip_ttl_fixup (24).
"""

from collections.abc import Iterator
from ipaddress import ip_interface, ip_network

from schemas.config import InterfaceSpec, NodeConfig, UplinkSpec
from schemas.intents import (
    DEFAULT_TABLE,
    PODS_TABLE,
    PUNT_TABLE,
    Address,
    AdminUp,
    AfPacket,
    CnatFeature,
    Gso,
    Intent,
    InterfaceTable,
    Ip6,
    Mtu,
    MulticastPath,
    MulticastRoute,
    NdProxy,
    Neighbour,
    NeighbourLimits,
    Path,
    ProxyArp,
    ProxyArpInterface,
    Punt,
    PuntRedirect,
    Route,
    RxMode,
    Table,
    Tap,
)
from vppd_guard import captured as linux
from vppd_guard.captured import Captured, Version

DEFAULT_PREFIX = {4: "0.0.0.0/0", 6: "::/0"}
RING_DEFAULT = 1024
TAP_MTU_IN_VPP = 9216
# The host's own solicitations, router solicitations, MLD and DHCPv6 leave by the uplink; else they fail the check
# of the receiving interface (step 17).
MULTICAST_GROUPS = ("ff02::1:ff00:0/104", "ff02::1/128", "ff02::2/128", "ff02::16/128", "ff02::1:2/128")


def uplink_name(interface: str) -> str:
    """The intent name of the uplink in VPP."""
    return f"uplink/{interface}"


def tap_name(interface: str) -> str:
    """The intent name of the host's tap."""
    return f"host/{interface}"


def intents(captured: Captured, spec: UplinkSpec, config: NodeConfig, *, tap_up: bool) -> dict[str, Intent]:
    """All intents of the guard. The tap is up only once Linux's side of it is ready (`tap_up`)."""
    wanted: list[Intent] = [*global_intents(config), *uplink(captured, spec, config), *tap(captured, spec, config)]
    if tap_up:
        wanted.append(AdminUp(tap_name(captured.name)))
    return {intent.key: intent for intent in wanted}


def global_intents(config: NodeConfig) -> Iterator[Intent]:
    """Tables, limits, punting (steps 1 to 4)."""
    initial = config.initial
    limits = {
        4: (initial.ip4NeighborsMaxNumber, initial.ip4NeighborsMaxAge),
        6: (initial.ip6NeighborsMaxNumber, initial.ip6NeighborsMaxAge),
    }
    for version, default in DEFAULT_PREFIX.items():
        yield Table(PUNT_TABLE, version, 1)
        yield Table(PODS_TABLE, version, 2)
        yield Route(PODS_TABLE, default, (Path(table=DEFAULT_TABLE),))
        yield NeighbourLimits(version, *limits[version])
        yield PuntRedirect(version, PUNT_TABLE)
        yield Punt(version, "tcp")
        yield Punt(version, "udp")


def uplink(captured: Captured, spec: UplinkSpec, config: NodeConfig) -> Iterator[Intent]:
    """The uplink as Linux had it (steps 6 to 15)."""
    name = uplink_name(captured.name)
    yield AfPacket(
        name=name,
        host_interface=captured.name,
        mac=captured.mac,
        tag=f"main-{captured.name}",
        gso=config.debug.gsoEnabled,
        rx_frames_per_block=spec.rxqsz or RING_DEFAULT,
        tx_frames_per_block=spec.txqsz or RING_DEFAULT,
        rx_queues=spec.rx or 1,
        tx_queues=spec.tx or 1,
        qdisc_bypass=spec.annotations.get("AfPacketQdiscBypass") == "true",
        v3=spec.annotations.get("AfPacketUseV3") == "true",
    )
    yield Mtu(name, mtu(captured, spec))
    yield CnatFeature(name)
    yield RxMode(name, spec.rxMode or "interrupt")
    if config.debug.gsoEnabled:
        yield Gso(name)
    yield Ip6(name)
    yield AdminUp(name)
    for address in linux.translated(captured, config.debug.translateUplinkAddrMaskTo64):
        yield Address(name, address, when_up=True)
    local = linux.link_local(captured)
    if local:
        yield Address(name, f"{local}/128", when_up=True)
    yield from uplink_routes(captured, config)


def uplink_routes(captured: Captured, config: NodeConfig) -> Iterator[Route]:
    """Captured routes, then the configured default gateways; the first for a prefix counts (step 15)."""
    name, seen = uplink_name(captured.name), set()
    connected = {str(ip_interface(address).network) for address in linux.addresses(captured)}
    hops: list[tuple[str, str | None]] = [
        (r.prefix, r.gateway) for r in sorted(linux.routes(captured), key=lambda r: r.metric or 0)
    ]
    gateways = [text.strip() for text in config.initial.defaultGWs.split(",") if text.strip()]
    hops += [(DEFAULT_PREFIX[ip_interface(gateway).version], gateway) for gateway in gateways]
    for prefix, hop in hops:
        if prefix in seen or (hop is None and prefix in connected):
            continue
        seen.add(prefix)
        yield Route(DEFAULT_TABLE, prefix, (Path(next_hop=hop, interface=name),))


def tap(captured: Captured, spec: UplinkSpec, config: NodeConfig) -> Iterator[Intent]:
    """The host's tap, its tables, and what leads to it (steps 16 to 27)."""
    name, table = tap_name(captured.name), f"host-tap-{captured.name}"
    ring: InterfaceSpec = config.interfaces.vppHostTapSpec
    yield Tap(
        name=name,
        host_interface=captured.name,
        netns=config.host_netns,
        tag=f"host-{captured.name}",
        tun=False,
        persist=False,
        gso=config.debug.gsoEnabled,
        mtu=mtu(captured, spec),
        host_mac=captured.mac,
        mac="02:ca:11:c0:fd:00",
        rx_ring=ring.rxqsz or RING_DEFAULT,
        tx_ring=ring.txqsz or RING_DEFAULT,
    )
    for version, default in DEFAULT_PREFIX.items():
        yield Table(table, version)
        yield Route(table, default, (Path(table=DEFAULT_TABLE),))
        yield InterfaceTable(name, version, table)
    yield from to_host(captured, table)
    for group in MULTICAST_GROUPS:
        paths = (MulticastPath(uplink_name(captured.name), accept=True, forward=True), MulticastPath(name, accept=True))
        yield MulticastRoute(table, group, paths)
    yield Ip6(name)
    yield Address(name, config.tap0_address)
    yield Mtu(name, TAP_MTU_IN_VPP)
    yield CnatFeature(name)
    yield RxMode(name, ring.rxMode or "adaptive")
    if config.debug.gsoEnabled:
        yield Gso(name)
    if any(ip_interface(address).version == 6 for address in linux.addresses(captured)):
        yield NdProxy(name)
    yield ProxyArp(table, "0.0.0.0", "255.255.255.255")
    yield ProxyArpInterface(name)


def to_host(captured: Captured, table: str) -> Iterator[Intent]:
    """The host's own addresses are behind its tap: static neighbours, routes there and for punted packets."""
    name = tap_name(captured.name)
    for text in linux.addresses(captured):
        interface = ip_interface(text)
        path = (Path(next_hop=str(interface.ip), interface=name),)
        yield Route(table, str(ip_network(interface.ip)), path)
        yield Neighbour(name, str(interface.ip), captured.mac)
        # With the mask that Linux had: a punted packet to any address of the subnet finds the host.
        yield Route(PUNT_TABLE, str(interface.network), path)
    local = linux.link_local(captured)
    if local:
        # Else punted link-local packets match fe80::/10 and loop (step 27).
        yield Neighbour(name, local, captured.mac)
        yield Route(PUNT_TABLE, f"{local}/128", (Path(next_hop=local, interface=name),))


def mtu(captured: Captured, spec: UplinkSpec) -> int:
    """Bytes, layer 3."""
    return spec.mtu or captured.mtu


def through_vpp(captured: Captured, config: NodeConfig) -> dict[str, str]:
    """The ranges of service addresses, and by which next hop the host reaches VPP for them (spec, section 7)."""
    hops = {prefix: linux.next_hop(captured, _version(prefix)) for prefix in config.service_prefixes}
    return {prefix: hop for prefix, hop in hops.items() if hop is not None}


def _version(prefix: str) -> Version:
    return 4 if ip_network(prefix).version == 4 else 6
