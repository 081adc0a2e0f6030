"""Servers that answer with the address they are asked from, and clients; in namespaces, over TCP and UDP."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.contract.machine import Namespace

SERVER = """
import select, socket, sys
name, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
stream, datagrams = socket.socket(family), socket.socket(family, socket.SOCK_DGRAM)
stream.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
for each in (stream, datagrams):
    each.bind((address, port))
stream.listen()
open_ones = set()
print("up", flush=True)
while True:
    for ready in select.select([stream, datagrams, *open_ones], [], [])[0]:
        if ready is stream:
            open_ones.add(ready.accept()[0])
        elif ready is datagrams:
            data, peer = ready.recvfrom(99)
            ready.sendto(f"{name} {peer[0]}".encode(), peer)
        elif ready.recv(99):
            ready.sendall(f"{name} {ready.getpeername()[0]}".encode())
        else:
            open_ones.remove(ready)
            ready.close()
"""
CLIENT = """
import socket, sys
kind, address, port = sys.argv[1], sys.argv[2], int(sys.argv[3])
family = socket.AF_INET6 if ":" in address else socket.AF_INET
s = socket.socket(family, socket.SOCK_STREAM if kind == "tcp" else socket.SOCK_DGRAM)
s.settimeout(1.0)
if len(sys.argv) > 4:
    s.bind(("", int(sys.argv[4])))
s.connect((address, port))
for line in sys.stdin:
    try:
        s.sendall(b"?")
        print(s.recv(99).decode() or "closed", flush=True)
    except OSError as error:
        print("-", type(error).__name__, flush=True)
"""


def _within(where: Namespace, *arguments: str) -> list[str]:
    return ["ip", "netns", "exec", where.name, sys.executable, "-c", *arguments]


@contextmanager
def serving(where: Namespace, name: str, address: str, port: int) -> Iterator[None]:
    """A server of both protocols that answers "<name> <address of the client>"."""
    server = subprocess.Popen(_within(where, SERVER, name, address, str(port)), stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"up\n", f"{name} does not serve {address} port {port}"
        yield
    finally:
        server.kill()
        server.communicate()


class Client:
    """A connection that can be asked again and again."""

    def __init__(self, where: Namespace, address: str, port: int, kind: str = "tcp", source: int = 0) -> None:
        ports = [str(source)] if source else []
        self._process = subprocess.Popen(
            _within(where, CLIENT, kind, address, str(port), *ports),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def ask(self) -> str | None:
        """The answer, None without one."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write("?\n")
            self._process.stdin.flush()
        except OSError:
            return None  # it could not connect
        line = self._process.stdout.readline().strip()
        return line if line and not line.startswith("-") else None

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


def ask(where: Namespace, address: str, port: int, kind: str = "tcp", source: int = 0) -> str | None:
    """One question over a connection of its own."""
    client = Client(where, address, port, kind, source)
    try:
        return client.ask()
    finally:
        client.close()
