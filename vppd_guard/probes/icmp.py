"""Edge: pings addresses. ICMP echo, RFC 792 and RFC 4443."""

import asyncio
import os
import socket
import struct
import time
from collections.abc import Iterable

from bus.shortage import raise_shortage
from vppd_guard.probes.arp_nd import internet_checksum

_ECHO = {4: (8, 0), 6: (128, 129)}  # request, reply
_TRY_EVERY_S = 0.1


async def addresses_answering_ping(addresses: Iterable[tuple[str, str]], within_s: float) -> frozenset[str]:
    """The addresses that answer within that time; `addresses`: (address, interface) each, all pinged at once.

    Raises OSError: none can be pinged just now, for want of descriptors or memory.
    """
    targets = list(addresses)
    replies = await asyncio.gather(*(_address_answers(address, interface, within_s) for address, interface in targets))
    return frozenset(address for (address, _), yes in zip(targets, replies, strict=True) if yes)


async def _address_answers(address: str, interface: str, within_s: float) -> bool:
    """Does the address answer one of several pings out of `interface` within that time?"""
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if await asyncio.to_thread(_ping, address, interface):
            return True
    return False


def _ping(address: str, interface: str) -> bool:
    version = 6 if ":" in address else 4
    family = socket.AF_INET6 if version == 6 else socket.AF_INET
    protocol = socket.IPPROTO_ICMPV6 if version == 6 else socket.IPPROTO_ICMP
    request, reply = _ECHO[version]
    nonce = os.urandom(8)
    try:
        with socket.socket(family, socket.SOCK_RAW, protocol) as icmp:
            icmp.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, interface.encode())
            icmp.settimeout(_TRY_EVERY_S)
            scope = socket.if_nametoindex(interface) if address.startswith("fe80:") else 0
            target = (address, 0, 0, scope) if version == 6 else (address, 0)
            icmp.sendto(_echo_message(request, nonce, version), target)
            until = time.monotonic() + _TRY_EVERY_S
            while time.monotonic() < until:
                data = icmp.recv(2048)
                message = data[(data[0] & 0xF) * 4 :] if version == 4 else data
                if message[0] == reply and message.endswith(nonce):
                    return True
    except OSError as error:
        raise_shortage(error)
        time.sleep(_TRY_EVERY_S)  # no route or no link yet; a worker thread may wait
    return False


def _echo_message(kind: int, nonce: bytes, version: int) -> bytes:
    head = struct.pack("!BBHHH", kind, 0, 0, os.getpid() & 0xFFFF, 1)
    total = 0 if version == 6 else internet_checksum(head + nonce)  # the kernel fills ICMPv6's in
    return struct.pack("!BBHHH", kind, 0, total, os.getpid() & 0xFFFF, 1) + nonce
