"""Desired against observed -> operations, in a safe order. Pure.

Policies come before the paths that they judge, paths before the peers that they are sent to. A policy judges a
path once, when it is announced: one that is judged otherwise now is withdrawn before and announced after. A session is
torn down only when it must differ, because gobgpd's UpdatePeer tears down even an identical one.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_network

from actors.routing.gobgp.state import BgpGlobal, BgpPeerConfig, BgpPeerState, DesiredBgp, ObservedBgp


@dataclass(frozen=True)
class StopBgp:
    """Stop BGP: its global configuration must change."""


@dataclass(frozen=True)
class StartBgp:
    """Start BGP."""

    bgp: BgpGlobal


@dataclass(frozen=True)
class SetBgpPolicies:
    """Replace the export policy."""

    blocks: frozenset[str]


@dataclass(frozen=True)
class AnnouncePaths:
    """Inject paths: (prefix, next hop)."""

    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class WithdrawPath:
    """Take an injected path back."""

    prefix: str
    next_hop: str


@dataclass(frozen=True)
class AddBgpPeer:
    """Open a session. `restarting`: ask the peer to keep our old routes until we have sent the new ones."""

    peer: BgpPeerConfig
    restarting: bool


@dataclass(frozen=True)
class DeleteBgpPeer:
    """Close a session."""

    address: str


GobgpOperation = StopBgp | StartBgp | SetBgpPolicies | AnnouncePaths | WithdrawPath | AddBgpPeer | DeleteBgpPeer


def gobgp_operations(desired: DesiredBgp, observed: ObservedBgp) -> list[GobgpOperation]:
    """What makes `observed` equal to `desired`; empty when it is."""
    plan: list[GobgpOperation] = []
    restarting = observed.bgp is None
    if not _is_same_instance(desired.bgp, observed.bgp):
        if observed.bgp is not None:
            plan.append(StopBgp())
        plan.append(StartBgp(desired.bgp))
        observed = ObservedBgp(bgp=desired.bgp)
    if observed.blocks != desired.blocks:
        rejudged = _to_be_rejudged(desired, observed)
        plan += [WithdrawPath(prefix, observed.paths[prefix]) for prefix in rejudged]
        plan.append(SetBgpPolicies(desired.blocks))
        observed = replace(observed, paths={p: hop for p, hop in observed.paths.items() if p not in rejudged})
    return plan + _path_operations(desired, observed) + _peer_operations(desired, observed, restarting=restarting)


def _is_same_instance(desired: BgpGlobal, observed: BgpGlobal | None) -> bool:
    if observed is None:
        return False
    return (desired.asn, desired.router_id, desired.listen_port, set(desired.listen_addresses)) == (
        observed.asn,
        observed.router_id,
        observed.listen_port,
        set(observed.listen_addresses),
    )


def _to_be_rejudged(desired: DesiredBgp, observed: ObservedBgp) -> list[str]:
    """Announced prefixes inside a block that appears (peers lose them) or disappears (peers get them)."""
    changed = desired.blocks ^ (observed.blocks or frozenset())
    announced = sorted(observed.paths.keys() & desired.paths.keys() - changed)
    return [prefix for prefix in announced if any(_inside(prefix, block) for block in changed)]


def _inside(prefix: str, block: str) -> bool:
    inner, outer = ip_network(prefix), ip_network(block)
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _path_operations(desired: DesiredBgp, observed: ObservedBgp) -> list[GobgpOperation]:
    announced = tuple((p, hop) for p, hop in sorted(desired.paths.items()) if observed.paths.get(p) != hop)
    withdrawals = [WithdrawPath(p, hop) for p, hop in sorted(observed.paths.items()) if p not in desired.paths]
    return [*([AnnouncePaths(announced)] if announced else []), *withdrawals]


def _peer_operations(desired: DesiredBgp, observed: ObservedBgp, *, restarting: bool) -> list[GobgpOperation]:
    plan: list[GobgpOperation] = []
    for address in sorted(observed.peers.keys() - desired.peers.keys()):
        plan.append(DeleteBgpPeer(address))
    for address, peer in sorted(desired.peers.items()):
        present = observed.peers.get(address)
        if present is not None and _is_as_desired(peer, present):
            continue
        if present is not None:
            plan.append(DeleteBgpPeer(address))
        plan.append(AddBgpPeer(peer, restarting))
    return plan


def _is_as_desired(desired: BgpPeerConfig, present: BgpPeerState) -> bool:
    """Compared with defaults filled in: they are shown as if they had been asked for."""
    timers = desired.timers.with_defaults()
    return (
        desired.asn,
        desired.local_address or present.local_address,
        desired.port,
        desired.restart_s or timers.hold_s,
        timers,
    ) == (present.asn, present.local_address, present.port, present.restart_s, present.timers.with_defaults())
