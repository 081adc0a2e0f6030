"""Waiting until intents have become what VPP holds. Pure; the loop feeds it statuses.

A status answers for one value of its intent: it counts only if its generation is the fingerprint
of the value that is waited for.
"""

from collections.abc import Iterable, Mapping

from schemas.codec import value_fingerprint
from schemas.intents import Intent
from schemas.statuses import (
    AppliedStatus,
    FailedStatus,
    IntentStatus,
    PendingStatus,
    RejectedStatus,
    is_intent_applied,
    unapplied_intent_reason,
)


class IntentsNotRealised(Exception):
    """An intent did not become true; the text names its key and its last status."""


class IntentRealisation:
    """A set of intents that somebody waits for."""

    def __init__(self, intents: Iterable[Intent]) -> None:
        self._generations = {intent.key: value_fingerprint(intent) for intent in intents}

    def applied(self, statuses: Mapping[str, IntentStatus]) -> dict[str, AppliedStatus] | None:
        """All their Applied statuses once all are; None before. Raises IntentsNotRealised if one never will."""
        applied: dict[str, AppliedStatus] = {}
        for key, generation in self._generations.items():
            status = statuses.get(key)
            if status is None or status.generation != generation:
                continue
            if isinstance(status, RejectedStatus):
                raise IntentsNotRealised(f"{key}: rejected: {status.reason}")
            if isinstance(status, AppliedStatus):
                applied[key] = status
        return applied if len(applied) == len(self._generations) else None

    def missing(self, statuses: Mapping[str, IntentStatus]) -> str:
        """The first intents that are not applied, and why, in words; real failures first."""
        reasons = [
            (isinstance(statuses.get(key), PendingStatus), f"{key}: {_reason(statuses.get(key))}")
            for key, generation in self._generations.items()
            if not is_intent_applied(statuses.get(key), generation)
        ]
        texts = [text for _, text in sorted(reasons)]
        more = f" (and {len(texts) - 2} more)" if len(texts) > 2 else ""
        return "; ".join(texts[:2]) + more


def _reason(status: IntentStatus | None) -> str:
    if isinstance(status, FailedStatus):
        return f"failed: {status.reason}"
    # A rejection of this very value would have ended the wait: this one is of an earlier value.
    return unapplied_intent_reason(None if isinstance(status, RejectedStatus) else status)
