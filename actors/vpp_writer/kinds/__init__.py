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
urpf              from which sources an interface may send
call              a VPP API call as data
accepted_retvals  return values that are as good as 0, message by message, and why
retvals           VPP's return values by name
indices           our names -> VPP's indices
checks            checks of an intent's fields
wire              addresses, prefixes and shared parts of calls as bytes
"""

from typing import Any

from actors.vpp_writer.kinds import (  # each enters its kinds into INTENT_KINDS
    addresses,
    attributes,
    cnat,
    hosting,
    interfaces,
    npol,
    pci_uplinks,
    routes,
    tables,
    uplinks,
    urpf,
)
from actors.vpp_writer.kinds.kind import INTENT_KINDS, IntentKind
from schemas.intents import Intent

__all__ = [
    "INTENT_KINDS",
    "addresses",
    "attributes",
    "cnat",
    "hosting",
    "interfaces",
    "kind_of_intent",
    "npol",
    "pci_uplinks",
    "routes",
    "tables",
    "uplinks",
    "urpf",
    "vpp_request_names",
]


def kind_of_intent(intent: Intent) -> IntentKind[Any]:
    """The kind of an intent."""
    return INTENT_KINDS[type(intent)]


def vpp_request_names() -> set[str]:
    """All messages that the kinds send to VPP."""
    return {message for kind in INTENT_KINDS.values() for message in kind.messages}
