"""A process whose loop stands still logs where, and ends if it is configured to."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bus.watchdog import EXIT_STUCK
from tests.processes.bus.conftest import BrokerProcess

STANDS = """
import asyncio, sys, time
from bus.process import run_bus_process

def stands_here_for(seconds):
    time.sleep(seconds)

async def main(config, peer, log, stop):
    peer.progress += 1
    stands_here_for(float(sys.argv[1]))
    for _ in range(20):
        peer.progress += 1
        await asyncio.sleep(0.1)
    return 0

run_bus_process("cni", "tests.stands", "stands", main, argv=[])
"""


@pytest.mark.parametrize(
    ("stands_s", "restart_s", "code", "log_line"),
    [(30, "6", EXIT_STUCK, "ends: stuck for too long"), (6.5, "", 0, "the loop turns again")],
    ids=["ends when it is configured to", "else goes on"],
)
def test_a_loop_that_stands_is_named_with_the_place(
    broker: BrokerProcess, stands_s: float, restart_s: str, code: int, log_line: str
) -> None:
    env = {"VPPD_RUN": str(broker.run), "NODENAME": "n1", "VPPD_STUCK_RESTART": restart_s}
    result = subprocess.run(
        [sys.executable, "-c", STANDS, str(stands_s)],
        env={**os.environ, **env, "PYTHONPATH": str(Path(__file__).parents[3])},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert result.returncode == code, result.stderr
    assert "error cni stuck" in result.stderr
    assert "stands_here_for" in result.stderr
    assert log_line in result.stderr
