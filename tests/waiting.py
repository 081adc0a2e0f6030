"""Waiting for a condition, with a deadline: what every test does instead of sleeping.

The patience is for a busy machine and is no promise of the product's: a test that means a bound passes `within_s`.
"""

import asyncio
import inspect
import time
from collections.abc import Callable
from typing import Any

from bus.peer import BusPeer

PATIENCE_S = 40.0
PAUSE_S = 0.01
HEARING_S = 0.05
Expectation = str | Callable[[], str]  # in words, or a function that says what is so instead


def until(condition: Callable[[], Any], expected: Expectation = "it holds", within_s: float = PATIENCE_S) -> Any:
    """The first true value of `condition`. Raises AssertionError at the deadline."""
    deadline = _Deadline(expected, within_s)
    while not (value := condition()):
        deadline.check()
        time.sleep(PAUSE_S)
    return value


async def until_async(
    condition: Callable[[], Any], expected: Expectation = "it holds", within_s: float = PATIENCE_S
) -> Any:
    """`until` in a loop that goes on; the condition may be a coroutine function."""
    deadline = _Deadline(expected, within_s)
    while not (value := await _awaited(condition())):
        deadline.check()
        await asyncio.sleep(PAUSE_S)
    return value


async def until_heard(
    peer: BusPeer,
    condition: Callable[[], Any],
    expected: Expectation = "it holds",
    within_s: float = PATIENCE_S,
) -> Any:
    """`until_async` where what this peer hears makes the condition true."""
    deadline = _Deadline(expected, within_s)
    while not (value := condition()):
        deadline.check()
        await peer.changes(HEARING_S)
    return value


def holds(condition: Callable[[], Any], expected: Expectation, for_s: float) -> None:
    """`holds_async` without a loop."""
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        assert condition(), f"no longer: {expected if isinstance(expected, str) else expected()}"
        time.sleep(PAUSE_S)


async def holds_async(condition: Callable[[], Any], expected: Expectation, for_s: float) -> None:
    """Sees for so long that nothing changes. Raises AssertionError as soon as the condition does not hold."""
    end = time.monotonic() + for_s
    while time.monotonic() < end:
        assert condition(), f"no longer: {expected if isinstance(expected, str) else expected()}"
        await asyncio.sleep(PAUSE_S)


async def _awaited(value: Any) -> Any:
    return await value if inspect.isawaitable(value) else value


class _Deadline:
    """Fails the test when it has passed."""

    def __init__(self, expected: Expectation, within_s: float) -> None:
        self._expected, self._within_s = expected, within_s
        self._end = time.monotonic() + within_s

    def check(self) -> None:
        """Raises AssertionError if it is too late."""
        if time.monotonic() >= self._end:
            expected = self._expected if isinstance(self._expected, str) else self._expected()
            raise AssertionError(f"not within {self._within_s:g} s: {expected}")
