"""More connections than there are descriptors: nobody who is on the bus notices, and it lives."""

import asyncio
import os
import resource
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from bus.peer import BusPeer
from bus.remote_tap import CONNECTIONS_MAX, client_keys
from schemas.facts import NodeFact
from tests.processes.bus.test_remote_tap import OpenBroker, nodes_seen_by_tap
from tests.waiting import until, until_async, until_heard

DESCRIPTORS = 256


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 90))


@contextmanager
def broker_with_few_descriptors() -> Iterator[tuple[Path, "subprocess.Popen[bytes]", Path]]:
    """(directory of the bus, process, log)."""
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        log = Path(directory) / "log"
        limits = (DESCRIPTORS, DESCRIPTORS)
        with log.open("wb") as file:
            process = subprocess.Popen(
                [sys.executable, "-m", "bus"],
                env={**os.environ, "VPPD_RUN": directory},
                stderr=file,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, limits),
            )
        try:
            yield Path(directory) / "bus", process, log
        finally:
            process.kill()
            process.wait()


def test_more_clients_than_descriptors_end_no_bus_and_when_they_go_others_come_in() -> None:
    async def story() -> None:
        with broker_with_few_descriptors() as (bus, process, log):
            async with BusPeer("kube-watch", bus) as publisher, BusPeer("routing", bus) as subscriber:
                subscriber.subscribe("node")
                publisher.publish("node", {"n1": NodeFact(asn=1)})
                await until_heard(subscriber, lambda: "n1" in subscriber.rows("node"))
                with ExitStack() as crowd:
                    for _ in range(2 * DESCRIPTORS):
                        client = crowd.enter_context(socket.socket(socket.AF_UNIX))
                        client.setblocking(False)
                        with suppress(OSError):
                            client.connect(str(bus / "broker"))
                    await until_async(lambda: "nobody can come in" in log.read_text())
                    publisher.update_row("node", "n2", NodeFact(asn=2))
                    await until_heard(subscriber, lambda: "n2" in subscriber.rows("node"))
                await until_async(lambda: "bound anew" in log.read_text())
                async with BusPeer("cni", bus) as latecomer:
                    latecomer.subscribe("node")
                    await until_heard(latecomer, lambda: "n2" in latecomer.rows("node"))
            assert process.poll() is None

    run(story)


def door_pid(broker: OpenBroker) -> int:
    """The process of the door for remote taps; 0: there is none."""
    children = Path(f"/proc/{broker.process.pid}/task/{broker.process.pid}/children").read_text().split()
    return int(children[0]) if children else 0


def test_what_comes_from_the_network_ends_the_door_at_most_and_it_is_opened_again() -> None:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        broker = OpenBroker(Path(directory))
        try:
            until(lambda: door_pid(broker), "the door's process")
            host, _, port = broker.address.removeprefix("tcp://").partition(":")
            with ExitStack() as crowd:
                for _ in range(2 * CONNECTIONS_MAX):
                    with suppress(OSError):
                        crowd.enter_context(socket.create_connection((host, int(port)), timeout=5))
            assert asyncio.run(nodes_seen_by_tap(broker, client_keys(broker.keys))) == ["n1"], "when they have gone"
            first = door_pid(broker)
            os.kill(first, signal.SIGKILL)
            until(lambda: door_pid(broker) not in (0, first), "another door")
            assert asyncio.run(nodes_seen_by_tap(broker, client_keys(broker.keys))) == ["n1"]
            assert broker.process.poll() is None
            second = door_pid(broker)
        finally:
            broker.close()
        until(lambda: not Path(f"/proc/{second}/cmdline").exists(), "the door ends with the bus")
