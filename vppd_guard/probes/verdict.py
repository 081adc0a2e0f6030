"""While VPP runs: does it forward, and if not, is VPP to blame? Pure; time and observations are arguments.

The guard pings what answered in Linux before. Silence alone proves nothing: the network may have failed, and a node
that gives up VPP then kills its pods for nothing. So VPP is blamed only on further evidence: the gateway answers on
the wire beside VPP, or VPP's API is silent too (docs/decisions/0017).
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
class ForwardingObservation:
    """What one look has shown."""

    answered: frozenset[str]  # addresses that have just answered through VPP
    api_answers: bool | None = None  # does VPP's API answer? None: unknown
    wire_answers: bool | None = None  # does the gateway answer on the wire, past VPP? None: unknown


@dataclass
class ForwardingWatch:
    """The addresses that should answer, and since when none of them has."""

    targets: frozenset[str]
    patience_s: float  # 0: never give up
    answered_at: float  # when one answered last, or the watch began
    api_answered_at: float
    answered_once: set[str] = field(default_factory=set)

    @classmethod
    def begin(cls, targets: Iterable[str], patience_s: float, now: float) -> "ForwardingWatch":
        """A watch that begins now."""
        return cls(frozenset(targets), patience_s, now, now)

    def judge(self, observation: ForwardingObservation, now: float) -> ForwardingVerdict:
        """The verdict after one more observation."""
        if observation.api_answers is not False:
            self.api_answered_at = now
        if observation.answered:
            self.answered_at = now
            self.answered_once |= observation.answered
            return ForwardingVerdict.FORWARDS
        api_silent = now - self.api_answered_at >= self.patience_s
        if not self.patience_s or (self.targets and now - self.answered_at < self.patience_s):
            return ForwardingVerdict.SUSPECT if self.targets else ForwardingVerdict.FORWARDS
        if self.targets and observation.wire_answers:
            return ForwardingVerdict.BLAMED
        if api_silent:
            return ForwardingVerdict.BLAMED
        return ForwardingVerdict.SUSPECT if self.targets else ForwardingVerdict.FORWARDS

    def silent_s(self, now: float) -> float:
        """Seconds for which nothing has answered."""
        return now - self.answered_at

    def why(self, observation: ForwardingObservation, now: float) -> str:
        """The verdict's reason, in words."""
        targets = ", ".join(sorted(self.targets)) or "VPP's API"
        silence = (
            f"{targets}: no answer through VPP for {self.silent_s(now):.0f} s" if self.targets else "VPP is silent"
        )
        if observation.wire_answers is False and observation.api_answers is not False:
            return f"{silence}, nor on the wire beside VPP: the network has failed, not VPP"
        wire = ", though it answers on the wire beside VPP" if observation.wire_answers else ""
        if observation.api_answers is False:
            return f"{silence}{wire}; VPP's API has not answered for {now - self.api_answered_at:.0f} s"
        return f"{silence}{wire or ', while VPP answers by its API'}"
