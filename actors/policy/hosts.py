"""Host endpoints: policies of the host's taps and of the uplinks. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from ipaddress import ip_interface
from typing import NamedTuple

from actors.policy.model import FelixHostEndpoint, FelixTier
from actors.policy.policies import CompiledPolicy
from actors.policy.tiers import CompiledPolicyBook, DirectionPolicies, policies_of_direction
from actors.policy.workloads import PolicyAttachment, interface_policy_attachment, tiers_with_default_action
from schemas.addresses import parse_ip_address
from schemas.facts import UplinkFact
from schemas.npol import InterfacePoliciesIntent

ALL_HOST_INTERFACES = "*"


class HostPolicies(NamedTuple):
    """Policies that every node has."""

    workloads_to_host: CompiledPolicy | None
    failsafe: CompiledPolicy
    from_host: CompiledPolicy
    to_host: CompiledPolicy


def host_endpoint_of_uplink(endpoints: Mapping[str, FelixHostEndpoint], name: str, uplink: UplinkFact) -> str | None:
    """The host endpoint of an uplink: one that names it, else by address, else one for all; then the lowest id."""
    addresses = {str(ip_interface(address).ip) for address in uplink.addresses}
    ranked = [
        (rank, key)
        for key, endpoint in endpoints.items()
        for rank, fits in enumerate(
            (
                endpoint.name == name,
                not endpoint.name and addresses & set(_readable_addresses(endpoint.expected_ips)),
                endpoint.name == ALL_HOST_INTERFACES,
            )
        )
        if fits
    ]
    return min(ranked)[1] if ranked else None


def _readable_addresses(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        with suppress(ValueError):
            yield str(parse_ip_address(text))


def host_attachments_without_endpoint(uplink: UplinkFact, host_policies: HostPolicies) -> Iterator[PolicyAttachment]:
    """Policies without a host endpoint: only pods towards their host are restricted."""
    if host_policies.workloads_to_host is not None and uplink.host_tap:
        allowing = InterfacePoliciesIntent(
            uplink.host_tap,
            tx=(host_policies.workloads_to_host.intent.name,),
            rx_default="allow",
            tx_default="allow",
            rx_profile_default="allow",
            tx_profile_default="allow",
        )
        yield PolicyAttachment(allowing, (host_policies.workloads_to_host,))


def host_attachments_with_endpoint(
    uplink: UplinkFact,
    endpoint: FelixHostEndpoint,
    book: CompiledPolicyBook,
    profiles: tuple[CompiledPolicy, ...],
    host_policies: HostPolicies,
) -> Iterator[PolicyAttachment]:
    """Policies with a host endpoint: the tap's for the host's own traffic, the uplink's for forwarding."""
    problems = tuple(_unserved(endpoint))
    first = tiers_with_default_action(endpoint.untracked_tiers, "Pass")
    if uplink.host_tap:
        tx, rx = (
            policies_of_direction(direction, (*first, *endpoint.tiers), profiles, book) for direction in ("tx", "rx")
        )
        to_host = (host_policies.workloads_to_host,) if host_policies.workloads_to_host is not None else ()
        tap = interface_policy_attachment(
            uplink.host_tap,
            rx,
            tx,
            before_rx=(host_policies.from_host, host_policies.failsafe),
            before_tx=(*to_host, host_policies.failsafe),
        )
        yield PolicyAttachment(tap.intent, tap.policies, (*tap.problems, *problems))
    tx, rx = (_forward(direction, first, endpoint.forward_tiers, book) for direction in ("tx", "rx"))
    if uplink.interface and (tx.policies or rx.policies):
        before_rx, before_tx = ((host_policies.to_host,) if policies.policies else () for policies in (rx, tx))
        yield interface_policy_attachment(
            uplink.interface, rx, tx, before_rx=before_rx, before_tx=before_tx, invert=True
        )


def _forward(
    direction: str, first: tuple[FelixTier, ...], tiers: tuple[FelixTier, ...], book: CompiledPolicyBook
) -> DirectionPolicies:
    """Policies for forwarding: without a tier of its own all passes; profiles do not apply."""
    silent = not policies_of_direction(direction, tiers, (), book).policies
    return policies_of_direction(direction, (*first, *tiers), (), book, "allow" if silent else "deny")


def _unserved(endpoint: FelixHostEndpoint) -> Iterator[str]:
    if any(tier.ingress or tier.egress for tier in endpoint.pre_dnat_tiers):
        yield "pre_dnat_tiers: not enforced: VPP translates before it asks policies"
