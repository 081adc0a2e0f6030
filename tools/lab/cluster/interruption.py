"""A clean-up that has begun goes to its end, whatever signals come meanwhile."""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def undisturbed(say: Callable[[str], None]) -> Iterator[None]:
    """Says that the lab goes, and answers signals with a word instead of an end.

    In the main thread alone; children are not concerned.
    """

    def answer(_number: int, _frame: FrameType | None) -> None:
        say("the lab is being taken away: a moment")

    before = {number: signal.signal(number, answer) for number in SIGNALS}
    try:
        say("taking the lab away")
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
