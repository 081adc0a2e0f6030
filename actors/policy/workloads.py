"""Policies of pods' interfaces. Pure."""

from collections.abc import Sequence
from ipaddress import ip_address
from typing import NamedTuple

from actors.policy.model import FelixTier, FelixWorkload
from actors.policy.policies import CompiledPolicy
from actors.policy.tiers import CompiledPolicyBook, DirectionPolicies, policies_of_direction, policy_of_one_direction
from schemas.addresses import parse_ip_prefix
from schemas.npol import InterfacePoliciesIntent


class PolicyAttachment(NamedTuple):
    """The policies of an interface as an intent, the compiled policies in it, and problems for the status."""

    intent: InterfacePoliciesIntent
    policies: tuple[CompiledPolicy, ...]
    problems: tuple[str, ...] = ()


def closed_pod_attachment(interface: str, from_host: CompiledPolicy) -> PolicyAttachment:
    """Before Felix knows the pod: only the host reaches it, and it reaches nothing."""
    return PolicyAttachment(InterfacePoliciesIntent(interface, tx=(from_host.intent.name,)), (from_host,))


def is_endpoint_of_pod(workload: FelixWorkload, addresses: Sequence[str]) -> bool:
    """Is the endpoint about the pod that has these addresses?

    A pod that is created again under its name gets other addresses, and may have other labels: the endpoint of its
    predecessor must not open it.
    """
    nets = (*workload.ip4_nets, *workload.ip6_nets)
    return not nets or not addresses or any(_contains(net, address) for net in nets for address in addresses)


def _contains(net: str, address: str) -> bool:
    try:
        return ip_address(address) in parse_ip_prefix(net)
    except ValueError:
        return False


def pod_policy_attachment(
    interface: str,
    endpoint: FelixWorkload,
    book: CompiledPolicyBook,
    profiles: tuple[CompiledPolicy, ...],
    from_host: CompiledPolicy,
    no_tunnels: CompiledPolicy,
) -> PolicyAttachment:
    """Policies of a pod that Felix knows."""
    if endpoint.state != "active":
        return closed_pod_attachment(interface, from_host)
    tx = policies_of_direction("tx", endpoint.tiers, profiles, book)
    rx = policies_of_direction("rx", endpoint.tiers, profiles, book)
    return interface_policy_attachment(interface, rx, tx, before_rx=(no_tunnels,), before_tx=(from_host,))


def interface_policy_attachment(
    interface: str,
    rx: DirectionPolicies,
    tx: DirectionPolicies,
    *,
    before_rx: Sequence[CompiledPolicy] = (),
    before_tx: Sequence[CompiledPolicy] = (),
    invert: bool = False,
) -> PolicyAttachment:
    """Both directions. VPP has one list of profiles: where they differ, each gets the rules of one direction."""
    profiles = rx.profiles
    if [policy.intent.name for policy in rx.profiles] != [policy.intent.name for policy in tx.profiles]:
        profiles = (
            *(policy_of_one_direction(policy, "rx") for policy in rx.profiles),
            *(policy_of_one_direction(policy, "tx") for policy in tx.profiles),
        )
    rx_policies, tx_policies = (*before_rx, *rx.policies), (*before_tx, *tx.policies)
    intent = InterfacePoliciesIntent(
        interface=interface,
        rx=tuple(policy.intent.name for policy in rx_policies),
        tx=tuple(policy.intent.name for policy in tx_policies),
        profiles=tuple(policy.intent.name for policy in profiles),
        rx_default=rx.default,
        tx_default=tx.default,
        rx_profile_default=rx.profile_default,
        tx_profile_default=tx.profile_default,
        invert=invert,
    )
    return PolicyAttachment(
        intent, (*rx_policies, *tx_policies, *profiles), tuple(dict.fromkeys((*rx.problems, *tx.problems)))
    )


def tiers_with_default_action(tiers: Sequence[FelixTier], default_action: str) -> tuple[FelixTier, ...]:
    """The tiers with another default action."""
    return tuple(FelixTier(tier.name, tier.ingress, tier.egress, default_action) for tier in tiers)
