"""Random disturbances, one after another: a node that says it is well is well, and each time it is well again.

A few in every run, always the same; $VPPD_DISTURBANCES says how many, $VPPD_SEED which.
"""

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.conftest import ON_VPP, vppd
from tests.lab.disturbances import probes
from tests.lab.disturbances.kinds import KINDS, DisturbedNode
from tests.waiting import until
from tools.lab import state
from tools.lab.cluster import pods
from tools.node.watcher import NodeWatcher

COUNT = int(os.environ.get("VPPD_DISTURBANCES", "12"))
SEED = int(os.environ.get("VPPD_SEED", "1"))
LASTS_S = 2.0
WELL_S_MAX = 90.0
FAKETIME = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


@pytest.fixture(scope="module")
def world(new_name: Callable[[], str], tmp_path_factory: pytest.TempPathFactory) -> DisturbedNode:
    """One node with two pods, whose processes read the time by way of a file."""
    clock = tmp_path_factory.mktemp("clock") / "offset"
    clock.write_text("+0\n")
    assert FAKETIME is not None, "the package faketime is not installed"
    settings = {
        "LD_PRELOAD": str(FAKETIME),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_CACHE_DURATION": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        "DONT_FAKE_MONOTONIC": "1",
        "NO_FAKE_STAT": "1",
    }
    given = [word for name, value in settings.items() for word in ("--set", f"{name}={value}")]
    name = new_name()
    completed = vppd("lab", "up", "--nodes", "1", "--name", name, *given, *ON_VPP)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    lab = state.load(name)
    for pod in ("a1", "b1"):
        pods.add(lab, pod, "node1", labels=probes.CANARY)
    return DisturbedNode(state.load(name), clock, random.Random(SEED))


def until_well(world: DisturbedNode, disturbance: str) -> None:
    """Waits until the node says that it is well, and stays so for a moment."""

    async def wait() -> bool:
        async with NodeWatcher(world.run) as watcher:
            return await watcher.until(probes.looks_well, WELL_S_MAX)

    assert asyncio.run(wait()), f"after: {disturbance}\n{vppd('status', '--run', str(world.run)).stdout}"


@pytest.mark.parametrize("number", range(COUNT))
def test_what_looks_well_is_well_and_what_was_disturbed_comes_back(world: DisturbedNode, number: int) -> None:
    kind = world.chance.choice(KINDS)
    with kind(world) as disturbance:
        asyncio.run(asyncio.sleep(world.chance.uniform(0, LASTS_S)))
        translation = probes.move_canary(world)
    until_well(world, disturbance)
    until(lambda: not list(probes.failures(world)), f"{disturbance}: what must work works", 20.0)
    until(lambda: probes.vpp_holds(world, translation), f"{disturbance}: a change comes to VPP", 20.0)
