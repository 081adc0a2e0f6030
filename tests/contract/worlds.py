"""What a guard and a CNI manager would want, in small: uplink, tables, host tap; pods."""

from dataclasses import dataclass

from schemas.intents import (
    Address,
    AdminUp,
    AfPacket,
    Intent,
    InterfaceTable,
    Ip6,
    Loopback,
    Mtu,
    MulticastPath,
    MulticastRoute,
    NdProxy,
    Neighbour,
    NeighbourLimits,
    ProxyArp,
    ProxyArpInterface,
    Punt,
    PuntRedirect,
    Route,
    RoutePath,
    RxMode,
    Table,
    Tap,
    Unnumbered,
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
        AfPacket(name=UPLINK, host_interface="eth0", mac=node.mac, tag="main-eth0"),
        Mtu(interface=UPLINK, mtu=1500),
        RxMode(interface=UPLINK, mode="interrupt"),
        Ip6(interface=UPLINK),
        AdminUp(interface=UPLINK),
        Address(interface=UPLINK, address=f"{node.address4}/24", when_up=True),
        Address(interface=UPLINK, address=f"{node.address6}/64", when_up=True),
    ]


def tables() -> list[Intent]:
    """Punt and pod tables, and the way from pods to the world."""
    return [
        *(Table(name=n, ip_version=v, table_id=i) for n, i in (("punt", 1), ("pods", 2)) for v in VERSIONS),
        *(Route(table="pods", prefix=ALL_PREFIXES[v], paths=(RoutePath(table="default"),)) for v in VERSIONS),
    ]


def host(node: Node) -> list[Intent]:
    """The host's tap with the uplink's name and addresses, and everything punted to it."""
    intents: list[Intent] = [
        Tap(
            name=HOST,
            host_interface="eth0",
            netns=node.host_netns,
            tag="host-eth0",
            tun=False,
            persist=False,
            host_mac=node.mac,
            mac="02:ca:11:c0:fd:00",
        ),
        Ip6(interface=HOST),
        AdminUp(interface=HOST),
        Address(interface=HOST, address="169.254.0.1/32"),
        Mtu(interface=HOST, mtu=9216),
        NdProxy(interface=HOST),
        ProxyArp(table=HOST_TABLE, low="0.0.0.0", high="255.255.255.255"),
        ProxyArpInterface(interface=HOST),
        MulticastRoute(
            table=HOST_TABLE,
            group="ff02::1:ff00:0/104",
            paths=(
                MulticastPath(interface=UPLINK, accept=True, forward=True),
                MulticastPath(interface=HOST, accept=True),
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
        Table(name=HOST_TABLE, ip_version=version),
        InterfaceTable(interface=HOST, ip_version=version, table=HOST_TABLE),
        Route(table=HOST_TABLE, prefix=ALL_PREFIXES[version], paths=(RoutePath(table="default"),)),
        Route(table=HOST_TABLE, prefix=f"{address}/{length}", paths=to_host),
        Route(table="punt", prefix=node.network(version), paths=to_host),
        Neighbour(interface=HOST, address=address, mac=node.mac),
        NeighbourLimits(ip_version=version),
        PuntRedirect(ip_version=version, table="punt"),
        Punt(ip_version=version, protocol="tcp"),
        Punt(ip_version=version, protocol="udp"),
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
        Loopback(name=loop, mac="02:00:00:00:00:01", tag=f"loop-{number}"),
        Tap(name=tun, host_interface="eth0", netns=netns, tag=f"tun-{number}", gso=False),
        Mtu(interface=tun, mtu=9216),
        RxMode(interface=tun, mode="adaptive"),
        AdminUp(interface=tun),
        Unnumbered(interface=tun, lender=loop),
    ]
    for version, address in ((4, f"10.1.0.{number}/32"), (6, f"fd00:1::{number}/128")):
        intents += [
            Table(name=table, ip_version=version),
            InterfaceTable(interface=loop, ip_version=version, table=table),
            InterfaceTable(interface=tun, ip_version=version, table=table),
            Address(interface=loop, address=address),
            Route(table=table, prefix=ALL_PREFIXES[version], paths=(RoutePath(table="pods"),)),
            Route(table="default", prefix=address, paths=(RoutePath(interface=tun),)),
        ]
    return intents
