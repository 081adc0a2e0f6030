"""A real broker process over ipc, in a directory of its own."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


class BrokerProcess:
    """`python -m bus`, to be killed and started again."""

    def __init__(self, run: Path) -> None:
        self.run = run
        self.bus = run / "bus"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        log = (self.run / "bus.log").open("ab")
        with log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "bus"], env={**os.environ, "VPPD_RUN": str(self.run)}, stderr=log
            )

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()

    def terminate(self) -> int:
        assert self._process
        self._process.terminate()
        return self._process.wait(timeout=2)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def log(self) -> str:
        return (self.run / "bus.log").read_text()

    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None


@pytest.fixture
def broker() -> Iterator[BrokerProcess]:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        process = BrokerProcess(Path(directory))
        process.start()
        yield process
        if process.alive():
            process.kill()
