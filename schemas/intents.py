"""Intents: what VPP should hold, published by the manager that owns it.

An intent names an object and its whole value; it is never an order. Objects are named by *key*; VPP's own numbers
(sw_if_index, table ids beyond the fixed ones) never appear. Interfaces go by their intent name, e.g. `uplink/eth0`,
`host/eth0`, `pod/default/web-0/eth0`; tables (VRFs) by name, e.g. `default`, `punt`, `pods`. One file in
`actors/vpp_writer/kinds/` configures each kind in VPP. Translation and source NAT are in `cnat.py`, policies in
`npol.py`, uplinks by other drivers than AF_PACKET in `uplinks.py`, the check of sources in `urpf.py`.
"""

from msgspec import Struct

from schemas.cnat import CnatFeatureIntent as CnatFeatureIntent
from schemas.cnat import SnatAddressesIntent as SnatAddressesIntent
from schemas.cnat import SnatExclusionIntent as SnatExclusionIntent
from schemas.cnat import SnatMemberIntent as SnatMemberIntent
from schemas.cnat import TranslationIntent as TranslationIntent
from schemas.intent_base import Intent as Intent
from schemas.npol import InterfacePoliciesIntent as InterfacePoliciesIntent
from schemas.npol import IpSetIntent as IpSetIntent
from schemas.npol import PolicyIntent as PolicyIntent
from schemas.uplinks import AfXdpIntent as AfXdpIntent
from schemas.uplinks import DevicePortIntent as DevicePortIntent
from schemas.uplinks import PreconfiguredInterfaceIntent as PreconfiguredInterfaceIntent
from schemas.uplinks import RdmaIntent as RdmaIntent
from schemas.uplinks import VirtioPciIntent as VirtioPciIntent
from schemas.uplinks import Vmxnet3Intent as Vmxnet3Intent
from schemas.urpf import UrpfIntent as UrpfIntent

DEFAULT_TABLE, PUNT_TABLE, PODS_TABLE = "default", "punt", "pods"
FIXED_TABLE_IDS = {DEFAULT_TABLE: 0, PUNT_TABLE: 1, PODS_TABLE: 2}  # numbers in VPP; Calico/VPP's too


class TableIntent(Intent, frozen=True, tag="table"):
    """A FIB table (VRF) of one address family (VPP: ip_table_add_del)."""

    name: str  # name of the table
    ip_version: int  # 4 | 6
    table_id: int | None = None  # None: the writer picks a free one

    @property
    def key(self) -> str:
        return table_intent_key(self.name, self.ip_version)


class AfPacketIntent(Intent, frozen=True, tag="af-packet"):
    """A host interface carried through an AF_PACKET socket (VPP: af_packet_create_v3)."""

    name: str  # intent name that it gets
    host_interface: str  # Linux interface
    mac: str  # VPP's MAC address on it
    tag: str  # at most 63 bytes; by it a read-back recognises the interface as ours
    gso: bool = True  # segmentation and checksum offload
    rx_frames_per_block: int = 1024  # ring size, packets
    tx_frames_per_block: int = 1024  # ring size, packets
    rx_queues: int = 1  # how many
    tx_queues: int = 1  # how many
    qdisc_bypass: bool = False  # sends past Linux's queueing discipline
    v3: bool = False  # TPACKET_V3 instead of V2

    @property
    def key(self) -> str:
        return interface_intent_key(self.name)


class TapIntent(Intent, frozen=True, tag="tap"):
    """A tap (L2) or tun (L3) device in a Linux network namespace (VPP: tap_create_v3).

    `persist` keeps the device when VPP dies; a new VPP attaches to it again.
    """

    name: str  # intent name that it gets
    host_interface: str  # device name in the namespace, at most 15 bytes
    netns: str  # "pid:1", a path, or a name under /var/run/netns; at most 63 bytes
    tag: str  # at most 63 bytes; by it a read-back recognises the device as ours
    tun: bool = True  # False: a tap
    persist: bool = True
    gso: bool = True  # segmentation offload, received segments joined
    mtu: int = 1500  # bytes, Linux side
    host_mac: str | None = None  # None: random
    mac: str | None = None  # VPP side; None: random
    rx_ring: int = 1024  # ring size, packets
    tx_ring: int = 1024  # ring size, packets
    rx_queues: int = 1  # how many
    tx_queues: int = 1  # how many

    @property
    def key(self) -> str:
        return interface_intent_key(self.name)


class LoopbackIntent(Intent, frozen=True, tag="loopback"):
    """A loopback interface (VPP: create_loopback)."""

    name: str  # intent name that it gets
    mac: str  # its MAC address
    tag: str  # at most 63 bytes; by it a read-back recognises the interface as ours

    @property
    def key(self) -> str:
        return interface_intent_key(self.name)


class InterfaceTableIntent(Intent, frozen=True, tag="interface-table"):
    """Binds an interface to a table, one family (VPP: sw_interface_set_table). Without it: table 0."""

    interface: str
    ip_version: int
    table: str

    @property
    def key(self) -> str:
        return f"interface-table/{self.interface}/ip{self.ip_version}"


class MtuIntent(Intent, frozen=True, tag="mtu"):
    """An interface's layer 3 MTU in VPP, bytes (VPP: sw_interface_set_mtu)."""

    interface: str
    mtu: int  # bytes, layer 3

    @property
    def key(self) -> str:
        return f"mtu/{self.interface}"


class RxModeIntent(Intent, frozen=True, tag="rx-mode"):
    """How an interface's queues are read: polling | interrupt | adaptive | default."""

    interface: str
    mode: str  # polling | interrupt | adaptive | default

    @property
    def key(self) -> str:
        return f"rx-mode/{self.interface}"


class GsoIntent(Intent, frozen=True, tag="gso"):
    """Segmentation offload through an interface (VPP: feature_gso_enable_disable)."""

    interface: str

    @property
    def key(self) -> str:
        return f"gso/{self.interface}"


class Ip6Intent(Intent, frozen=True, tag="ip6"):
    """IPv6 on an interface, without router advertisements from VPP."""

    interface: str

    @property
    def key(self) -> str:
        return f"ip6/{self.interface}"


class AdminUpIntent(Intent, frozen=True, tag="admin-up"):
    """An interface that is administratively up. Without it: down.

    `when_policed`: packets pass only by `InterfacePoliciesIntent`. While VPP holds none for it, all are denied there,
    both ways. `gated`: packets come into VPP here. In a new VPP all such interfaces go up at once, when all else is
    there. `when_checked` waits for `UrpfIntent` of both families.
    """

    interface: str
    when_policed: bool = False
    gated: bool = False
    when_checked: bool = False

    @property
    def key(self) -> str:
        return admin_up_intent_key(self.interface)


class AddressIntent(Intent, frozen=True, tag="address"):
    """An address on an interface in VPP (VPP: sw_interface_add_del_address).

    `when_up` waits for `AdminUpIntent`: VPP adds an address's connected and glean routes only on an
    interface that is up.
    """

    interface: str
    address: str  # interface address, e.g. "192.0.2.7/24"
    when_up: bool = False

    @property
    def key(self) -> str:
        return f"address/{self.interface}/{self.address}"


class UnnumberedIntent(Intent, frozen=True, tag="unnumbered"):
    """`interface` borrows the addresses of `lender` (VPP: sw_interface_set_unnumbered).

    `when_policed` waits for `InterfacePoliciesIntent`: a workload sends nothing before they hold.
    """

    interface: str
    lender: str
    when_policed: bool = False

    @property
    def key(self) -> str:
        return f"unnumbered/{self.interface}"


class NeighbourIntent(Intent, frozen=True, tag="neighbour"):
    """A static neighbour (VPP: ip_neighbor_add_del)."""

    interface: str
    address: str  # the neighbour's address
    mac: str  # the neighbour's MAC address

    @property
    def key(self) -> str:
        return f"neighbour/{self.interface}/{self.address}"


# As a next hop, for IPv4 too: VPP's broadcast adjacency, which everybody on the link hears (vnet/adj/adj_nbr.c).
EVERY_STATION = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"


class RoutePath(Struct, frozen=True, omit_defaults=True, gc=False, cache_hash=True):
    """One way out of a route: a next hop, an interface, both, or a lookup in another table.

    With none of them the path drops, or (`unreachable`) answers with ICMP "destination unreachable".
    """

    next_hop: str | None = None  # address of the prefix's family, or EVERY_STATION of the interface
    interface: str | None = None  # intent name of the interface to leave by
    table: str | None = None  # name of the table to look up
    weight: int = 1  # 1 to 255, share among the paths
    unreachable: bool = False


class RouteIntent(Intent, frozen=True, tag="route"):
    """A unicast route (VPP: ip_route_add_del, the whole set of paths replaced)."""

    table: str
    prefix: str  # prefix
    paths: tuple[RoutePath, ...]  # at least one

    @property
    def key(self) -> str:
        return f"route/{self.table}/{self.prefix}"


class MulticastRoutePath(Struct, frozen=True, omit_defaults=True, gc=False):
    """An interface's part in a multicast route: packets accepted from it, forwarded to it."""

    interface: str
    accept: bool = False  # packets are accepted from it
    forward: bool = False  # packets are forwarded to it


class MulticastRouteIntent(Intent, frozen=True, tag="multicast-route"):
    """A (*, G) multicast route (VPP: ip_mroute_add_del)."""

    table: str
    group: str  # prefix, e.g. "ff02::1:ff00:0/104"
    paths: tuple[MulticastRoutePath, ...]  # the interfaces that take part

    @property
    def key(self) -> str:
        return f"multicast-route/{self.table}/{self.group}"


class NeighbourLimitsIntent(Intent, frozen=True, tag="neighbour-limits"):
    """Size and ageing of the neighbour table of one family (VPP: ip_neighbor_config)."""

    ip_version: int
    number_max: int = 50_000  # neighbours that are kept
    age_s_max: int = 30  # 0: never aged

    @property
    def key(self) -> str:
        return f"neighbour-limits/ip{self.ip_version}"


class PuntIntent(Intent, frozen=True, tag="punt"):
    """Packets of one layer 4 protocol for VPP's own addresses go to the host (VPP: set_punt)."""

    ip_version: int
    protocol: str  # tcp | udp

    @property
    def key(self) -> str:
        return f"punt/ip{self.ip_version}/{self.protocol}"


class PuntRedirectIntent(Intent, frozen=True, tag="punt-redirect"):
    """Punted packets of all interfaces are routed in `table` (VPP: add_del_ip_punt_redirect_v2)."""

    ip_version: int
    table: str

    @property
    def key(self) -> str:
        return f"punt-redirect/ip{self.ip_version}"


class ProxyArpIntent(Intent, frozen=True, tag="proxy-arp"):
    """ARP requests for an address range are answered in a table (VPP: proxy_arp_add_del)."""

    table: str
    low: str  # first IPv4 address of the range
    high: str  # last IPv4 address of the range

    @property
    def key(self) -> str:
        return f"proxy-arp/{self.table}/{self.low}-{self.high}"


class ProxyArpInterfaceIntent(Intent, frozen=True, tag="proxy-arp-interface"):
    """An interface on which proxy ARP answers (VPP: proxy_arp_intfc_enable_disable)."""

    interface: str

    @property
    def key(self) -> str:
        return f"proxy-arp-interface/{self.interface}"


class NdProxyIntent(Intent, frozen=True, tag="nd-proxy"):
    """An interface on which neighbour solicitations are answered (VPP: ip6nd_proxy_enable_disable)."""

    interface: str

    @property
    def key(self) -> str:
        return f"nd-proxy/{self.interface}"


AnyIntent = (
    TableIntent
    | AfPacketIntent
    | AfXdpIntent
    | VirtioPciIntent
    | Vmxnet3Intent
    | RdmaIntent
    | DevicePortIntent
    | PreconfiguredInterfaceIntent
    | TapIntent
    | LoopbackIntent
    | InterfaceTableIntent
    | MtuIntent
    | RxModeIntent
    | GsoIntent
    | Ip6Intent
    | AdminUpIntent
    | AddressIntent
    | UnnumberedIntent
    | NeighbourIntent
    | RouteIntent
    | MulticastRouteIntent
    | NeighbourLimitsIntent
    | PuntIntent
    | PuntRedirectIntent
    | ProxyArpIntent
    | ProxyArpInterfaceIntent
    | NdProxyIntent
    | CnatFeatureIntent
    | SnatAddressesIntent
    | SnatExclusionIntent
    | SnatMemberIntent
    | TranslationIntent
    | IpSetIntent
    | PolicyIntent
    | InterfacePoliciesIntent
    | UrpfIntent
)


def interface_intent_key(name: str) -> str:
    """Key of the intent that makes the interface called `name`, whatever its kind."""
    return f"interface/{name}"


def admin_up_intent_key(interface: str) -> str:
    """Key of the interface's admin state."""
    return f"admin-up/{interface}"


def table_intent_key(name: str, ip_version: int) -> str:
    """Key of the table called `name` for IPv4 (4) or IPv6 (6)."""
    return f"table/{name}/ip{ip_version}"
