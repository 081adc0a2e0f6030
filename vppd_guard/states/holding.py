"""What the guard holds from one state to the next. A class has the name of the state whose action needs it."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from vppd_guard.uplink.uplinks import DrivenUplink
from vppd_guard.vpp.process import VppInstance


@dataclass(frozen=True, kw_only=True)
class GuardHolding:
    """The uplinks and what their templates need. Linux has the uplinks, unless a subclass says otherwise."""

    uplinks: tuple[DrivenUplink, ...] = ()  # the main one first
    annotations: Mapping[str, str] = field(default_factory=dict)  # of the Kubernetes node, if templates ask for any

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the uplinks in Linux."""
        return tuple(uplink.name for uplink in self.uplinks)


@dataclass(frozen=True, kw_only=True)
class GuardHoldingCaptured(GuardHolding):
    """The preflight has passed. Nothing of Linux has been changed."""


@dataclass(frozen=True, kw_only=True)
class GuardHoldingTaken(GuardHolding):
    """The uplinks have left Linux."""

    taken_at: float | None  # monotonic; None: by an earlier guard


@dataclass(frozen=True, kw_only=True)
class GuardHoldingUp(GuardHoldingTaken):
    """VPP runs."""

    vpp: VppInstance
    host_informed: bool = False  # the user's script for a VPP that runs (VPP_RUNNING) has been run

    def with_uplinks(self, uplinks: tuple[DrivenUplink, ...]) -> "GuardHoldingUp":
        """A copy in which the uplinks are as they are now."""
        return GuardHoldingUp(
            uplinks=uplinks,
            annotations=self.annotations,
            taken_at=self.taken_at,
            vpp=self.vpp,
            host_informed=self.host_informed,
        )


@dataclass(frozen=True, kw_only=True)
class GuardHoldingAdopted(GuardHoldingUp):
    """The VPP of an earlier guard runs on, and has the uplinks."""


@dataclass(frozen=True, kw_only=True)
class GuardLeftovers(GuardHolding):
    """An earlier guard has left changes of Linux to undo: the undo journal has them."""
