"""Edge: pings and transfers between namespaces, measured."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Any, Self

from tools.lab import host

PORT = 5201


@dataclass(frozen=True)
class Account:
    """What became of a series of pings."""

    sent: int
    received: int
    lost: int
    longest_gap_ms: float
    first_reply_ms: float | None


class Pinging:
    """A steady ping in the background: a context manager; `account` after its end."""

    def __init__(self, netns: str, address: str, every_s: float = 0.02) -> None:
        self.netns, self.address, self._every_s = netns, address, every_s
        self.account: Account | None = None
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            host.inside(
                self.netns, sys.executable, "-m", "tools.lab.pinger", self.address, "--every", str(self._every_s)
            ),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self._process
        out, _ = self._process.communicate(timeout=30)
        self.account = Account(**json.loads(out))


def ping(netns: str, address: str, within_s: float) -> float | None:
    """Seconds until the first answer to a ping every 50 ms; None: none in time.

    Each second is a flow of its own: VPP goes on denying one that it has denied while it sends.
    """
    started = time.monotonic()
    while time.monotonic() - started < within_s:
        words = ("-n", "-q", "-c", "1", "-i", "0.05", "-W", "0.2", "-w", "1")
        done = subprocess.run(host.inside(netns, "ping", *words, address), capture_output=True, check=False)
        if done.returncode == 0:
            return time.monotonic() - started
    return None


@dataclass(frozen=True)
class Transfer:
    """What became of a TCP transfer."""

    bytes: int
    seconds: float
    same: bool

    @property
    def mbit_s(self) -> float:
        return self.bytes * 8 / 1e6 / self.seconds if self.seconds else 0.0


def transfer(from_netns: str, to_netns: str, address: str, count: int) -> Transfer:
    """Sends `count` bytes over TCP. Raises host.CommandFailed."""
    command = host.inside(to_netns, sys.executable, "-m", "tools.lab.transfer", "receive", str(PORT))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            assert receiver.stdout
            receiver.stdout.readline()
            sender = host.inside(
                from_netns, sys.executable, "-m", "tools.lab.transfer", "send", address, str(PORT), str(count)
            )
            sent: dict[str, Any] = json.loads(host.run(*sender, timeout_s=90))
            got: dict[str, Any] = json.loads(receiver.stdout.readline() or "{}")
        finally:
            receiver.kill()
    same = got.get("sha256") == sent["sha256"] and got.get("bytes") == count
    return Transfer(int(got.get("bytes", 0)), float(got.get("seconds", 0)), same)
