"""Wanted against observed -> operations, in a safe order. Pure.

Policies come before the paths that they judge, paths before the peers that hear them. A policy judges a path
once, when it is announced: what is judged otherwise now is withdrawn before and announced after. A session is
torn down only when it must differ, because gobgpd's UpdatePeer tears down even an identical one.
"""

from dataclasses import dataclass, replace
from ipaddress import ip_network

from actors.routing.gobgp.state import Global, Observed, Peer, PeerSeen, Wanted


@dataclass(frozen=True)
class Stop:
    """Stop BGP: its global configuration must change."""


@dataclass(frozen=True)
class Start:
    """Start BGP."""

    bgp: Global


@dataclass(frozen=True)
class SetPolicies:
    """Replace the export policy."""

    blocks: frozenset[str]


@dataclass(frozen=True)
class Announce:
    """Inject paths: (prefix, next hop)."""

    paths: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Withdraw:
    """Take an injected path back."""

    prefix: str
    next_hop: str


@dataclass(frozen=True)
class AddPeer:
    """Open a session. `restarting`: ask the peer to keep our old routes until we have told the new ones."""

    peer: Peer
    restarting: bool


@dataclass(frozen=True)
class DeletePeer:
    """Close a session."""

    address: str


Operation = Stop | Start | SetPolicies | Announce | Withdraw | AddPeer | DeletePeer


def operations(wanted: Wanted, observed: Observed) -> list[Operation]:
    """What makes `observed` equal to `wanted`; empty when it is."""
    done: list[Operation] = []
    restarting = observed.bgp is None
    if not _same(wanted.bgp, observed.bgp):
        if observed.bgp is not None:
            done.append(Stop())
        done.append(Start(wanted.bgp))
        observed = Observed(bgp=wanted.bgp)
    if observed.blocks != wanted.blocks:
        again = _judged_otherwise(wanted, observed)
        done += [Withdraw(prefix, observed.paths[prefix]) for prefix in again]
        done.append(SetPolicies(wanted.blocks))
        observed = replace(observed, paths={p: hop for p, hop in observed.paths.items() if p not in again})
    return done + _paths(wanted, observed) + _peers(wanted, observed, restarting=restarting)


def _same(wanted: Global, observed: Global | None) -> bool:
    if observed is None:
        return False
    return (wanted.asn, wanted.router_id, wanted.listen_port, set(wanted.listen_addresses)) == (
        observed.asn,
        observed.router_id,
        observed.listen_port,
        set(observed.listen_addresses),
    )


def _judged_otherwise(wanted: Wanted, observed: Observed) -> list[str]:
    """Prefixes announced already, inside a block that comes (not for peers any more) or goes (for peers again)."""
    changed = wanted.blocks ^ (observed.blocks or frozenset())
    kept = sorted(observed.paths.keys() & wanted.paths.keys() - changed)
    return [prefix for prefix in kept if any(_inside(prefix, block) for block in changed)]


def _inside(prefix: str, block: str) -> bool:
    inner, outer = ip_network(prefix), ip_network(block)
    return inner.version == outer.version and inner.subnet_of(outer)  # type: ignore[arg-type]


def _paths(wanted: Wanted, observed: Observed) -> list[Operation]:
    new = tuple((p, hop) for p, hop in sorted(wanted.paths.items()) if observed.paths.get(p) != hop)
    gone = [Withdraw(p, hop) for p, hop in sorted(observed.paths.items()) if p not in wanted.paths]
    return [*([Announce(new)] if new else []), *gone]


def _peers(wanted: Wanted, observed: Observed, *, restarting: bool) -> list[Operation]:
    done: list[Operation] = []
    for address in sorted(observed.peers.keys() - wanted.peers.keys()):
        done.append(DeletePeer(address))
    for address, peer in sorted(wanted.peers.items()):
        seen = observed.peers.get(address)
        if seen is not None and _as_wanted(peer, seen):
            continue
        if seen is not None:
            done.append(DeletePeer(address))
        done.append(AddPeer(peer, restarting))
    return done


def _as_wanted(wanted: Peer, seen: PeerSeen) -> bool:
    """Compared with defaults filled in: they are shown as if they had been asked for."""
    timers = wanted.timers.settled()
    return (
        wanted.asn,
        wanted.local_address or seen.local_address,
        wanted.port,
        wanted.restart_s or timers.hold_s,
        timers,
    ) == (seen.asn, seen.local_address, seen.port, seen.restart_s, seen.timers.settled())
