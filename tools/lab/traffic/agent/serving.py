"""The answering side for TCP and UDP: a line that tells who answers and how he sees the prober, then an echo."""

import asyncio
import socket
from collections.abc import Iterable
from typing import Any

from tools.lab.traffic.agent.words import encode_answer

BACKLOG = 512  # load is hundreds of connections within a moment


async def serve(name: str, ports: Iterable[int]) -> None:
    """Listens on these ports over TCP and UDP, IPv4 and IPv6, from now on. Raises OSError."""
    loop = asyncio.get_running_loop()
    for port in ports:
        listener = _bound(socket.SOCK_STREAM, port)
        await asyncio.start_server(lambda r, w: _connection(name, r, w), sock=listener, backlog=BACKLOG)
        await loop.create_datagram_endpoint(lambda: _Datagrams(name), sock=_bound(socket.SOCK_DGRAM, port))


def _bound(kind: int, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6, kind)
    sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if kind == socket.SOCK_STREAM:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.setblocking(False)
    sock.bind(("::", port))
    return sock


async def _connection(name: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        writer.write(encode_answer(name, *writer.get_extra_info("peername")[:2]))
        while data := await reader.read(4096):
            writer.write(data)
            await writer.drain()
    except (OSError, asyncio.CancelledError):
        pass  # the prober went away, or this agent ends
    finally:
        writer.close()


class _Datagrams(asyncio.DatagramProtocol):
    """Each datagram is answered with the line and itself."""

    def __init__(self, name: str) -> None:
        self._name = name

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, address: tuple[Any, ...]) -> None:
        self._transport.sendto(encode_answer(self._name, address[0], address[1]) + data, address)
