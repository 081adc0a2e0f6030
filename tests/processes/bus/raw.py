"""A client of the bus that says what a test wants and holds to nothing, and a broker that says what a test wants."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import zmq

from bus.envelope import BUS_PROTOCOL, BusHello, BusMessage, pack_bus_message, unpack_bus_message
from tests.waiting import PATIENCE_S


class RawClient:
    """A DEALER on the broker's socket."""

    def __init__(self, bus: Path, name: str, life: int = 1) -> None:
        self.name, self.life = name, life
        self._context = zmq.Context()
        self._socket = self._context.socket(zmq.DEALER)
        self._socket.setsockopt(zmq.IDENTITY, f"{name}:{life}".encode())
        self._socket.setsockopt(zmq.LINGER, 0)
        self._socket.connect(f"ipc://{bus}/broker")

    def hello(self, **fields: Any) -> None:
        defaults = {"name": self.name, "session": self.life, "pid": os.getpid(), "protocol": BUS_PROTOCOL}
        self.say(BusHello(**{**defaults, **fields}))

    def say(self, message: BusMessage) -> None:
        self._socket.send(pack_bus_message(message))

    def say_bytes(self, data: bytes) -> None:
        self._socket.send(data)

    def waiting(self) -> list[Any]:
        """All messages that have come."""
        messages = []
        while self._socket.poll(0):
            messages.append(unpack_bus_message(self._socket.recv()))
        return messages

    def next(self, kind: type[Any]) -> Any:
        """The next message of that kind; the others are dropped."""
        while self._socket.poll(int(PATIENCE_S * 1000)):
            message = unpack_bus_message(self._socket.recv())
            if isinstance(message, kind):
                return message
        raise AssertionError(f"no {kind.__name__} came")

    def close(self) -> None:
        self._socket.close()
        self._context.term()


@contextmanager
def raw_client(bus: Path, name: str, life: int = 1) -> Iterator[RawClient]:
    """One that says hello and is welcome, unless another has the name."""
    client = RawClient(bus, name, life)
    try:
        client.hello()
        yield client
    finally:
        client.close()
