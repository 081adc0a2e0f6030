"""Remote taps: none by default; a client with an allowed key may listen, and nobody else gets in."""

import asyncio
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest

from bus.envelope import BUS_PROTOCOL, BusAsk, BusHello, CheckpointPart, pack_bus_message
from bus.peer import BusPeer
from bus.remote_tap import CurveKeys, client_keys, make_keys
from bus.sockets import BusClientSocket
from schemas.facts import NodeFact
from tests.waiting import until_async
from tools.tap.listener import Listener, NoBus

DEADLINE_S = 10.0
WATCHED_S = 2.0  # one that takes another's name, which may be refused without a count
PING = b"\x81\xa3ask\xa4ping"


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 40))


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class OpenBroker:
    """A broker that listens for remote taps on loopback."""

    def __init__(self, directory: Path, *, keys: bool = True) -> None:
        self.run, self.keys = directory / "run", directory / "keys"
        self.run.mkdir()
        if keys:
            make_keys(self.keys)
        self.address = f"tcp://127.0.0.1:{free_port()}"
        env = {"VPPD_RUN": str(self.run), "VPPD_TAP_LISTEN": self.address, "VPPD_TAP_KEYS": str(self.keys)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bus"], env={**os.environ, **env}, stderr=subprocess.PIPE, text=True
        )

    def close(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=10)[1]


@pytest.fixture
def broker() -> Iterator[OpenBroker]:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        broker = OpenBroker(Path(directory))
        try:
            yield broker
        finally:
            broker.close()


async def nodes_seen_by_tap(broker: OpenBroker, keys: CurveKeys) -> list[str]:
    """The keys of nodes that a remote tap sees. Raises NoBus."""
    async with BusPeer("kube-watch", broker.run / "bus") as publisher:
        publisher.publish("node", {"n1": NodeFact(asn=1)})
        assert await publisher.flush(DEADLINE_S)
        async with Listener(Path("/nowhere"), broker.address, keys) as listener:
            async for now, data in listener.frames():
                if keys_seen := [seen.key for seen in listener.observer.feed(data, now) if seen.word == "node"]:
                    return keys_seen
    return []


def test_a_tap_with_an_allowed_key_sees_what_is_published(broker: OpenBroker) -> None:
    async def story() -> None:
        assert await nodes_seen_by_tap(broker, client_keys(broker.keys)) == ["n1"]

    run(story)


def test_a_key_that_is_not_on_the_list_hears_nothing(broker: OpenBroker, tmp_path: Path) -> None:
    make_keys(tmp_path / "other")
    stranger = client_keys(tmp_path / "other")._replace(server=client_keys(broker.keys).server)

    async def story() -> None:
        with pytest.raises(NoBus, match="nobody answers there, or not to this key"):
            await nodes_seen_by_tap(broker, stranger)

    run(story)


@pytest.mark.parametrize("name", ["tool-remote-1", "guard"])
def test_a_remote_client_only_listens(broker: OpenBroker, name: str) -> None:
    """It publishes nothing, asks nobody, and takes nobody's name."""

    async def story() -> None:
        async with BusPeer("routing", broker.run / "bus") as subscriber, BusPeer("cni", broker.run / "bus") as service:
            subscriber.subscribe("node", "guard")
            subscriber.subscribe("process")
            remote = BusClientSocket(broker.address, f"{name}:1".encode(), client_keys(broker.keys))
            watched_until = time.monotonic() + WATCHED_S

            async def is_refused() -> bool:
                await remote.send(pack_bus_message(BusHello(name=name, session=1, protocol=BUS_PROTOCOL)))
                await remote.send(
                    pack_bus_message(CheckpointPart(sender=name, word="node", session=1, seq=1, full=True))
                )
                await remote.send(pack_bus_message(BusAsk(id="1", service="cni", within_s=1.0, body=PING)))
                await subscriber.changes(0.1)
                bus = subscriber.rows("process").get("bus")
                refused = bus is not None and bus.counters.get("malformed_messages", 0) >= 2
                return refused or (name == "guard" and time.monotonic() > watched_until)

            try:
                await until_async(is_refused, "what it sends is refused", DEADLINE_S)
                bus = subscriber.rows("process").get("bus")
                assert not subscriber.in_sync("node", name)
                assert "guard" not in subscriber.rows("process")
                assert service.counters["failed_requests"] == 0
                assert bus is not None
                assert bus.counters.get("requests", 0) == 0
            finally:
                remote.close()

    run(story)


def test_without_keys_it_does_not_open_and_says_why() -> None:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        broker = OpenBroker(Path(directory), keys=False)
        assert broker.process.wait(timeout=10) == 2
        assert f"{broker.keys}/server.key_secret: no such file" in broker.close()


@pytest.mark.parametrize("wrong", ["secret that others may read", "nobody allowed"])
def test_keys_that_are_unsafe_are_refused_by_name(wrong: str) -> None:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        keys = Path(directory) / "keys"
        make_keys(keys)
        if wrong == "nobody allowed":
            (keys / "allowed" / "client.key").unlink()
        else:
            (keys / "server.key_secret").chmod(0o644)
        broker = OpenBroker(Path(directory), keys=False)
        assert broker.process.wait(timeout=10) == 2
        text = broker.close()
        assert ("nobody could come in" if wrong == "nobody allowed" else "mode 0644, must be 0600") in text


def test_an_address_that_is_taken_is_one_clear_error() -> None:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory, socket.socket() as listening:
        make_keys(Path(directory) / "keys")
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        env = {"VPPD_RUN": f"{directory}/run", "VPPD_TAP_KEYS": f"{directory}/keys"}
        env["VPPD_TAP_LISTEN"] = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        line = [sys.executable, "-m", "bus"]
        result = subprocess.run(
            line, env={**os.environ, **env}, capture_output=True, text=True, timeout=20, check=False
        )
        assert result.returncode == 2
        assert f"{env['VPPD_TAP_LISTEN']}: Address already in use" in result.stderr


def test_keys_are_made_once(tmp_path: Path) -> None:
    first = make_keys(tmp_path / "keys")
    assert {path.name for path in first} == {"server.key", "server.key_secret", "client.key", "client.key_secret"}
    assert make_keys(tmp_path / "keys") == []
    assert (tmp_path / "keys" / "server.key_secret").stat().st_mode & 0o777 == 0o600
