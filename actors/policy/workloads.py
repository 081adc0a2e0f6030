"""What holds on a pod's interface. Pure. Source: spec/policies.md section 6.1."""

from collections.abc import Sequence
from ipaddress import ip_address, ip_network
from typing import NamedTuple

from actors.policy.compiled import Compiled
from actors.policy.model import Tier, Workload
from actors.policy.tiers import Book, Stages, directed, stages
from schemas.npol import InterfacePolicies


class Attached(NamedTuple):
    """What holds on an interface, the policies that it takes, and what is wrong."""

    intent: InterfacePolicies
    policies: tuple[Compiled, ...]
    problems: tuple[str, ...] = ()


def closed(interface: str, from_host: Compiled) -> Attached:
    """Nothing but the host reaches the pod, and the pod nobody: before Felix has spoken of it."""
    return Attached(InterfacePolicies(interface, tx=(from_host.intent.name,)), (from_host,))


def speaks_of(told: Workload, addresses: Sequence[str]) -> bool:
    """Is it about the pod that has these addresses? A pod that comes again under its name gets others, and what Felix
    told of the one before, whose labels may have been others too, must not open it."""
    nets = (*told.ip4_nets, *told.ip6_nets)
    return not nets or not addresses or any(_holds(net, address) for net in nets for address in addresses)


def _holds(net: str, address: str) -> bool:
    try:
        return ip_address(address) in ip_network(net, strict=False)
    except ValueError:
        return False


def workload(
    interface: str,
    told: Workload,
    book: Book,
    profiles: tuple[Compiled, ...],
    from_host: Compiled,
    no_tunnels: Compiled,
) -> Attached:
    """The pod as Felix describes it."""
    if told.state != "active":
        return closed(interface, from_host)
    tx = stages("tx", told.tiers, profiles, book)
    rx = stages("rx", told.tiers, profiles, book)
    return attached(interface, rx, tx, before_rx=(no_tunnels,), before_tx=(from_host,))


def attached(
    interface: str,
    rx: Stages,
    tx: Stages,
    *,
    before_rx: Sequence[Compiled] = (),
    before_tx: Sequence[Compiled] = (),
    invert: bool = False,
) -> Attached:
    """Both directions together. Their profiles are one list in VPP: where they differ, each speaks of one direction."""
    profiles = rx.profiles
    if [each.intent.name for each in rx.profiles] != [each.intent.name for each in tx.profiles]:
        profiles = (
            *(directed(each, "rx") for each in rx.profiles),
            *(directed(each, "tx") for each in tx.profiles),
        )
    own_rx, own_tx = (*before_rx, *rx.policies), (*before_tx, *tx.policies)
    intent = InterfacePolicies(
        interface=interface,
        rx=tuple(each.intent.name for each in own_rx),
        tx=tuple(each.intent.name for each in own_tx),
        profiles=tuple(each.intent.name for each in profiles),
        rx_default=rx.default,
        tx_default=tx.default,
        rx_profile_default=rx.profile_default,
        tx_profile_default=tx.profile_default,
        invert=invert,
    )
    return Attached(intent, (*own_rx, *own_tx, *profiles), tuple(dict.fromkeys((*rx.problems, *tx.problems))))


def as_tiers(tiers: Sequence[Tier], default_action: str) -> tuple[Tier, ...]:
    """The tiers with another default."""
    return tuple(Tier(each.name, each.ingress, each.egress, default_action) for each in tiers)
