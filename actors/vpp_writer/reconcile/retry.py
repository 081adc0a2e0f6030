"""When a failed object is tried again. Pure; time is an argument.

Seconds of the monotonic clock: the wall clock may be set back, and no object waits for it to come round again.
"""

from collections.abc import Collection
from typing import NamedTuple

RETRY_FIRST_S = 0.25
RETRY_LONGEST_S = 30.0


class WriterPresentTime(NamedTuple):
    """Now, by the clock that decides, and by the one that people read."""

    monotonic_s: float
    wall_s: float  # since 1970

    def wall_time_of(self, monotonic_s: float) -> float:
        """What the wall clock will show then, if nobody sets it."""
        return self.wall_s + monotonic_s - self.monotonic_s


class _WriteAttempt(NamedTuple):
    """The failures of one value of an object."""

    generation: int
    failures: int
    due: float


class WriteRetries:
    """Failed objects by key. A changed value starts anew."""

    def __init__(self) -> None:
        self._attempts: dict[str, _WriteAttempt] = {}

    def failed(self, key: str, generation: int, now: float) -> float:
        """Notes a failure. Returns when the object is due again."""
        last = self._attempts.get(key)
        failures = last.failures + 1 if last and last.generation == generation else 1
        due = now + min(RETRY_LONGEST_S, RETRY_FIRST_S * 2.0 ** min(failures - 1, 16))
        self._attempts[key] = _WriteAttempt(generation, failures, due)
        return due

    @property
    def keys(self) -> Collection[str]:
        """What has failed and is neither well since nor forgotten."""
        return self._attempts.keys()

    def blocked(self, key: str, generation: int, now: float) -> bool:
        """Is this value of the object waiting for its time?"""
        attempt = self._attempts.get(key)
        return attempt is not None and attempt.generation == generation and now < attempt.due

    def forget(self, key: str) -> None:
        """The object is well, or not wanted any more."""
        self._attempts.pop(key, None)

    def due(self, now: float) -> set[str]:
        """Objects whose time has come."""
        return {key for key, attempt in self._attempts.items() if attempt.due <= now}

    def clear(self) -> None:
        """A new VPP: everything is tried at once."""
        self._attempts.clear()
