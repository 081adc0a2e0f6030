"""All kinds of objects, by the type of their intent.

kind              what the writer must know of a kind: order, needs, calls as data, read-back
interfaces        AF_PACKET uplinks, taps and tuns, loopbacks
uplinks           uplinks on a Linux interface, or made by startup.conf: AF_XDP, RDMA, existing ones
pci_uplinks       uplinks that VPP drives by their PCI address: virtio, vmxnet3, device ports
attributes        an interface's table, MTU, receive mode, GSO, IPv6, admin state
addresses         an interface's addresses, borrowed addresses, static neighbours
tables            tables (VRFs)
routes            unicast and multicast routes
hosting           the host's connectivity: punting, proxy ARP and ND, neighbour limits
cnat              translations of service addresses, source NAT
npol              IP sets, policies with their rules, what holds on an interface
call              a VPP API call as data
accepted_retvals  return values that are as good as 0, message by message, and why
retvals           VPP's return values by name
indices           our names -> VPP's indices
checks            checks of an intent's fields
wire              addresses, prefixes and shared parts of calls as bytes
"""

from typing import Any

from actors.vpp_writer.kinds.addresses import AddressKind, NeighbourKind, UnnumberedKind
from actors.vpp_writer.kinds.attributes import (
    AdminUpKind,
    GsoKind,
    InterfaceTableKind,
    Ip6Kind,
    MtuKind,
    RxModeKind,
)
from actors.vpp_writer.kinds.cnat import (
    CnatFeatureKind,
    SnatAddressesKind,
    SnatExclusionKind,
    SnatMemberKind,
    TranslationKind,
)
from actors.vpp_writer.kinds.hosting import (
    NdProxyKind,
    NeighbourLimitsKind,
    ProxyArpInterfaceKind,
    ProxyArpKind,
    PuntKind,
    PuntRedirectKind,
)
from actors.vpp_writer.kinds.interfaces import AfPacketKind, LoopbackKind, TapKind
from actors.vpp_writer.kinds.kind import Kind
from actors.vpp_writer.kinds.npol import InterfacePoliciesKind, IpSetKind, PolicyKind
from actors.vpp_writer.kinds.pci_uplinks import DevicePortKind, VirtioPciKind, Vmxnet3Kind
from actors.vpp_writer.kinds.routes import MulticastRouteKind, RouteKind
from actors.vpp_writer.kinds.tables import TableKind
from actors.vpp_writer.kinds.uplinks import AfXdpKind, ExistingKind, RdmaKind
from schemas.intents import Intent

ALL: tuple[Kind[Any], ...] = (
    NeighbourLimitsKind(),
    PuntKind(),
    TableKind(),
    AfPacketKind(),
    AfXdpKind(),
    VirtioPciKind(),
    Vmxnet3Kind(),
    RdmaKind(),
    DevicePortKind(),
    ExistingKind(),
    TapKind(),
    LoopbackKind(),
    MtuKind(),
    RxModeKind(),
    GsoKind(),
    InterfaceTableKind(),
    Ip6Kind(),
    AdminUpKind(),
    AddressKind(),
    UnnumberedKind(),
    NeighbourKind(),
    RouteKind(),
    MulticastRouteKind(),
    PuntRedirectKind(),
    ProxyArpKind(),
    ProxyArpInterfaceKind(),
    NdProxyKind(),
    SnatAddressesKind(),
    SnatExclusionKind(),
    CnatFeatureKind(),
    SnatMemberKind(),
    TranslationKind(),
    IpSetKind(),
    PolicyKind(),
    InterfacePoliciesKind(),
)
KINDS: dict[type[Intent], Kind[Any]] = {kind.intent: kind for kind in ALL}


def kind_of(intent: Intent) -> Kind[Any]:
    """The kind of an intent."""
    return KINDS[type(intent)]


def requests() -> set[str]:
    """All messages that the kinds send to VPP."""
    return {message for kind in ALL for message in kind.messages}
