"""Statuses: what became of an intent, published by the VPP writer.

A status is of one value of its intent: `generation` is that value's fingerprint (`codec.value_fingerprint`). By it a
manager can tell whether its latest value is the one applied.
"""

from msgspec import Struct


class IntentStatus(Struct, frozen=True, omit_defaults=True, gc=False, tag_field="state"):
    """Base of all statuses."""

    generation: int  # fingerprint of the intent's value that it is of


class PendingStatus(IntentStatus, frozen=True, tag="pending"):
    """Not sent yet: `needs` are the keys (or the named condition) that it waits for."""

    needs: tuple[str, ...] = ()


class AppliedStatus(IntentStatus, frozen=True, tag="applied"):
    """VPP holds it, in that life (epoch) of VPP. `details` are facts learnt, e.g. sw_if_index."""

    epoch: int  # the life of VPP that holds it
    details: dict[str, int | str] = {}


class FailedStatus(IntentStatus, frozen=True, tag="failed"):
    """VPP refused or did not answer; tried again at `retry_at` (seconds since 1970)."""

    reason: str  # in words, for people
    retry_at: float


class RejectedStatus(IntentStatus, frozen=True, tag="rejected"):
    """The intent itself is wrong: nothing is sent until its value changes."""

    reason: str  # in words, for people


AnyIntentStatus = PendingStatus | AppliedStatus | FailedStatus | RejectedStatus


def is_intent_applied(status: IntentStatus | None, generation: int) -> bool:
    """Does VPP hold the value of that fingerprint?"""
    return isinstance(status, AppliedStatus) and status.generation == generation


def unapplied_intent_reason(status: IntentStatus | None) -> str:
    """Why an intent is not applied, in words."""
    match status:
        case FailedStatus(reason=reason) | RejectedStatus(reason=reason):
            return reason
        case PendingStatus(needs=needs):
            return f"waits for {', '.join(needs)}"
        case _:
            return "no answer from the VPP writer"
