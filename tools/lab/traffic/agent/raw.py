"""SCTP and ICMP echo on raw sockets, IPv4 and IPv6: the answering side of SCTP, the asking side of both."""

import asyncio
import os
import random
import socket
import struct
from contextlib import suppress

from tools.lab.traffic.agent import sctp
from tools.lab.traffic.agent.words import encode_answer

IPPROTO_SCTP = 132
ECHO = {4: (8, 0), 6: (128, 129)}  # request and reply: RFC 792, RFC 4443
_ECHO = struct.Struct("!BBHHH")
SIZE = 2048


def version_of(address: str) -> int:
    """4 or 6."""
    return 6 if ":" in address else 4


def open_raw(version: int, protocol: int) -> socket.socket:
    """A raw socket that does not block. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_RAW, protocol)
    sock.setblocking(False)
    return sock


def _payload(version: int, data: bytes) -> bytes:
    """The data behind the IP header, which IPv4's raw sockets show and IPv6's do not."""
    return data[(data[0] & 0xF) * 4 :] if version == 4 else data


class Sctp:
    """SCTP of this namespace: answers INIT for its ports, and asks others'."""

    def __init__(self, name: str, ports: frozenset[int]) -> None:
        self._name, self._ports = name, ports
        self._waiting: dict[tuple[int, int], asyncio.Future[bytes | None]] = {}  # by own port and tag
        self._sockets = {version: open_raw(version, IPPROTO_SCTP) for version in (4, 6)}
        loop = asyncio.get_running_loop()
        for version, sock in self._sockets.items():
            loop.add_reader(sock, self._read, version)

    def _read(self, version: int) -> None:
        with suppress(OSError):
            data, peer = self._sockets[version].recvfrom(SIZE)
            packet = sctp.decode(_payload(version, data))
            if packet:
                self._handle(version, packet, peer[0])

    def _handle(self, version: int, packet: sctp.SctpPacket, peer: str) -> None:
        if packet.chunk == sctp.INIT:
            self._send(version, peer, self._answer(packet, peer))
            return
        future = self._waiting.pop((packet.destination, packet.tag), None)
        if future and not future.done():
            future.set_result(packet.cookie if packet.chunk == sctp.INIT_ACK else None)

    def _answer(self, init: sctp.SctpPacket, peer: str) -> sctp.SctpPacket:
        if init.destination not in self._ports:
            return sctp.SctpPacket(init.destination, init.source, init.initiate_tag, sctp.ABORT)
        text = encode_answer(self._name, peer, init.source)
        return sctp.SctpPacket(init.destination, init.source, init.initiate_tag, sctp.INIT_ACK, _tag(), text)

    def _send(self, version: int, peer: str, packet: sctp.SctpPacket) -> None:
        target = (peer, 0, 0, 0) if version == 6 else (peer, 0)
        self._sockets[version].sendto(sctp.encode(packet), target)

    async def ask(self, address: str, port: int, source_port: int) -> bytes | None:
        """The text in the server's cookie; None if it aborted. Waits for ever for an answer. Raises OSError."""
        tag = _tag()
        future: asyncio.Future[bytes | None] = asyncio.get_running_loop().create_future()
        self._waiting[source_port, tag] = future
        try:
            self._send(version_of(address), address, sctp.SctpPacket(source_port, port, 0, sctp.INIT, tag))
            return await future
        finally:
            self._waiting.pop((source_port, tag), None)


def _tag() -> int:
    return random.getrandbits(32) or 1


class Echo:
    """The asking side of ping; each request has an identifier of its own, so that each is a flow of its own."""

    def __init__(self) -> None:
        self._next = random.getrandbits(16)
        self._waiting: dict[tuple[int, int], asyncio.Future[None]] = {}
        self._sockets = {4: open_raw(4, socket.IPPROTO_ICMP), 6: open_raw(6, socket.IPPROTO_ICMPV6)}
        loop = asyncio.get_running_loop()
        for version, sock in self._sockets.items():
            loop.add_reader(sock, self._read, version)

    def _read(self, version: int) -> None:
        with suppress(OSError):
            data = _payload(version, self._sockets[version].recv(SIZE))
            kind, _, _, identity, _ = _ECHO.unpack_from(data)
            future = self._waiting.pop((version, identity), None) if kind == ECHO[version][1] else None
            if future and not future.done():
                future.set_result(None)

    async def ask(self, address: str) -> None:
        """Ends with the reply. Raises OSError."""
        version = version_of(address)
        self._next = (self._next + 1) & 0xFFFF
        key = (version, self._next)
        future = asyncio.get_running_loop().create_future()
        self._waiting[key] = future
        try:
            self._sockets[version].sendto(
                _request(version, key[1]), (address, 0, 0, 0) if version == 6 else (address, 0)
            )
            await future
        finally:
            self._waiting.pop(key, None)


def _request(version: int, identity: int) -> bytes:
    head = _ECHO.pack(ECHO[version][0], 0, 0, identity, os.getpid() & 0xFFFF)
    if version == 6:
        return head  # the kernel fills in ICMPv6's checksum
    total = sum(struct.unpack("!4H", head))
    total = (total & 0xFFFF) + (total >> 16)
    return head[:2] + struct.pack("!H", ~(total + (total >> 16)) & 0xFFFF) + head[4:]
