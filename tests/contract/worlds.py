"""What a guard and a CNI manager would want, in small: uplink, tables, host tap; pods."""

from dataclasses import dataclass

from schemas.intents import (
    AddressIntent,
    AdminUpIntent,
    AfPacketIntent,
    Intent,
    InterfaceTableIntent,
    Ip6Intent,
    LoopbackIntent,
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
    UnnumberedIntent,
)

UPLINK, HOST = "uplink/eth0", "host/eth0"
HOST_TABLE = "host-eth0"
ALL_PREFIXES = {4: "0.0.0.0/0", 6: "::/0"}
VERSIONS = (4, 6)


@dataclass(frozen=True)
class Node:
    """A node's uplink and the host behind it."""

    mac: str
    host_netns: str
    address4: str = "192.0.2.1"
    network4: str = "192.0.2.0/24"
    address6: str = "2001:db8:2::1"
    network6: str = "2001:db8:2::/64"

    def address(self, version: int) -> str:
        return self.address4 if version == 4 else self.address6

    def network(self, version: int) -> str:
        return self.network4 if version == 4 else self.network6


def uplink(node: Node) -> list[Intent]:
    """An uplink with addresses, up before it has them."""
    return [
        AfPacketIntent(name=UPLINK, host_interface="eth0", mac=node.mac, tag="main-eth0"),
        MtuIntent(interface=UPLINK, mtu=1500),
        RxModeIntent(interface=UPLINK, mode="interrupt"),
        Ip6Intent(interface=UPLINK),
        AdminUpIntent(interface=UPLINK),
        AddressIntent(interface=UPLINK, address=f"{node.address4}/24", when_up=True),
        AddressIntent(interface=UPLINK, address=f"{node.address6}/64", when_up=True),
    ]


def tables() -> list[Intent]:
    """Punt and pod tables, and the way from pods to the world."""
    return [
        *(TableIntent(name=n, ip_version=v, table_id=i) for n, i in (("punt", 1), ("pods", 2)) for v in VERSIONS),
        *(RouteIntent(table="pods", prefix=ALL_PREFIXES[v], paths=(RoutePath(table="default"),)) for v in VERSIONS),
    ]


def host(node: Node) -> list[Intent]:
    """The host's tap with the uplink's name and addresses, and everything punted to it."""
    intents: list[Intent] = [
        TapIntent(
            name=HOST,
            host_interface="eth0",
            netns=node.host_netns,
            tag="host-eth0",
            tun=False,
            persist=False,
            host_mac=node.mac,
            mac="02:ca:11:c0:fd:00",
        ),
        Ip6Intent(interface=HOST),
        AdminUpIntent(interface=HOST),
        AddressIntent(interface=HOST, address="169.254.0.1/32"),
        MtuIntent(interface=HOST, mtu=9216),
        NdProxyIntent(interface=HOST),
        ProxyArpIntent(table=HOST_TABLE, low="0.0.0.0", high="255.255.255.255"),
        ProxyArpInterfaceIntent(interface=HOST),
        MulticastRouteIntent(
            table=HOST_TABLE,
            group="ff02::1:ff00:0/104",
            paths=(
                MulticastRoutePath(interface=UPLINK, accept=True, forward=True),
                MulticastRoutePath(interface=HOST, accept=True),
            ),
        ),
    ]
    for version in VERSIONS:
        intents += _host_family(node, version)
    return intents


def _host_family(node: Node, version: int) -> list[Intent]:
    address = node.address(version)
    length = 32 if version == 4 else 128
    to_host = (RoutePath(next_hop=address, interface=HOST),)
    return [
        TableIntent(name=HOST_TABLE, ip_version=version),
        InterfaceTableIntent(interface=HOST, ip_version=version, table=HOST_TABLE),
        RouteIntent(table=HOST_TABLE, prefix=ALL_PREFIXES[version], paths=(RoutePath(table="default"),)),
        RouteIntent(table=HOST_TABLE, prefix=f"{address}/{length}", paths=to_host),
        RouteIntent(table="punt", prefix=node.network(version), paths=to_host),
        NeighbourIntent(interface=HOST, address=address, mac=node.mac),
        NeighbourLimitsIntent(ip_version=version),
        PuntRedirectIntent(ip_version=version, table="punt"),
        PuntIntent(ip_version=version, protocol="tcp"),
        PuntIntent(ip_version=version, protocol="udp"),
    ]


def guard(node: Node) -> list[Intent]:
    """All that a guard wants."""
    return [*tables(), *uplink(node), *host(node)]


def pod(number: int, netns: str) -> list[Intent]:
    """A pod's tables, loopback, tun and routes; addresses 10.1.0.<number>, fd00:1::<number>.

    The loopback stays down: were its addresses local in the pod's table, the pod could not reach its own service.
    """
    name = f"pod/default/web-{number}/eth0"
    tun, loop, table = f"{name}/tun", f"{name}/loop", name
    intents: list[Intent] = [
        LoopbackIntent(name=loop, mac="02:00:00:00:00:01", tag=f"loop-{number}"),
        TapIntent(name=tun, host_interface="eth0", netns=netns, tag=f"tun-{number}", gso=False),
        MtuIntent(interface=tun, mtu=9216),
        RxModeIntent(interface=tun, mode="adaptive"),
        AdminUpIntent(interface=tun),
        UnnumberedIntent(interface=tun, lender=loop),
    ]
    for version, address in ((4, f"10.1.0.{number}/32"), (6, f"fd00:1::{number}/128")):
        intents += [
            TableIntent(name=table, ip_version=version),
            InterfaceTableIntent(interface=loop, ip_version=version, table=table),
            InterfaceTableIntent(interface=tun, ip_version=version, table=table),
            AddressIntent(interface=loop, address=address),
            RouteIntent(table=table, prefix=ALL_PREFIXES[version], paths=(RoutePath(table="pods"),)),
            RouteIntent(table="default", prefix=address, paths=(RoutePath(interface=tun),)),
        ]
    return intents
