"""Statuses: what became of an intent, published by the VPP writer.

A status is of one value of its intent: `generation` is that value's fingerprint (`codec.fingerprint`). By it a manager
can tell whether its latest value is the one applied.
"""

from msgspec import Struct


class Status(Struct, frozen=True, omit_defaults=True, gc=False, tag_field="state"):
    """Base of all statuses."""

    generation: int  # fingerprint of the intent's value that it is of


class Pending(Status, frozen=True, tag="pending"):
    """Not sent yet: `needs` are the keys (or the named condition) that it waits for."""

    needs: tuple[str, ...] = ()


class Applied(Status, frozen=True, tag="applied"):
    """VPP holds it, in that life (epoch) of VPP. `details` are facts learnt, e.g. sw_if_index."""

    epoch: int  # the life of VPP that holds it
    details: dict[str, int | str] = {}


class Failed(Status, frozen=True, tag="failed"):
    """VPP refused or did not answer; tried again at `retry_at` (seconds since 1970)."""

    reason: str  # in words, for people
    retry_at: float


class Rejected(Status, frozen=True, tag="rejected"):
    """The intent itself is wrong: nothing is sent until its value changes."""

    reason: str  # in words, for people


AnyStatus = Pending | Applied | Failed | Rejected


def is_applied(status: Status | None, generation: int) -> bool:
    """Does VPP hold the value of that fingerprint?"""
    return isinstance(status, Applied) and status.generation == generation


def reason_of(status: Status | None) -> str:
    """Why an intent is not applied, in words."""
    match status:
        case Failed(reason=reason) | Rejected(reason=reason):
            return reason
        case Pending(needs=needs):
            return f"waits for {', '.join(needs)}"
        case _:
            return "no answer from the VPP writer"
