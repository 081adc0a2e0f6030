"""Edge: loads of connections in the background."""

import subprocess
import sys
import time
from collections.abc import Iterable
from typing import Self

import msgspec

from tools.lab import linux
from tools.lab.traffic.load_generator import LoadReport

END_S_MAX = 30.0


def format_target(address: str, port: int) -> str:
    """A target in the form of the load generator's command line."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


class BackgroundLoad:
    """A load from a namespace: a context manager; `report` after its end. Targets are (address, port)."""

    def __init__(
        self,
        netns: str,
        to: Iterable[tuple[str, int]],
        *,
        denied: Iterable[tuple[str, int]] = (),
        rate: float = 50.0,
        denied_rate: float = 10.0,
        standing: int = 0,
        exchange_every_s: float = 0.5,
    ) -> None:
        words = [word for one in to for word in ("--to", format_target(*one))]
        words += [word for one in denied for word in ("--denied", format_target(*one))]
        words += ["--rate", str(rate), "--denied-rate", str(denied_rate), "--held", str(standing)]
        words += ["--held-every", str(exchange_every_s)]
        self._command = linux.netns_command(netns, sys.executable, "-m", "tools.lab.traffic.load_generator", *words)
        self.report = LoadReport()
        self._began = 0.0
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        """The load has begun when this returns."""
        self._process = subprocess.Popen(self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout
        self._process.stdout.readline()
        self._began = time.monotonic()
        return self

    @property
    def age_s(self) -> float:
        """How long it has been going on."""
        return time.monotonic() - self._began

    def __exit__(self, *_exc: object) -> None:
        assert self._process
        out, _ = self._process.communicate(timeout=END_S_MAX)
        self.report = msgspec.json.decode(out, type=LoadReport)
