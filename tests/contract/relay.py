"""A relay between writers and VPP's API socket, which sees the messages that writers send."""

import contextlib
import socket
import struct
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Thread

FRAME = struct.Struct(">QII")  # 0, length of the message, 0 (VPP: vlibmemory/socket_api)
NUMBER = struct.Struct(">H")
READ_BYTES = 1 << 16


class Relay:
    """Listens at `path` and hands everything on to the VPP at `vpp_socket`, both ways.

    `names` gives the names of VPP's messages by number; `sent` gets those that pass towards VPP.
    """

    def __init__(self, path: Path, vpp_socket: Path, names: Callable[[], Mapping[int, str]], sent: set[str]) -> None:
        self._vpp_socket, self._names, self._sent = vpp_socket, names, sent
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen()
        self._threads = [Thread(target=self._accept)]
        self._threads[0].start()

    def close(self) -> None:
        """Takes no more connections, and waits for the end of those that are open: a writer or VPP has closed them."""
        self._listener.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        self._listener.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                writer, _ = self._listener.accept()
                self._threads.append(Thread(target=self._serve, args=(writer,)))
                self._threads[-1].start()

    def _serve(self, writer: socket.socket) -> None:
        with writer, socket.socket(socket.AF_UNIX) as vpp, contextlib.suppress(OSError):
            vpp.connect(str(self._vpp_socket))
            replies = Thread(target=_pump, args=(vpp, writer, lambda _: b""))
            replies.start()
            _pump(writer, vpp, partial(self._see, self._names()))
            replies.join()

    def _see(self, names: Mapping[int, str], data: bytes) -> bytes:
        """Notes the messages in what was sent. Returns what is left over: the begin of a message."""
        at = 0
        while at + FRAME.size + NUMBER.size <= len(data):
            _, length, _ = FRAME.unpack_from(data, at)
            if at + FRAME.size + length > len(data):
                break
            (number,) = NUMBER.unpack_from(data, at + FRAME.size)
            self._sent.add(names.get(number, ""))
            at += FRAME.size + length
        return data[at:]


def _pump(source: socket.socket, sink: socket.socket, see: Callable[[bytes], bytes]) -> None:
    """Hands everything on until one end closes; then the other is closed too."""
    unread = b""
    with contextlib.suppress(OSError):
        while data := source.recv(READ_BYTES):
            unread = see(unread + data)
            sink.sendall(data)
    for end in (source, sink):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
