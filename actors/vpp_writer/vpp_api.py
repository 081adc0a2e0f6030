"""Edge: VPP's binary API over its unix socket, for asyncio.

A frame is `0 u64, length u32, 0 u32` in network order, then the message. Requests are pipelined in a window; each
has a deadline; when the socket ends every one that waits fails at once. Contexts wrap and skip 0. A dump is
followed by a control_ping: what arrives under the dump's context before the ping's reply are its details.
"""

import asyncio
import contextlib
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from actors.vpp_writer import definitions
from actors.vpp_writer.call import NoAnswer
from actors.vpp_writer.definitions import Unfit

FRAME = struct.Struct(">QII")
REPLY = struct.Struct(">HI")  # message number, context
REPLY_TO = struct.Struct(">HII")  # message number, client, context: so some replies begin (feature_is_enabled_reply)
WINDOW = 32
CALL_S_MAX = 5.0
CONNECT_S_MAX = 5.0
MESSAGE_BYTES_MAX = 64 << 20
SOCKCLNT_CREATE = 15  # fixed numbers of the handshake (VPP: vlibmemory)
CLIENT_NAME = "vppd-writer"


class VppGone(Exception):
    """VPP has closed the socket, or is not there."""


class VppApi:
    """One connection. Made by `connect`."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        self._messages: dict[str, Any] = definitions.handshake()
        self._numbers: dict[str, int] = {}
        self._by_number: dict[int, Any] = {}
        self._client = 0
        self._context = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._details: dict[int, list[Any]] = {}
        self._window = asyncio.Semaphore(WINDOW)
        self._reading: asyncio.Task[None] | None = None
        self.gone = asyncio.Event()

    @classmethod
    async def connect(cls, path: Path, cache: Path) -> "VppApi":
        """Connects and learns VPP's messages. Raises VppGone, Unfit."""
        try:
            async with asyncio.timeout(CONNECT_S_MAX):
                reader, writer = await asyncio.open_unix_connection(str(path), limit=MESSAGE_BYTES_MAX)
                api = cls(reader, writer)
                try:
                    await api._handshake(cache)
                except BaseException:
                    await api.close()
                    raise
                return api
        except (OSError, TimeoutError, asyncio.IncompleteReadError) as error:
            raise VppGone(f"{path}: {error or type(error).__name__}") from None

    async def _handshake(self, cache: Path) -> None:
        create = self._messages["sockclnt_create"]
        self._send(create.pack({"_vl_msg_id": SOCKCLNT_CREATE, "context": 1, "name": CLIENT_NAME}))
        reply, _ = self._messages["sockclnt_create_reply"].unpack(await self._frame())
        if reply.response:
            raise Unfit(f"VPP refuses clients: {reply.response}")
        self._client = reply.index
        table = {entry.name.rstrip("\0"): entry.index for entry in reply.message_table}
        self._use(self._messages, table)
        self._reading = asyncio.create_task(self._read())
        self._use(definitions.parse(await self._description(cache, table)), table)
        definitions.numbers(self._messages, table)

    async def _description(self, cache: Path, table: Mapping[str, int]) -> str:
        known = definitions.recall(cache, table)
        if known is not None:
            return known
        if "get_api_json" not in self._numbers:
            raise Unfit("VPP lacks get_api_json")
        told = definitions.select((await self.request("get_api_json")).json)
        definitions.remember(cache, table, told)
        return told

    def _use(self, messages: dict[str, Any], table: Mapping[str, int]) -> None:
        self._messages |= messages
        found = {n: table[f"{n}_{m.crc[2:]}"] for n, m in messages.items() if f"{n}_{m.crc[2:]}" in table}
        self._numbers |= found
        self._by_number |= {number: messages[name] for name, number in found.items()}

    def has(self, message: str) -> bool:
        """Does this VPP have the message, with the layout that we know?"""
        return message in self._numbers

    async def request(self, message: str, fields: Mapping[str, Any] | None = None) -> Any:
        """Makes one call. Returns the reply. Raises VppGone, NoAnswer."""
        async with self._window:
            context, future = self._expect()
            self._post_expecting(message, context, fields or {})
            return await self._wait(message, context, future)

    async def dump(self, message: str, fields: Mapping[str, Any] | None = None) -> list[Any]:
        """Makes one dump. Returns its details. Raises VppGone, NoAnswer."""
        async with self._window:
            context, _ = self._expect()
            del self._waiting[context]
            details: list[Any] = []
            self._details[context] = details
            self._post(message, context, fields or {})
            ping, future = self._expect()
            self._post("control_ping", ping, {})
            try:
                await self._wait(message, ping, future)
            finally:
                del self._details[context]
            return details

    def _expect(self) -> tuple[int, asyncio.Future[Any]]:
        if self.gone.is_set():
            raise VppGone("VPP has closed the API socket")
        self._context = self._context % 0xFFFFFFFF + 1
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._waiting[self._context] = future
        return self._context, future

    def _post_expecting(self, message: str, context: int, fields: Mapping[str, Any]) -> None:
        """Sends a request; one that cannot be packed expects nothing any more."""
        try:
            self._post(message, context, fields)
        except Exception:
            self._waiting.pop(context, None)
            raise

    async def _wait(self, message: str, context: int, future: asyncio.Future[Any]) -> Any:
        try:
            async with asyncio.timeout(CALL_S_MAX):
                return await future
        except TimeoutError:
            raise NoAnswer(f"{message}: no answer in {CALL_S_MAX:.0f} s") from None
        finally:
            self._waiting.pop(context, None)

    def _post(self, message: str, context: int, fields: Mapping[str, Any]) -> None:
        head = {"_vl_msg_id": self._numbers[message], "client_index": self._client, "context": context}
        self._send(self._messages[message].pack({**fields, **head}))

    def _send(self, body: bytes) -> None:
        self._writer.write(FRAME.pack(0, len(body), 0) + body)

    async def _frame(self) -> bytes:
        _, length, _ = FRAME.unpack(await self._reader.readexactly(FRAME.size))
        if length > MESSAGE_BYTES_MAX:
            raise OSError(f"VPP sends {length} bytes in one message")
        return await self._reader.readexactly(length)

    async def _read(self) -> None:
        try:
            while True:
                self._take(await self._frame())
        except (OSError, asyncio.IncompleteReadError):
            self._fail()

    def _take(self, data: bytes) -> None:
        number, context = REPLY.unpack_from(data)
        definition = self._by_number.get(number)
        if definition is not None and definition.fields[1] == "client_index":
            number, _, context = REPLY_TO.unpack_from(data)
        future = self._waiting.get(context)
        details = self._details.get(context)
        if definition is None or (future is None and details is None):
            return  # an event, or the answer to a call that was given up
        message, _ = definition.unpack(data)
        if details is not None:
            details.append(message)
        elif future is not None and not future.done():
            future.set_result(message)

    def _fail(self) -> None:
        self.gone.set()
        for future in self._waiting.values():
            if not future.done():
                future.set_exception(VppGone("VPP has closed the API socket"))

    async def close(self) -> None:
        """Takes leave of VPP and closes the socket."""
        if self._client and not self.gone.is_set() and "sockclnt_delete" in self._numbers:
            with contextlib.suppress(OSError):
                self._post("sockclnt_delete", 1, {"index": self._client})
                await self._writer.drain()
        if self._reading:
            self._reading.cancel()
            await asyncio.gather(self._reading, return_exceptions=True)
        self._fail()
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
