"""Edge: a route netlink socket that sends many requests at once. Blocking.

A host with a thousand routes is without them until the last is back, so they go in batches. Each request has its own
acknowledgement: a refused one does not stop the others. Source: RFC 3549, linux/netlink.h.
"""

import errno
import os
import socket
import struct
from collections.abc import Sequence
from types import TracebackType
from typing import NamedTuple, Self

from bus.shortage import is_shortage
from vppd_guard.linux.attributes import netlink_text, parse_netlink_attributes

_NLM_F_REQUEST, _NLM_F_ACK, _NLM_F_DUMP = 0x1, 0x4, 0x300
_NLM_F_DUMP_INTR = 0x10
NLM_F_REPLACE, NLM_F_EXCL, NLM_F_CREATE, NLM_F_APPEND = 0x100, 0x200, 0x400, 0x800
_NLM_F_CAPPED, _NLM_F_ACK_TLVS = 0x100, 0x200
_NLMSG_ERROR, _NLMSG_DONE = 2, 3
_NLMSGERR_ATTR_MSG = 1
_SOL_NETLINK = 270
_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK = 10, 11, 12
_BATCH = 64  # requests; their acknowledgements fit into a receive buffer of the usual size
_ANSWER_S_MAX = 5.0  # the kernel answers at once; more is a fault
RECEIVE_BYTES = 1 << 18
_HEAD = struct.Struct("=IHHII")


class NetlinkRequest(NamedTuple):
    """A request to the kernel."""

    kind: int  # RTM_...
    body: bytes  # header of that kind, attributes
    flags: int = 0


class _DumpInterrupted(Exception):
    """The objects changed while they were listed."""


class NetlinkSocket:
    """A socket in the network namespace of the thread that makes it."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._socket.settimeout(_ANSWER_S_MAX)
        for option in (_NETLINK_CAP_ACK, _NETLINK_EXT_ACK, _NETLINK_GET_STRICT_CHK):
            self._socket.setsockopt(_SOL_NETLINK, option, 1)
        self._sequence = 0
        self.shortage: OSError | None = None  # the last change that the kernel had too little memory for

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def dump(self, kind: int, body: bytes) -> list[bytes]:
        """Bodies of all listed objects. Raises OSError."""
        while True:
            self._sequence += 1
            self._socket.send(self._packed(NetlinkRequest(kind, body, _NLM_F_DUMP)))
            try:
                return self._listed()
            except _DumpInterrupted:
                continue

    def _listed(self) -> list[bytes]:
        bodies: list[bytes] = []
        interrupted = False
        while True:
            for kind, flags, sequence, body in self._received():
                if sequence != self._sequence:
                    continue
                interrupted = interrupted or bool(flags & _NLM_F_DUMP_INTR)
                if kind in (_NLMSG_ERROR, _NLMSG_DONE):
                    error = _error(body, flags) if len(body) >= 4 else None
                    if error is not None:
                        raise error
                    if interrupted:
                        raise _DumpInterrupted
                    return bodies
                bodies.append(body)

    def query(self, kind: int, body: bytes) -> bytes:
        """Body of the one answer. Raises OSError."""
        self._sequence += 1
        self._socket.send(self._packed(NetlinkRequest(kind, body)))
        while True:
            for answer, flags, sequence, content in self._received():
                if sequence != self._sequence:
                    continue
                if answer != _NLMSG_ERROR:
                    return content
                raise _error(content, flags) or OSError(errno.ENODATA, "no answer")

    def execute(self, request: NetlinkRequest) -> None:
        """Makes one change. Raises OSError: the kernel refuses."""
        [error] = self.execute_all([request])
        if error is not None:
            raise error

    def execute_all(self, requests: Sequence[NetlinkRequest]) -> list[OSError | None]:
        """Makes the changes in their order. Returns the kernel's answer to each; None: done."""
        results: list[OSError | None] = []
        for at in range(0, len(requests), _BATCH):
            results += self._batch(requests[at : at + _BATCH])
        return results

    def _batch(self, requests: Sequence[NetlinkRequest]) -> list[OSError | None]:
        first, packed = self._sequence + 1, []
        for request in requests:
            self._sequence += 1
            packed.append(self._packed(request._replace(flags=request.flags | _NLM_F_ACK)))
        self._socket.send(b"".join(packed))
        results: dict[int, OSError | None] = {}
        while len(results) < len(requests):
            for kind, flags, sequence, body in self._received():
                if kind == _NLMSG_ERROR and sequence >= first:
                    results[sequence] = _error(body, flags)
        shortages = (error for error in results.values() if error is not None and is_shortage(error))
        self.shortage = next(shortages, self.shortage)
        return [results[sequence] for sequence in range(first, self._sequence + 1)]

    def _packed(self, request: NetlinkRequest) -> bytes:
        size = _HEAD.size + len(request.body)
        head = _HEAD.pack(size, request.kind, request.flags | _NLM_F_REQUEST, self._sequence, 0)
        return head + request.body + bytes(-size % 4)

    def _received(self) -> list[tuple[int, int, int, bytes]]:
        """Kind, flags, sequence and body of each message of one datagram."""
        data, at, messages = self._socket.recv(RECEIVE_BYTES), 0, []
        while at + _HEAD.size <= len(data):
            size, kind, flags, sequence, _ = _HEAD.unpack_from(data, at)
            messages.append((kind, flags, sequence, data[at + _HEAD.size : at + size]))
            at += (size + 3) & ~3
        return messages


def _error(body: bytes, flags: int) -> OSError | None:
    """An acknowledgement as an exception, with the kernel's own text if it has one; None: success."""
    code = -struct.unpack_from("=i", body)[0]
    if not code:
        return None
    words = b""
    if flags & _NLM_F_ACK_TLVS and flags & _NLM_F_CAPPED:
        words = parse_netlink_attributes(body[4 + _HEAD.size :]).get(_NLMSGERR_ATTR_MSG, b"")
    return OSError(code, netlink_text(words) or os.strerror(code))
