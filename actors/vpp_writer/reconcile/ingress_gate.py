"""In a new VPP packets come in last: when what is to be there is there, as far as it can be. Pure; time is an argument.

A flow's first packet makes its session in cnat as soon as it comes in, and policies are asked of that packet alone. One
that finds no way out leaves a session that the policies at its way out were never asked about, and what follows it
passes them (docs/vppsim.md). So interfaces by which packets come in stay down until all else has been written, and go
up together. What may never come is waited for a while only.
"""

from typing import NamedTuple

from actors.vpp_writer.reconcile.claims import IntentClaim, IntentClaims
from schemas.intents import AdminUpIntent, Intent
from schemas.words import INTENT_OWNERS

GATE_UNCERTAIN_S_MAX = 2.0  # for owners that say nothing, and for objects that VPP refuses
GATE_WORK_S_MAX = 10.0  # for what is still being written
GATE_NEED = "that packets are let in: all else first"
_UPLINKS_OWNER, _PODS_OWNER = "guard", "cni"


class GateOutlook(NamedTuple):
    """What else there is to do: how many objects are queued, those urgent, and those that VPP has refused."""

    urgent: int
    queued: int
    failing: int


class IngressGate:
    """`waiting`: keys of interfaces that are to go up."""

    def __init__(self) -> None:
        self.is_open = True  # before any VPP is met there is nothing to let in
        self.waiting: set[str] = set()
        self.closed_at = 0.0

    def close(self, now: float) -> None:
        """A VPP has been met that lets no packets in."""
        self.is_open, self.waiting, self.closed_at = False, set(), now

    def holds_back(self, key: str, intent: Intent) -> bool:
        """Must this wait? Then it is among those that the gate lets go up together."""
        if self.is_open or not is_gated(intent):
            return False
        self.waiting.add(key)
        return True

    def obstacles(self, claims: IntentClaims, outlook: GateOutlook, now: float) -> list[str]:
        """Why the gate stays closed, in words; empty: it may open.

        Uplinks wait for pods, and pods for uplinks: the way of a packet has two ends. Without pods there is nothing to
        protect, and nobody is waited for.
        """
        owners = {claims.effective[key].owner for key in self.waiting if key in claims.effective}
        closed_s = now - self.closed_at
        if not owners:
            return ["no interface by which packets come in"]
        if _UPLINKS_OWNER in claims.whole and not any(map(_is_of_uplinks, claims.effective.values())):
            return ["the guard's interfaces"]
        pods = owners != {_UPLINKS_OWNER} or _PODS_OWNER not in claims.whole
        obstacles = []
        if closed_s < GATE_WORK_S_MAX and (queued := outlook.queued if pods else outlook.urgent):
            obstacles.append(f"{queued} objects to be written")
        if closed_s < GATE_UNCERTAIN_S_MAX and pods:
            obstacles += [f"{owner} has not said its intents" for owner in INTENT_OWNERS if owner not in claims.whole]
            obstacles += [f"{outlook.failing} objects that VPP has refused"] if outlook.failing else []
        return obstacles

    def open(self) -> set[str]:
        """Packets are let in. Returns the keys of the interfaces that waited."""
        waiting, self.waiting, self.is_open = self.waiting, set(), True
        return waiting


def is_gated(intent: Intent) -> bool:
    """Is this an interface by which packets come into VPP?"""
    return isinstance(intent, AdminUpIntent) and intent.gated


def _is_of_uplinks(claim: IntentClaim) -> bool:
    return claim.owner == _UPLINKS_OWNER and isinstance(claim.intent, AdminUpIntent)
