"""vppsim as a process of its own for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.vppsim.process import Simulator


@pytest.fixture
def simulator(tmp_path: Path) -> Iterator[Simulator]:
    process = Simulator(tmp_path)
    process.start()
    try:
        yield process
    finally:
        if process.alive:
            process.terminate()
