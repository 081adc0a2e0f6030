"""Waiting until intents have become what VPP holds. Pure; the loop feeds it statuses.

A status answers for one value of its intent: it counts only if its generation is the fingerprint
of the value that is waited for.
"""

from collections.abc import Iterable, Mapping

from schemas.codec import fingerprint
from schemas.intents import Intent
from schemas.statuses import Applied, Failed, Pending, Rejected, Status, is_applied, reason_of


class NotRealised(Exception):
    """An intent did not become true; the text names its key and its last status."""


class Realisation:
    """A set of intents that somebody waits for."""

    def __init__(self, intents: Iterable[Intent]) -> None:
        self._generations = {intent.key: fingerprint(intent) for intent in intents}

    def applied(self, statuses: Mapping[str, Status]) -> dict[str, Applied] | None:
        """All their Applied statuses once all are; None before. Raises NotRealised if one never will."""
        applied: dict[str, Applied] = {}
        for key, generation in self._generations.items():
            status = statuses.get(key)
            if status is None or status.generation != generation:
                continue
            if isinstance(status, Rejected):
                raise NotRealised(f"{key}: rejected: {status.reason}")
            if isinstance(status, Applied):
                applied[key] = status
        return applied if len(applied) == len(self._generations) else None

    def missing(self, statuses: Mapping[str, Status]) -> str:
        """The first intents that are not applied, and why, in words; real failures first."""
        reasons = [
            (isinstance(statuses.get(key), Pending), f"{key}: {_reason(statuses.get(key))}")
            for key, generation in self._generations.items()
            if not is_applied(statuses.get(key), generation)
        ]
        texts = [text for _, text in sorted(reasons)]
        more = f" (and {len(texts) - 2} more)" if len(texts) > 2 else ""
        return "; ".join(texts[:2]) + more


def _reason(status: Status | None) -> str:
    if isinstance(status, Failed):
        return f"failed: {status.reason}"
    # A rejection of this very value would have ended the wait: this one is of an earlier value.
    return reason_of(None if isinstance(status, Rejected) else status)
