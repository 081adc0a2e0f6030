"""All kinds of objects, by the type of their intent."""

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
