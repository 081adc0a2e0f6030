"""A unix socket has one server at a time, and is there as long as that lives; a task that dies is noticed."""

import asyncio
import shutil
from collections.abc import Callable, Coroutine
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from actors.runtime.unix_socket import ListeningSocket
from bus.lock import LockFileHeld
from bus.log import ProcessLog
from bus.watched_task import start_watched_task
from tests.waiting import until_async


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 60))


class Greeter:
    """Answers everybody with its name."""

    def __init__(self, name: bytes, path: Path) -> None:
        self._name = name
        self._server: asyncio.Server | None = None
        self.log = StringIO()
        self.socket = ListeningSocket(path, self._listen, ProcessLog("greeter", stream=self.log))

    async def _listen(self, path: Path) -> None:
        self.close()
        self._server = await asyncio.start_unix_server(self._answer, path)

    def close(self) -> None:
        if self._server is not None:
            self._server.close()

    async def _answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(self._name)
        writer.close()


async def answer_at(path: Path) -> bytes:
    """What is answered there; nothing if nobody listens."""
    try:
        reader, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return b""
    answer = await reader.read()
    writer.close()
    return answer


def test_a_second_server_is_refused_by_name_and_takes_nothing_away(tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.sock"

    async def story() -> None:
        first, second = Greeter(b"first", path), Greeter(b"second", path)
        await first.socket.open()
        with pytest.raises(LockFileHeld, match=r"a\.sock\.lock: held by process \d+"):
            await second.socket.open()
        assert await answer_at(path) == b"first"
        first.socket.close()
        await second.socket.open()
        assert await answer_at(path) == b"second"
        for greeter in (first, second):
            greeter.close()
            greeter.socket.close()

    run(story)


def test_a_deleted_socket_or_directory_is_said_and_made_again(tmp_path: Path) -> None:
    path = tmp_path / "run" / "a.sock"

    async def story() -> None:
        greeter = Greeter(b"here", path)
        await greeter.socket.open()
        keeping = start_watched_task(greeter.socket.keep())
        for delete in (path.unlink, lambda: shutil.rmtree(path.parent)):
            delete()

            async def is_back() -> bool:
                return await answer_at(path) == b"here"

            await until_async(is_back, "it listens again")
        assert greeter.log.getvalue().count("the socket was gone") == 2
        assert path.stat().st_mode & 0o777 == 0o600
        keeping.cancel()
        greeter.close()
        greeter.socket.close()

    run(story)


def test_a_task_that_dies_is_told_to_the_loop_although_somebody_keeps_it() -> None:
    async def story() -> None:
        told: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _loop, context: told.append(context))

        async def die() -> None:
            raise RuntimeError("on purpose")

        kept = start_watched_task(die())
        await until_async(lambda: told, "the end of the task is told")
        assert str(told[0]["exception"]) == "on purpose"
        assert told[0]["task"] is kept

    run(story)
