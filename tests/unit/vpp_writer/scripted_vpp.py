"""A VPP whose every answer the test decides, on a socket of its own."""

import asyncio
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from actors.vpp_writer.vpp.reply_stream import VPP_FRAME_HEADER
from tools.vppsim.api.catalogue import Catalogue

WORDS = Catalogue()
HEAD = struct.Struct(">HII")


class ScriptedVpp:
    """Answers the handshake and pings; `answer` decides on the rest: what to send for (message, context)."""

    def __init__(self) -> None:
        self.answer: Callable[[str, int], bytes] = lambda name, context: self.reply(name, context)
        self.speaking = asyncio.Event()
        self.speaking.set()
        self.requests_seen: list[tuple[str, int]] = []  # (message, context)
        self.requests: list[tuple[str, bytes]] = []  # (message, bytes)
        self.writers: list[asyncio.StreamWriter] = []
        self.lacks: set[str] = set()
        self.relaid: set[str] = set()  # messages that have another layout here

    def reply(self, name: str, context: int, retval: int = 0) -> bytes:
        if name.endswith("_dump"):
            return b""  # no details
        fields: dict[str, Any] = {"context": context, "retval": retval}
        if "sw_if_index" in WORDS.fields(f"{name}_reply"):
            fields["sw_if_index"] = 5
        body = WORDS.encode(f"{name}_reply", fields)
        return VPP_FRAME_HEADER.pack(0, len(body), 0) + body

    def keep_replies(self, retval: Callable[[int], int] = lambda _: 0) -> list[bytes]:
        """Replies are kept back here from now on; `retval`: that of each, by its number."""
        replies: list[bytes] = []

        def keep(name: str, context: int) -> bytes:
            replies.append(self.reply(name, context, retval(len(replies))))
            return b""

        self.answer = keep
        return replies

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        try:
            while True:
                _, length, _ = VPP_FRAME_HEADER.unpack(await reader.readexactly(VPP_FRAME_HEADER.size))
                data = await reader.readexactly(length)
                number, client_index, context = HEAD.unpack_from(data)
                name = WORDS.names[number]
                self.requests.append((name, data))
                await self.speaking.wait()
                if name == "sockclnt_create":
                    context = client_index  # it has no client yet
                writer.write(self._answer_to(name, context))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    def _answer_to(self, name: str, context: int) -> bytes:
        if name == "sockclnt_create":
            crcs = {n: "0badc0de" if n in self.relaid else WORDS.crc(n) for n in WORDS.ids.keys() - self.lacks}
            table = [{"name": f"{n}_{crc}", "index": WORDS.ids[n]} for n, crc in crcs.items()]
            fields = {"context": context, "index": 7, "count": len(table), "message_table": table}
            body = WORDS.encode("sockclnt_create_reply", fields)
            return VPP_FRAME_HEADER.pack(0, len(body), 0) + body
        if name == "get_api_json":
            body = WORDS.encode("get_api_json_reply", {"context": context, "json": WORDS.json})
            return VPP_FRAME_HEADER.pack(0, len(body), 0) + body
        if name == "control_ping":
            return self.reply(name, context)
        self.requests_seen.append((name, context))
        return self.answer(name, context)


@asynccontextmanager
async def serving(tmp_path: Path, vpp: ScriptedVpp) -> AsyncIterator[Path]:
    server = await asyncio.start_unix_server(vpp.serve, str(tmp_path / "api.sock"))
    try:
        yield tmp_path / "api.sock"
    finally:
        vpp.speaking.set()
        server.close()
        for writer in vpp.writers:
            writer.close()
        await server.wait_closed()
