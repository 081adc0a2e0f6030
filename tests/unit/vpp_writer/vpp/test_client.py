"""The API client against a VPP whose every answer the test decides: silence, omissions, fragments, nonsense."""

import asyncio
import struct
from collections import Counter
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from actors.vpp_writer.apply.journal import WriterJournal
from actors.vpp_writer.apply.records import VppLifeRecord
from actors.vpp_writer.apply.writer import VppObjectWriter
from actors.vpp_writer.kinds import vpp_request_names
from actors.vpp_writer.kinds.call import NoVppAnswer
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.vpp import client, liveness
from actors.vpp_writer.vpp.client import VppApiClient, VppApiGone
from actors.vpp_writer.vpp.definitions import UnfitVppApi, VppApiDefinitions
from actors.vpp_writer.vpp.reply_stream import MESSAGE_BYTES_MAX, VPP_FRAME_HEADER
from bus.peer import BusPeer
from schemas.cnat import TranslationBackend, TranslationIntent
from schemas.codec import value_fingerprint
from schemas.intents import RouteIntent, RoutePath
from schemas.npol import IpSetIntent
from schemas.statuses import AppliedStatus, RejectedStatus
from tests.unit.vpp_writer.scripted_vpp import WORDS, ScriptedVpp, serving
from tests.waiting import holds_async, until_async

HEAD_OF_REPLY = struct.Struct(">HI")  # message number, context
MTU = ("sw_interface_set_mtu", {"sw_if_index": 1, "mtu": [1400, 0, 0, 0]})


@asynccontextmanager
async def connected(tmp_path: Path, window: int = 8) -> AsyncIterator[tuple[ScriptedVpp, VppApiClient]]:
    vpp = ScriptedVpp()
    async with serving(tmp_path, vpp) as path:
        api = await VppApiClient.connect(path, VppApiDefinitions(vpp_request_names(), tmp_path / "cache"), window)
        try:
            yield vpp, api
        finally:
            vpp.speaking.set()
            await api.close()


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "CALL_S_MAX", 0.5)
    monkeypatch.setattr(client, "LOOK_EVERY_S", 0.05)
    monkeypatch.setattr(liveness, "PROBE_AFTER_S", 0.1)
    monkeypatch.setattr(liveness, "SILENT_S_MAX", 0.3)


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 10))


def test_a_call_that_vpp_passes_over_fails_and_the_others_do_not(tmp_path: Path) -> None:
    async def story() -> None:
        async with connected(tmp_path) as (vpp, api):
            vpp.answer = lambda name, context: b"" if len(vpp.requests_seen) == 2 else vpp.reply(name, context)
            results = await asyncio.gather(*[api.request(*MTU) for _ in range(4)], return_exceptions=True)
            assert [isinstance(result, NoVppAnswer) for result in results] == [False, True, False, False]

    run(story())


def test_a_silent_vpp_is_waited_for_and_named(tmp_path: Path) -> None:
    async def story() -> None:
        async with connected(tmp_path) as (vpp, api):
            assert api.answers
            vpp.speaking.clear()
            call = asyncio.create_task(api.request(*MTU))
            await until_async(lambda: not api.answers, within_s=2.0)
            await holds_async(lambda: not call.done(), "VPP is waited for", 3 * client.CALL_S_MAX)
            vpp.speaking.set()
            assert (await call).retval == 0
            assert api.answers

    run(story())


def test_all_that_wait_fail_at_once_when_the_socket_ends(tmp_path: Path) -> None:
    async def story() -> None:
        async with connected(tmp_path) as (vpp, api):
            vpp.speaking.clear()
            calls = [asyncio.create_task(api.request(*MTU)) for _ in range(30)]
            calls.append(asyncio.create_task(api.dump("sw_interface_dump")))
            many = asyncio.get_running_loop().create_future()
            api.post_batch(MTU[0], [api.packed(*MTU)] * 50, many.set_result)
            await holds_async(lambda: not many.done() and not any(call.done() for call in calls), "all wait", 0.05)
            for writer in vpp.writers:
                writer.transport.abort()
            results = await asyncio.gather(*calls, return_exceptions=True)
            assert {type(result) for result in results} == {VppApiGone}
            assert {type(result) for result in await many} == {VppApiGone}
            with pytest.raises(VppApiGone):
                await api.request(*MTU)

    run(story())


def test_no_more_than_the_window_are_on_their_way(tmp_path: Path) -> None:
    async def story() -> None:
        async with connected(tmp_path, window=8) as (vpp, api):
            replies = vpp.keep_replies()
            calls = [asyncio.create_task(api.request(*MTU)) for _ in range(20)]
            await until_async(lambda: len(replies) == 8, within_s=2.0)
            await holds_async(lambda: len(replies) == 8, "no more are on their way", 0.05)
            vpp.answer = lambda name, context: vpp.reply(name, context)
            vpp.writers[0].write(b"".join(replies))
            assert [reply.retval for reply in await asyncio.gather(*calls)] == [0] * 20

    run(story())


def test_replies_in_pieces_and_in_one_piece_are_the_same(tmp_path: Path) -> None:
    async def story() -> None:
        async with connected(tmp_path, window=100) as (vpp, api):
            replies = vpp.keep_replies(lambda number: -number)
            calls = [asyncio.create_task(api.request(*MTU)) for _ in range(5)]
            await until_async(lambda: len(replies) == 5, within_s=2.0)
            for byte in b"".join(replies):
                vpp.writers[0].write(bytes([byte]))
                await vpp.writers[0].drain()
            assert [reply.retval for reply in await asyncio.gather(*calls)] == [0, -1, -2, -3, -4]

    run(story())


@pytest.mark.parametrize("size", [1, 7, 29, 30, 31, 150, 10_000])
def test_return_values_of_many_calls_are_those_of_their_replies_however_these_are_cut(
    tmp_path: Path, size: int
) -> None:
    async def story() -> None:
        async with connected(tmp_path, window=60) as (vpp, api):
            replies = vpp.keep_replies(lambda number: -(number % 3))
            many: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
            api.post_batch(MTU[0], [api.packed(*MTU)] * 60, many.set_result, plain=True)
            await until_async(lambda: len(replies) == 60, within_s=2.0)
            data = b"".join(replies)
            for at in range(0, len(data), size):
                api.data_received(data[at : at + size])
            assert await many == [-(number % 3) for number in range(60)]

    run(story())


def test_replies_to_single_calls_may_lie_among_those_to_many(tmp_path: Path) -> None:
    async def story() -> None:
        async with connected(tmp_path, window=100) as (vpp, api):
            replies = vpp.keep_replies(lambda number: -number)
            loop = asyncio.get_running_loop()
            first: asyncio.Future[list[Any]] = loop.create_future()
            second: asyncio.Future[list[Any]] = loop.create_future()
            api.post_batch(MTU[0], [api.packed(*MTU)] * 10, first.set_result, plain=True)
            alone = asyncio.create_task(api.request(*MTU))
            await asyncio.sleep(0)
            api.post_batch(MTU[0], [api.packed(*MTU)] * 10, second.set_result, plain=True)
            await until_async(lambda: len(replies) == 21, within_s=2.0)
            api.data_received(b"".join(replies))
            assert [*await first, (await alone).retval, *await second] == [-number for number in range(21)]

    run(story())


def test_of_many_calls_those_that_vpp_passes_over_fail_and_the_others_do_not(tmp_path: Path) -> None:
    async def story() -> None:
        async with connected(tmp_path, window=100) as (vpp, api):
            contexts: list[int] = []

            def forgetful(name: str, context: int) -> bytes:
                contexts.append(context)
                return b"" if len(contexts) == 6 else vpp.reply(name, context)

            vpp.answer = forgetful
            many: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
            api.post_batch(MTU[0], [api.packed(*MTU)] * 20, many.set_result, plain=True)
            answers = await many
            assert isinstance(answers.pop(5), NoVppAnswer)
            assert answers == [0] * 19
            api.data_received(b"".join(vpp.reply(MTU[0], context) for context in contexts))  # at last, and all again
            assert (await api.request(*MTU)).retval == 0

    run(story())


@pytest.mark.parametrize("body", [b"", b"\0"], ids=["without a return value", "torn"])
def test_a_reply_that_cannot_be_read_ends_the_connection_and_the_call_says_why(tmp_path: Path, body: bytes) -> None:
    async def story() -> None:
        async with connected(tmp_path) as (vpp, api):

            def short_reply(name: str, context: int) -> bytes:
                data = HEAD_OF_REPLY.pack(WORDS.ids[f"{name}_reply"], context) + body
                return VPP_FRAME_HEADER.pack(0, len(data), 0) + data

            vpp.answer = short_reply
            with pytest.raises(VppApiGone, match="VPP sends what cannot be read"):
                await api.request(*MTU)
            assert api.closed.is_set()

    run(story())


def test_a_message_that_is_too_large_ends_the_connection_before_it_is_there(tmp_path: Path) -> None:
    async def story() -> None:
        async with connected(tmp_path) as (vpp, api):
            vpp.answer = lambda name, context: (
                VPP_FRAME_HEADER.pack(0, MESSAGE_BYTES_MAX + 1, 0) + bytes(HEAD_OF_REPLY.size)
            )
            with pytest.raises(VppApiGone, match=f"VPP sends {MESSAGE_BYTES_MAX + 1} bytes in one message"):
                await api.request(*MTU)

    run(story())


def test_contexts_wrap_and_are_never_zero(tmp_path: Path) -> None:
    async def story() -> None:
        async with connected(tmp_path) as (vpp, api):
            api._requests.last_context = 0xFFFFFFFD
            for _ in range(4):
                await api.request(*MTU)
            many = asyncio.get_running_loop().create_future()
            api._requests.last_context = 0xFFFFFFFA
            api.post_batch(MTU[0], [api.packed(*MTU)] * 10, many.set_result, plain=True)
            assert await many == [0] * 10
            contexts = [context for _, context in vpp.requests_seen]
            assert contexts[:4] == [0xFFFFFFFE, 0xFFFFFFFF, 1, 2]
            assert 0 not in contexts

    run(story())


@pytest.mark.parametrize(
    "nonsense",
    [VPP_FRAME_HEADER.pack(0, 0xFFFFFFF0, 0) + b"xxxxxx", VPP_FRAME_HEADER.pack(0, 6, 0) + b"\0\x10\0\0\0\x05"],
)
def test_a_vpp_that_sends_nonsense_is_left(tmp_path: Path, nonsense: bytes) -> None:
    async def story() -> None:
        async with connected(tmp_path) as (vpp, api):
            vpp.answer = lambda *_: nonsense
            with pytest.raises((VppApiGone, NoVppAnswer)):
                await api.request(*MTU)

    run(story())


def test_a_vpp_without_what_everything_needs_is_refused_by_name(tmp_path: Path) -> None:
    async def story() -> None:
        vpp = ScriptedVpp()
        vpp.lacks, vpp.relaid = {"ip_route_lookup"}, {"sw_interface_dump"}
        async with serving(tmp_path, vpp) as path:
            with pytest.raises(UnfitVppApi, match="VPP lacks ip_route_lookup, sw_interface_dump"):
                await VppApiClient.connect(path, VppApiDefinitions(vpp_request_names(), tmp_path / "cache"))

    run(story())


def test_a_kind_whose_messages_a_vpp_lacks_is_rejected_and_the_others_live(tmp_path: Path) -> None:
    async def story() -> None:
        vpp = ScriptedVpp()
        vpp.lacks, vpp.relaid = {"cnat_translation_update"}, {"npol_ipset_create"}
        async with serving(tmp_path, vpp) as path:
            api = await VppApiClient.connect(path, VppApiDefinitions(vpp_request_names(), tmp_path / "cache"))
            journal, peer = WriterJournal(tmp_path / "journal"), SimpleNamespace(counters=Counter(), tapped=False)
            objects = ManagedObjects()
            journal.start(VppLifeRecord(1, 1, 1), {})
            writer = VppObjectWriter(api, objects, journal, cast(BusPeer, peer))
            service = TranslationIntent("10.96.0.1", 80, 6, (TranslationBackend("10.0.0.1", 80),))
            members = IpSetIntent("set", "ip", ("10.0.0.1",))
            route = RouteIntent("default", "10.0.0.0/8", (RoutePath(),))
            objects.queue.add(
                objects.claims.replace("guard", {intent.key: intent for intent in (service, members, route)})
            )
            await writer.turn()
            (statuses,) = objects.statuses.current.values()
            assert statuses[service.key] == RejectedStatus(
                value_fingerprint(service), "VPP lacks cnat_translation_update"
            )
            assert statuses[members.key] == RejectedStatus(value_fingerprint(members), "VPP lacks npol_ipset_create")
            assert isinstance(statuses[route.key], AppliedStatus)
            journal.close()
            await api.close()

    run(story())
