"""The door for taps from elsewhere: closed by default; who has an allowed key listens, and nobody else gets in."""

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

from bus.envelope import Ask, CheckpointPart, Hello, pack
from bus.peer import Peer
from bus.remote_tap import CurveKeys, client_keys, make_keys
from bus.sockets import ClientSocket
from schemas.facts import Node
from tools.tap.listener import Listener, NoBus

DEADLINE_S = 10.0


def run(story: Callable[[], Coroutine[Any, Any, None]]) -> None:
    asyncio.run(asyncio.wait_for(story(), 40))


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Open:
    """A broker with its door open on loopback."""

    def __init__(self, directory: Path, *, keys: bool = True) -> None:
        self.run, self.keys = directory / "run", directory / "keys"
        self.run.mkdir()
        if keys:
            make_keys(self.keys)
        self.address = f"tcp://127.0.0.1:{free_port()}"
        told = {"VPPD_RUN": str(self.run), "VPPD_TAP_LISTEN": self.address, "VPPD_TAP_KEYS": str(self.keys)}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "bus"], env={**os.environ, **told}, stderr=subprocess.PIPE, text=True
        )

    def close(self) -> str:
        self.process.terminate()
        return self.process.communicate(timeout=10)[1]


@pytest.fixture
def door() -> Iterator[Open]:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        made = Open(Path(directory))
        try:
            yield made
        finally:
            made.close()


async def seen_through(door: Open, keys: CurveKeys) -> list[str]:
    """The keys of nodes that a tap sees through the door. Raises NoBus."""
    async with Peer("kube-watch", door.run / "bus") as says:
        says.publish("node", {"n1": Node(asn=1)})
        assert await says.flush(DEADLINE_S)
        async with Listener(Path("/nowhere"), door.address, keys) as listener:
            async for now, data in listener.frames():
                if found := [seen.key for seen in listener.observer.feed(data, now) if seen.word == "node"]:
                    return found
    return []


def test_a_tap_with_an_allowed_key_sees_what_is_said(door: Open) -> None:
    async def story() -> None:
        assert await seen_through(door, client_keys(door.keys)) == ["n1"]

    run(story)


def test_a_key_that_is_not_on_the_list_hears_nothing(door: Open, tmp_path: Path) -> None:
    make_keys(tmp_path / "other")
    stranger = client_keys(tmp_path / "other")._replace(server=client_keys(door.keys).server)

    async def story() -> None:
        with pytest.raises(NoBus, match="nobody answers there, or not to this key"):
            await seen_through(door, stranger)

    run(story)


@pytest.mark.parametrize("name", ["tool-remote-1", "guard"])
def test_who_comes_through_the_door_only_listens(door: Open, name: str) -> None:
    """It says nothing that others hear, asks nobody, and takes nobody's name."""

    async def story() -> None:
        async with Peer("routing", door.run / "bus") as hears, Peer("cni", door.run / "bus") as service:
            hears.subscribe("node", "guard")
            hears.subscribe("process")
            remote = ClientSocket(door.address, f"{name}:1".encode(), client_keys(door.keys))
            try:
                deadline = time.monotonic() + DEADLINE_S
                while True:
                    await remote.send(pack(Hello(name=name, session=1)))
                    await remote.send(pack(CheckpointPart(sender=name, word="node", session=1, seq=1, full=True)))
                    await remote.send(pack(Ask(id="1", service="cni", within_s=1.0, body=b"\x81\xa3ask\xa4ping")))
                    await hears.changes(0.1)
                    bus = hears.rows("process").get("bus")
                    refused = bus is not None and bus.counters.get("malformed_messages", 0) >= 2
                    if refused or (name == "guard" and time.monotonic() > deadline - DEADLINE_S + 2.0):
                        break
                    assert time.monotonic() < deadline
                assert not hears.in_sync("node", name)
                assert "guard" not in hears.rows("process")
                assert service.counters["failed_requests"] == 0
                assert bus is not None
                assert bus.counters.get("requests", 0) == 0
            finally:
                remote.close()

    run(story)


def test_without_keys_it_does_not_open_and_says_why() -> None:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        made = Open(Path(directory), keys=False)
        assert made.process.wait(timeout=10) == 2
        assert f"{made.keys}/server.key_secret: no such file" in made.close()


@pytest.mark.parametrize("wrong", ["secret that others may read", "nobody allowed"])
def test_keys_that_are_unsafe_are_refused_by_name(wrong: str) -> None:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        keys = Path(directory) / "keys"
        make_keys(keys)
        if wrong == "nobody allowed":
            (keys / "allowed" / "client.key").unlink()
        else:
            (keys / "server.key_secret").chmod(0o644)
        made = Open(Path(directory), keys=False)
        assert made.process.wait(timeout=10) == 2
        text = made.close()
        assert ("nobody could come in" if wrong == "nobody allowed" else "mode 0644, must be 0600") in text


def test_an_address_that_is_taken_is_one_clear_error() -> None:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory, socket.socket() as taken:
        make_keys(Path(directory) / "keys")
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        told = {"VPPD_RUN": f"{directory}/run", "VPPD_TAP_KEYS": f"{directory}/keys"}
        told["VPPD_TAP_LISTEN"] = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        line = [sys.executable, "-m", "bus"]
        done = subprocess.run(line, env={**os.environ, **told}, capture_output=True, text=True, timeout=20, check=False)
        assert done.returncode == 2
        assert f"{told['VPPD_TAP_LISTEN']}: Address already in use" in done.stderr


def test_keys_are_made_once(tmp_path: Path) -> None:
    first = make_keys(tmp_path / "keys")
    assert {path.name for path in first} == {"server.key", "server.key_secret", "client.key", "client.key_secret"}
    assert make_keys(tmp_path / "keys") == []
    assert (tmp_path / "keys" / "server.key_secret").stat().st_mode & 0o777 == 0o600
