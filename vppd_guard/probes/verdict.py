"""While VPP runs: does it forward, and if not, whose fault is it? Pure; time and observations are arguments.

The guard pings what answered in Linux before. Silence alone proves nothing: the network may have failed, and a node
that gives up VPP then kills its pods for nothing. So VPP is blamed only if something else speaks against it: the
gateway answers on the same wire beside VPP, or VPP's API is silent too (docs/decisions/0017).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum


class ForwardingVerdict(Enum):
    """What the silence means."""

    FORWARDS = "forwards"
    SUSPECT = "suspect"  # silent, not long enough or nobody to blame
    BLAMED = "blamed"  # it is VPP


@dataclass(frozen=True, kw_only=True)
class Observation:
    """One look."""

    answered: frozenset[str]  # addresses that have just answered through VPP
    api_answers: bool | None = None  # does VPP's API? None: not known
    beside: bool | None = None  # does the gateway answer on the wire, past VPP? None: cannot be asked


@dataclass
class ForwardingWatch:
    """The addresses that should answer, and since when none of them has."""

    asked: frozenset[str]
    patience_s: float  # 0: never give up
    heard_at: float  # when one answered last, or the watch began
    api_heard_at: float
    answered_once: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, asked: Iterable[str], patience_s: float, now: float) -> "ForwardingWatch":
        """A watch from now on."""
        return cls(frozenset(asked), patience_s, now, now)

    def look(self, seen: Observation, now: float) -> ForwardingVerdict:
        """The verdict after one more look."""
        if seen.api_answers is not False:
            self.api_heard_at = now
        if seen.answered:
            self.heard_at = now
            self.answered_once |= seen.answered
            return ForwardingVerdict.FORWARDS
        api_silent = now - self.api_heard_at >= self.patience_s
        if not self.patience_s or (self.asked and now - self.heard_at < self.patience_s):
            return ForwardingVerdict.SUSPECT if self.asked else ForwardingVerdict.FORWARDS
        if self.asked and seen.beside:
            return ForwardingVerdict.BLAMED
        if api_silent:
            return ForwardingVerdict.BLAMED
        return ForwardingVerdict.SUSPECT if self.asked else ForwardingVerdict.FORWARDS

    def silent_s(self, now: float) -> float:
        """How long nothing has answered."""
        return now - self.heard_at

    def why(self, seen: Observation, now: float) -> str:
        """The verdict's reason, in words."""
        what = ", ".join(sorted(self.asked)) or "VPP's API"
        silence = f"{what}: no answer through VPP for {self.silent_s(now):.0f} s" if self.asked else "VPP is silent"
        if seen.beside is False and seen.api_answers is not False:
            return f"{silence}, nor on the wire beside VPP: the network has failed, not VPP"
        wire = ", though it answers on the wire beside VPP" if seen.beside else ""
        if seen.api_answers is False:
            return f"{silence}{wire}; VPP's API has not answered for {now - self.api_heard_at:.0f} s"
        return f"{silence}{wire or ', while VPP answers by its API'}"
