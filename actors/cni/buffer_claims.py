"""Which pods VPP has buffers for. Pure.

VPP counts its free buffers in turns, some time apart. A pod that comes claims what it needs; the claim holds until VPP
has counted after the pod was wired, for then the pod's rings are missing from the free ones.
"""

from dataclasses import dataclass, field


class NoFreeBuffers(Exception):
    """A pod would exhaust VPP's buffers. The text names what it needs and what is free."""


@dataclass
class _Claim:
    buffers: int
    wired: bool = False
    counted_until: int | None = None  # the last turn that may have missed the wired pod; None: not known yet


@dataclass
class BufferClaims:
    """Claims of pods on buffers, by key of the pod."""

    claims: dict[str, _Claim] = field(default_factory=dict)

    def claim(self, pod: str, needed: int, available: int, turn: int) -> None:
        """Claims `needed` buffers; `available` were free in VPP's counting turn `turn`. Raises NoFreeBuffers."""
        self.claims.pop(pod, None)
        self._expire(turn)
        claimed = sum(claim.buffers for claim in self.claims.values())
        free = max(0, available - claimed)
        if needed > free:
            raise NoFreeBuffers(
                f"VPP's buffers: the pod's rings need {needed}, {free} are free"
                " (queues times ring size; startup.conf: buffers-per-numa)"
            )
        self.claims[pod] = _Claim(needed)

    def wired(self, pod: str) -> None:
        """VPP has made the pod's interface: what it counts from now on misses the buffers."""
        if (claim := self.claims.get(pod)) is not None:
            claim.wired = True

    def drop(self, pod: str) -> None:
        """The pod does not come, or has gone."""
        self.claims.pop(pod, None)

    def _expire(self, turn: int) -> None:
        for pod, claim in list(self.claims.items()):
            if claim.wired and claim.counted_until is None:
                claim.counted_until = turn
            elif claim.wired and turn != claim.counted_until:
                del self.claims[pod]
