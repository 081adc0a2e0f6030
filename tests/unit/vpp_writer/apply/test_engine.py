"""A group of objects' calls: whatever the order of runs and replies, the group ends with its last reply."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any, NamedTuple, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.vpp_writer.apply.engine import VppCallEngine
from actors.vpp_writer.kinds.call import NoVppAnswer, VppCall, VppCallRetriedLater
from actors.vpp_writer.kinds.indices import NO_OBJECT_DETAILS
from actors.vpp_writer.kinds.kind import ObjectDetails, VppCallSequence

MESSAGES = ("first_message", "second_message", "third_message", "fourth_message")
REFUSED = -1
TURNS = 10  # of the loop, in which everything that a reply sets off has happened


class WithheldReply(NamedTuple):
    """A call that VPP has and has not answered. `take` is given a return value or an exception."""

    key: str
    take: Callable[[int | Exception], None]


class WithholdingVpp:
    """In place of the client: every reply comes when, and as, the test says."""

    def __init__(self) -> None:
        self.withheld: list[WithheldReply] = []
        self.failures: dict[str, type[Exception]] = {}  # by key: what its last failed call ended with

    def packed(self, _message: str, fields: Mapping[str, Any]) -> bytes:
        return str(fields["key"]).encode()

    def post(self, _message: str, fields: Mapping[str, Any], take: Callable[[Any], None]) -> None:
        self.withheld.append(WithheldReply(fields["key"], lambda reply: take(_message_of(reply))))

    def post_batch(
        self, _message: str, bodies: Sequence[bytes], on_replies: Callable[[list[Any]], None], *, plain: bool
    ) -> None:
        replies: dict[int, Any] = {}

        def take(number: int, reply: int | Exception) -> None:
            replies[number] = reply if plain else _message_of(reply)
            if len(replies) == len(bodies):
                on_replies([replies[at] for at in range(len(bodies))])

        self.withheld += [WithheldReply(body.decode(), partial(take, number)) for number, body in enumerate(bodies)]

    def answer(self, number: int, reply: int | Exception) -> None:
        withheld = self.withheld.pop(number)
        if reply != 0:
            self.failures[withheld.key] = type(reply) if isinstance(reply, Exception) else VppCallRetriedLater
        withheld.take(reply)


def _message_of(reply: int | Exception) -> Any:
    return reply if isinstance(reply, Exception) else SimpleNamespace(retval=reply)


class Run(NamedTuple):
    """An object's calls: how many leave together, one number for each time. `batched`: the first with a batch."""

    calls: tuple[int, ...]
    message: str = MESSAGES[0]
    batched: bool = False

    def sequence(self, key: str) -> VppCallSequence:
        for number in self.calls:
            yield [VppCall(self.message, {"key": key})] * number
        return None


class Group:
    """A group under way. `end` begins to wait for its end."""

    def __init__(self) -> None:
        self.vpp, self.results = WithholdingVpp(), dict[str, ObjectDetails | Exception]()
        self.engine = VppCallEngine(cast(Any, self.vpp), Counter(), None, self._settled, lambda: None)
        self.ending: asyncio.Task[None] | None = None

    def _settled(self, key: str, result: ObjectDetails | Exception) -> None:
        assert key not in self.results, "settled twice"
        self.results[key] = result

    def begin(self, key: str, run: Run) -> None:
        (self.engine.add if run.batched else self.engine.start)(key, run.sequence(key))

    def end(self, packed: Sequence[str] = ()) -> None:
        self.ending = asyncio.create_task(self._end(packed))

    async def _end(self, packed: Sequence[str]) -> None:
        await self.engine.send()
        if packed:
            accept_all = partial(self.results.update, dict.fromkeys(packed, NO_OBJECT_DETAILS))
            bodies = [key.encode() for key in packed]
            await self.engine.send_packed(packed, bodies, VppCall(MESSAGES[0]), accept_all)
        await self.engine.end()

    async def answer(self, number: int = 0, reply: int | Exception = 0) -> None:
        """VPP answers one of its calls. Until then the group has not ended."""
        assert self.ending is None or not self.ending.done(), "ended before the last reply"
        self.vpp.answer(number, reply)
        await settle()

    async def has_ended(self) -> None:
        assert self.ending is not None
        await asyncio.wait_for(self.ending, 5.0)


async def settle() -> None:
    for _ in range(TURNS):
        await asyncio.sleep(0)


@pytest.mark.parametrize("batched", [False, True])
@pytest.mark.parametrize("calls", [((), (1, 1)), ((1, 1), ()), ((), (2,)), ((2,), ()), ((0, 0), (1, 1))])
def test_a_run_without_calls_ends_no_group_that_has_others(calls: Sequence[tuple[int, ...]], batched: bool) -> None:
    async def story() -> None:
        group = Group()
        for number, of_run in enumerate(calls):
            group.begin(str(number), Run(of_run, batched=batched))
        group.end()
        await settle()
        for _ in range(2):
            await group.answer()
        await group.has_ended()
        assert group.results == {"0": NO_OBJECT_DETAILS, "1": NO_OBJECT_DETAILS}

    asyncio.run(story())


RUNS = st.builds(
    Run, st.lists(st.integers(0, 3), max_size=3).map(tuple), st.sampled_from(MESSAGES), batched=st.booleans()
)
REPLIES = st.sampled_from([0, 0, 0, REFUSED, NoVppAnswer("not in time")])


@given(st.data(), st.lists(RUNS, max_size=8), st.integers(0, 3))
def test_a_group_ends_with_its_last_reply_and_every_object_is_settled_once(
    data: st.DataObject, runs: list[Run], packed: int
) -> None:
    async def story() -> None:
        group, waiting = Group(), {f"run-{number}": run for number, run in enumerate(runs)}
        keys = {*waiting, *(f"packed-{number}" for number in range(packed))}
        while waiting or group.ending is None or group.vpp.withheld:
            if group.vpp.withheld and data.draw(st.booleans(), label="VPP answers"):
                number = data.draw(st.integers(0, len(group.vpp.withheld) - 1), label="which")
                await group.answer(number, data.draw(REPLIES, label="reply"))
            elif waiting:
                key = next(iter(waiting))
                group.begin(key, waiting.pop(key))
            elif group.ending is None:
                group.end([key for key in sorted(keys) if key.startswith("packed")])
            await settle()
        await group.has_ended()
        assert group.results.keys() == keys
        failures = {key: type(result) for key, result in group.results.items() if isinstance(result, Exception)}
        assert failures.keys() == group.vpp.failures.keys()

    asyncio.run(story())
