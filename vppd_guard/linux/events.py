"""Edge: the kernel's notices that links, addresses, routes or rules of this namespace have changed.

They only say that it is time to look: what has changed is read, so that a lost notice costs time, not truth.
Source: linux/rtnetlink.h, rtnetlink(7).
"""

import asyncio
import socket
from contextlib import suppress
from types import TracebackType
from typing import Self

from vppd_guard.linux.netlink import RECEIVE_BYTES

_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP = 270, 1
# RTNLGRP_: LINK, IPV4_IFADDR, IPV4_ROUTE, IPV4_RULE, IPV6_IFADDR, IPV6_ROUTE, IPV6_RULE, NEXTHOP
_GROUPS = (1, 5, 7, 8, 9, 11, 19, 32)


class LinkEvents:
    """The notices of the namespace of the thread that makes this. Raises OSError."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        for group in _GROUPS:
            with suppress(OSError):  # a kernel before 5.3 has no next hop objects
                self._socket.setsockopt(_SOL_NETLINK, _NETLINK_ADD_MEMBERSHIP, group)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    async def wait(self, within_s: float) -> None:
        """Waits for a notice, at most so long, and takes all that there are."""
        with suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._receive()
        while True:
            try:
                self._socket.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError:
                continue  # ENOBUFS: some were lost; there has been one

    async def _receive(self) -> None:
        with suppress(OSError):
            await asyncio.get_running_loop().sock_recv(self._socket, RECEIVE_BYTES)
