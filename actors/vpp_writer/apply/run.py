"""One object's calls: a `VppCallSequence` that goes on as soon as the replies to what it yielded are there. Pure."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from actors.vpp_writer.kinds.call import IntentRejected, NoVppAnswer, VppCall, VppCallRetriedLater
from actors.vpp_writer.kinds.indices import NO_OBJECT_DETAILS
from actors.vpp_writer.kinds.kind import ObjectDetails, VppCallSequence

_Post = Callable[["VppCallRun", Sequence[VppCall]], None]  # what makes the calls, and gives each reply to `take`
CallSettledHandler = Callable[[str, ObjectDetails | Exception], None]  # (key, details, or why there are none)


class VppCallRun:
    """A sequence that is under way. `post` gets its calls, `settled` what became of the object."""

    __slots__ = ("_failure", "_outstanding", "_post", "_replies", "_sequence", "_settled", "key")

    def __init__(self, key: str, sequence: VppCallSequence, post: _Post, settled: CallSettledHandler) -> None:
        self.key = key
        self._sequence, self._post, self._settled = sequence, post, settled
        self._replies: list[Any] = []
        self._outstanding = 0
        self._failure: Exception | None = None

    def start(self, post: _Post | None = None) -> None:
        """Asks for the first calls. `post`: what makes these, if it is not what makes the others."""
        self._advance(partial(next, self._sequence), post or self._post)

    def take(self, number: int, reply: Any) -> None:
        """The reply to the call of that number, or the exception that stands for it."""
        if isinstance(reply, Exception):
            self._failure = self._failure or reply
        self._replies[number] = reply
        self._outstanding -= 1
        if self._outstanding:
            return
        if self._failure is not None:
            self._advance(partial(self._sequence.throw, self._failure), self._post)
        else:
            self._advance(partial(self._sequence.send, self._replies), self._post)

    def _advance(self, resume: Callable[[], Sequence[VppCall]], post: _Post) -> None:
        """Lets the sequence go on until it asks for calls, or ends."""
        try:
            while not (calls := resume()):
                resume = partial(self._sequence.send, [])
        except StopIteration as end:
            self._settled(self.key, NO_OBJECT_DETAILS if end.value is None else end.value)
        except Exception as error:
            self._settled(self.key, self._reason(error))
        else:
            self._replies, self._outstanding, self._failure = [None] * len(calls), len(calls), None
            post(self, calls)

    def _reason(self, error: Exception) -> Exception:
        """A kind that fails by itself fails its object, not the process."""
        if error is self._failure or isinstance(error, VppCallRetriedLater | NoVppAnswer | IntentRejected):
            return error
        return VppCallRetriedLater(f"{type(error).__name__}: {error}")
