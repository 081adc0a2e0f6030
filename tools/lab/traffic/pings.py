"""Edge: pings between namespaces, measured."""

import json
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import Self

from tools.lab import linux

SENDER = (sys.executable, "-m", "tools.lab.traffic.ping_sender")


@dataclass(frozen=True)
class PingReport:
    """The outcome of a series of pings."""

    sent: int
    received: int
    lost: int
    longest_gap_ms: float
    first_reply_ms: float | None


class BackgroundPing:
    """A steady ping in the background: a context manager; `report` after its end."""

    def __init__(self, netns: str, address: str, every_s: float = 0.02) -> None:
        self.netns, self.address, self._every_s = netns, address, every_s
        self.report: PingReport | None = None
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            linux.netns_command(self.netns, *SENDER, self.address, "--every", str(self._every_s)),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        return self

    def __exit__(self, *_exc: object) -> None:
        assert self._process
        out, _ = self._process.communicate(timeout=30)
        self.report = PingReport(**json.loads(out))


def ping(netns: str, address: str, within_s: float) -> float | None:
    """Seconds until the first answer to a ping every 50 ms; None: none in time.

    Each second is a flow of its own: VPP goes on denying one that it has denied while it sends.
    """
    started = time.monotonic()
    while time.monotonic() - started < within_s:
        words = ("-n", "-q", "-c", "1", "-i", "0.05", "-W", "0.2", "-w", "1")
        completed = subprocess.run(
            linux.netns_command(netns, "ping", *words, address), capture_output=True, check=False
        )
        if completed.returncode == 0:
            return time.monotonic() - started
    return None
