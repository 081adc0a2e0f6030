"""The processes that the bus benchmark measures: `python -m tools.bench.buswork ROLE ...`.

Each prints what it saw as JSON: that it is ready, then, once a line on standard input has begun the work, its times.
Times are of the machine's monotonic clock, s.
"""

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import zmq

from bus.envelope import PART_ROWS_MAX
from bus.peer import BusPeer
from schemas import codec
from schemas.facts import EndpointSliceFact, SliceEndpoint, SlicePort
from schemas.requests import PingReply, PingRequest
from tools.tap.listener import Listener, lower_priority

WORD, OWNER = "endpoint-slice", "kube-watch"
BATCH = 5000  # rows said before others have a turn


def row(number: int) -> EndpointSliceFact:
    """A typical row: two endpoints, one port."""
    ends = tuple(SliceEndpoint((f"10.48.{number >> 8 & 255}.{number & 255}",), node=f"node{n}") for n in range(2))
    return EndpointSliceFact(service=f"bench-{number}", ip_version=4, endpoints=ends, ports=(SlicePort(8080),))


def print_json(**values: Any) -> None:
    """One line for the benchmark."""
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


async def _go() -> None:
    print_json(ready=True)
    await asyncio.to_thread(sys.stdin.readline)


async def _welcome(peer: BusPeer) -> None:
    while peer.broker_session is None:
        await peer.changes(0.01)


async def publish_rows(bus: Path, rows: int) -> None:
    """All rows, in batches, and waits until the broker holds them; then stays until the input ends."""
    async with BusPeer(OWNER, bus) as peer:
        await _welcome(peer)
        peer.publish(WORD, {})
        by_key = [(f"bench/{number}", row(number)) for number in range(rows)]
        await _go()
        began = time.monotonic()
        for at in range(0, rows, BATCH):
            for key, value in by_key[at : at + BATCH]:
                peer.update_row(WORD, key, value)
            await asyncio.sleep(0)
        await peer.flush(60.0)
        print_json(began=began, ended=time.monotonic())
        await asyncio.to_thread(sys.stdin.readline)


async def hear_rows(bus: Path, rows: int, name: str) -> None:
    """Hears until it knows all rows."""
    async with BusPeer(name, bus) as peer:
        await _welcome(peer)
        print_json(ready=True)
        began = time.monotonic()
        peer.subscribe(WORD)
        keys: set[str] = set()
        while len(keys) < rows:
            keys |= {event.key for event in await peer.changes(1.0) if hasattr(event, "key")}
        print_json(began=began, ended=time.monotonic(), gaps=peer.counters["bus_gaps"])
        await asyncio.to_thread(sys.stdin.readline)


async def ask_requests(bus: Path, requests: int) -> None:
    """Requests one after another, 5 ms apart; s each."""
    async with BusPeer("cni", bus) as service, BusPeer("tool-bench", bus) as peer:
        service.serve(PingRequest, lambda _: PingReply("cni", 0, True))
        await _welcome(peer)
        await _welcome(service)
        await _go()
        took = []
        for _ in range(requests):
            began = time.monotonic()
            await peer.ask("cni", PingRequest(), 5.0)
            took.append(time.monotonic() - began)
            await asyncio.sleep(0.005)
        print_json(took=took)


async def tap_bus(bus: Path) -> None:
    """A tap that hears and makes sense of everything, until it is killed."""
    lower_priority()
    async with Listener(bus.parent) as listener:
        print_json(ready=True)
        async for now, data in listener.frames():
            listener.observer.feed(data, now)


def flood_bus(bus: Path) -> None:
    """Nonsense as fast as it goes, until it is killed."""
    context = zmq.Context()
    socket = context.socket(zmq.DEALER)
    socket.setsockopt(zmq.IDENTITY, b"flood:1")
    socket.connect(f"ipc://{bus}/broker")
    print_json(ready=True)
    while True:
        socket.send(b"\xc1 nonsense" * 20)


def _payload(rows: int, rows_each: int) -> list[bytes]:
    """All rows as bytes, `rows_each` to a message."""
    packed = [f"bench/{number}".encode() + codec.encode_row_value(row(number)) for number in range(rows)]
    return [b"".join(packed[at : at + rows_each]) for at in range(0, rows, rows_each)]


def bare_proxy(directory: Path) -> None:
    """XSUB and XPUB, and ZeroMQ's own loop between them."""
    context = zmq.Context()
    front, back = context.socket(zmq.XSUB), context.socket(zmq.XPUB)
    for socket in (front, back):
        socket.setsockopt(zmq.SNDHWM, 0)
        socket.setsockopt(zmq.RCVHWM, 0)
    front.bind(f"ipc://{directory}/front")
    back.bind(f"ipc://{directory}/back")
    print_json(ready=True)
    zmq.proxy(front, back)


def publish_bare(directory: Path, rows: int, rows_each: int) -> None:
    """The payload over PUB."""
    context = zmq.Context()
    socket = context.socket(zmq.PUB)
    socket.setsockopt(zmq.SNDHWM, 0)
    socket.connect(f"ipc://{directory}/front")
    messages = _payload(rows, rows_each)
    print_json(ready=True)
    sys.stdin.readline()
    began = time.monotonic()
    for data in messages:
        socket.send(data)
    print_json(began=began, ended=time.monotonic())
    sys.stdin.readline()


def hear_bare(directory: Path, rows: int, rows_each: int) -> None:
    """Counts messages of SUB."""
    socket = _bare_subscriber(directory)
    for _ in range(-(-rows // rows_each)):
        socket.recv()
    print_json(began=0.0, ended=time.monotonic())


def store_bare(directory: Path, rows: int) -> None:
    """One row a message; each is held as a struct by its key, as every subscriber of the bus has it."""
    socket = _bare_subscriber(directory)
    by_key: dict[str, EndpointSliceFact] = {}
    for number in range(rows):
        key, data = f"bench/{number}", socket.recv()
        by_key[key] = codec.decode_row_value(WORD, key, data[len(key) :])
    print_json(began=0.0, ended=time.monotonic())


def _bare_subscriber(directory: Path) -> "zmq.Socket[bytes]":
    context = zmq.Context()
    socket = context.socket(zmq.SUB)
    socket.setsockopt(zmq.RCVHWM, 0)
    socket.connect(f"ipc://{directory}/back")
    socket.setsockopt(zmq.SUBSCRIBE, b"")
    print_json(ready=True)
    return socket


def main(words: list[str]) -> None:
    """The command line."""
    role, directory, *arguments = words
    where = Path(directory)
    match role:
        case "says":
            asyncio.run(publish_rows(where, int(arguments[0])))
        case "hears":
            asyncio.run(hear_rows(where, int(arguments[0]), arguments[1]))
        case "asks":
            asyncio.run(ask_requests(where, int(arguments[0])))
        case "taps":
            asyncio.run(tap_bus(where))
        case "floods":
            flood_bus(where)
        case "bare-proxy":
            bare_proxy(where)
        case "bare-says":
            publish_bare(where, int(arguments[0]), int(arguments[1]) or PART_ROWS_MAX)
        case "bare-hears":
            hear_bare(where, int(arguments[0]), int(arguments[1]) or PART_ROWS_MAX)
        case "bare-holds":
            store_bare(where, int(arguments[0]))
        case _:
            sys.exit(f"no role {role}")


if __name__ == "__main__":
    main(sys.argv[1:])
