"""Other ways to make the same calls of the same VPP: vpp_papi, synchronous and not, and bytes packed before."""

import asyncio
import socket
import struct
import time
import warnings
from pathlib import Path
from typing import Any

from vpp_papi import vpp_papi_async
from vpp_papi.vpp_papi import VPPApiClient

from tools.bench.rig import BenchFailed
from tools.bench.writerload import Calls

FRAME = struct.Struct(">QII")
HEAD = struct.Struct(">HII")
REPLY = struct.Struct(">HIi")
WINDOWS = (32, 128, 512, 2048)
READ_BYTES = 1 << 20
ASYNC_TOGETHER = 500


class SyncClient:
    """vpp_papi's synchronous client."""

    def __init__(self, path: Path) -> None:
        self.path = path
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            self.client = VPPApiClient(bootstrapapi=True, server_address=str(path))  # type: ignore[no-untyped-call]
            self.client.connect("bench")  # type: ignore[no-untyped-call]

    def call(self, message: str, fields: dict[str, Any]) -> Any:
        """One call. Raises BenchFailed."""
        reply = getattr(self.client.api, message)(**fields)
        if reply.retval:
            raise BenchFailed(f"{message}: return value {reply.retval}")
        return reply

    def rate(self, calls: Calls) -> float:
        """Calls a second, one after another."""
        began = time.monotonic()
        for message, fields in calls:
            self.call(message, fields)
        return len(calls) / (time.monotonic() - began)

    def packed(self, calls: Calls) -> list[bytes]:
        """Whole frames; contexts count from 1."""
        frames = []
        for context, (message, fields) in enumerate(calls, 1):
            definition = self.client.messages[message]
            number = self.client.transport.get_msg_index(f"{message}_{definition.crc[2:]}")
            body = definition.pack({**fields, "_vl_msg_id": number, "client_index": 0, "context": context})
            frames.append(FRAME.pack(0, len(body), 0) + body)
        return frames

    def close(self) -> None:
        self.client.disconnect()  # type: ignore[no-untyped-call]


async def async_rate(path: Path, calls: Calls) -> float:
    """Calls a second of vpp_papi's asynchronous client, many at a time."""
    client: Any = vpp_papi_async.VPPApiClient(server_address=str(path))  # type: ignore[no-untyped-call]
    if await client.connect("bench-async", asyncio.Queue()):
        raise BenchFailed("vpp_papi's asynchronous client does not connect")
    began = time.monotonic()
    for first in range(0, len(calls), ASYNC_TOGETHER):
        pending = [getattr(client.api, message)(**fields) for message, fields in calls[first : first + ASYNC_TOGETHER]]
        replies = await asyncio.gather(*pending)
        if bad := [reply for reply in replies if reply.retval]:
            raise BenchFailed(f"{type(bad[0]).__name__}: return value {bad[0].retval}")
    took = time.monotonic() - began
    client.queue_task.cancel()
    client.socket_task.cancel()
    await asyncio.gather(client.queue_task, client.socket_task, return_exceptions=True)
    client.writer.close()
    return len(calls) / took


class PrepackedClient:
    """Frames over the socket, as fast as VPP takes them."""

    def __init__(self, path: Path, plain: SyncClient) -> None:
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(str(path))
        body = plain.client.messages["sockclnt_create"].pack({"_vl_msg_id": 15, "context": 1, "name": "bench-raw"})
        self.socket.sendall(FRAME.pack(0, len(body), 0) + body)
        buffered, replies = self._frames(b"")
        while not replies:
            buffered, replies = self._frames(buffered)
        self.client = plain.client.messages["sockclnt_create_reply"].unpack(replies[0])[0].index

    def rate(self, frames: list[bytes], window: int, *, fine: bool = False) -> float:
        """Calls a second with so many on their way; `fine`: whatever VPP says. Raises BenchFailed."""
        client = struct.pack(">I", self.client)
        ready = [frame[:18] + client + frame[22:] for frame in frames]
        began = time.monotonic()
        requested = answered = size = 0
        data = bytearray()
        while answered < len(ready):
            room = min(window - (requested - answered), len(ready) - requested)
            if room and (room >= window // 2 or requested + room == len(ready)):
                self.socket.sendall(b"".join(ready[requested : requested + room]))
                requested += room
            data += self.socket.recv(READ_BYTES)
            size = size or FRAME.size + FRAME.unpack_from(data)[1]  # all replies are of one length
            answered = len(data) // size
        took = time.monotonic() - began
        for at in range(FRAME.size, len(data), size):
            if (value := REPLY.unpack_from(data, at)[2]) and not fine:
                raise BenchFailed(f"return value {value}")
        return len(ready) / took

    def _frames(self, buffered: bytes) -> tuple[bytes, list[bytes]]:
        data = buffered + self.socket.recv(READ_BYTES)
        at, messages = 0, []
        while len(data) - at >= FRAME.size:
            _, length, _ = FRAME.unpack_from(data, at)
            if at + FRAME.size + length > len(data):
                break
            messages.append(data[at + FRAME.size : at + FRAME.size + length])
            at += FRAME.size + length
        return data[at:], messages

    def close(self) -> None:
        self.socket.close()
