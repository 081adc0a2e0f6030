"""Host endpoints: what holds on the host's taps and on the uplinks. Pure. Source: spec/policies.md section 6.2."""

from collections.abc import Iterator, Mapping
from ipaddress import ip_interface
from typing import NamedTuple

from actors.policy.compiled import Compiled
from actors.policy.model import HostEndpoint, Tier
from actors.policy.tiers import Book, Stages, stages
from actors.policy.workloads import Attached, as_tiers, attached
from schemas.facts import Uplink
from schemas.npol import InterfacePolicies

ALL = "*"


class HostPolicies(NamedTuple):
    """The node's own policies."""

    workloads_to_host: Compiled | None
    failsafe: Compiled
    from_host: Compiled
    to_host: Compiled


def chosen(endpoints: Mapping[str, HostEndpoint], name: str, uplink: Uplink) -> str | None:
    """The host endpoint of an uplink: one that names it, else by address, else one for all; then the lowest id."""
    own = {str(ip_interface(address).ip) for address in uplink.addresses}
    ranked = [
        (rank, key)
        for key, each in endpoints.items()
        for rank, fits in enumerate(
            (each.name == name, not each.name and own & set(each.expected_ips), each.name == ALL)
        )
        if fits
    ]
    return min(ranked)[1] if ranked else None


def unhosted(uplink: Uplink, own: HostPolicies) -> Iterator[Attached]:
    """Without a host endpoint: pods towards their host are judged, nothing else."""
    if own.workloads_to_host is not None and uplink.host_tap:
        allowing = InterfacePolicies(
            uplink.host_tap,
            tx=(own.workloads_to_host.intent.name,),
            rx_default="allow",
            tx_default="allow",
            rx_profile_default="allow",
            tx_profile_default="allow",
        )
        yield Attached(allowing, (own.workloads_to_host,))


def hosted(
    uplink: Uplink, told: HostEndpoint, book: Book, profiles: tuple[Compiled, ...], own: HostPolicies
) -> Iterator[Attached]:
    """With a host endpoint: the tap carries what ends at the host, the uplink what is forwarded."""
    problems = tuple(_unserved(told))
    first = as_tiers(told.untracked_tiers, "Pass")
    if uplink.host_tap:
        tx, rx = (stages(way, (*first, *told.tiers), profiles, book) for way in ("tx", "rx"))
        to_host = (own.workloads_to_host,) if own.workloads_to_host is not None else ()
        found = attached(
            uplink.host_tap, rx, tx, before_rx=(own.from_host, own.failsafe), before_tx=(*to_host, own.failsafe)
        )
        yield Attached(found.intent, found.policies, (*found.problems, *problems))
    tx, rx = (_forward(way, first, told.forward_tiers, book) for way in ("tx", "rx"))
    if uplink.interface and (tx.policies or rx.policies):
        before_rx, before_tx = ((own.to_host,) if each.policies else () for each in (rx, tx))
        yield attached(uplink.interface, rx, tx, before_rx=before_rx, before_tx=before_tx, invert=True)


def _forward(direction: str, first: tuple[Tier, ...], tiers: tuple[Tier, ...], book: Book) -> Stages:
    """What is forwarded passes where no tier of its own has a say; profiles are not asked."""
    silent = not stages(direction, tiers, (), book).policies
    return stages(direction, (*first, *tiers), (), book, "allow" if silent else "deny")


def _unserved(told: HostEndpoint) -> Iterator[str]:
    if any(tier.ingress or tier.egress for tier in told.pre_dnat_tiers):
        yield "pre_dnat_tiers: not enforced: VPP translates before it asks policies"
