"""Guard, VPP and both are killed at every point of a takeover: the host is reached again, and the next start works.

The points are not listed here: a first takeover passes them all and notes them (`dying.py`), so that a new step of
the takeover is killed at without anybody's help.
"""

import os
import re
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.lab.guard.world import GATEWAY4, HOST4, HOST6, World, measured
from tests.waiting import until
from vppd_guard.host.handover import GUARD_HANDOVER_SIGNAL

DYING = str(Path(__file__).with_name("dying.py"))
BACK_MS_MAX = 10_000


def start_dying(world: World, at: str = "", victim: str = "guard", after: str = "") -> None:
    log = str(world.directory / "points")
    world.start("guard", DYING, DIE_LOG=log, DIE_AT=at, DIE_WHO=victim, DIE_AFTER=after)


def died(world: World) -> bool:
    return (world.directory / "died").exists()


def live_again(world: World) -> None:
    """A guard follows the one that died, as supervisord would see to, and VPP carries the host."""
    if world.processes["guard"].poll() is not None:
        world.processes.pop("guard").wait()
        world.start_guard()
    world.running()
    # A guard that has not noticed yet that its VPP is dead says that it is running, too.
    until(lambda: world.answers(HOST4) and world.answers(HOST6), "the host answers through VPP")


def points_of(world: World) -> list[str]:
    """The points that one whole life passes, each once; the start's and the end's are left out."""
    start_dying(world)
    world.running()
    world.end("guard")
    passed = (world.directory / "points").read_text().splitlines()
    (world.directory / "points").unlink()
    return list(dict.fromkeys(point for point in passed if point != "in stopped"))


def crash(world: World, point: str, victim: str) -> dict[str, float]:
    """One life that ends at that point, and the next. Returns what the host outside saw."""
    (world.directory / "died").unlink(missing_ok=True)
    with world.pinged(HOST4) as result:
        start_dying(world, point, victim)
        if point in ("in restoring", "in resting"):
            until(world.is_running, "the guard is running")
            world.tell("guard", signal.SIGTERM)
        until(lambda: died(world), f"{victim} killed at: {point}")
        if victim != "vpp":
            until(lambda: world.processes["guard"].poll() is not None, "the guard is dead")
        live_again(world)
    return result


@pytest.mark.parametrize("victim", ["guard", "vpp", "both"])
def test_guard_or_vpp_may_die_at_every_point_of_a_takeover(world: World, victim: str) -> None:
    before = world.linux()
    not_of_a_takeover = ("in resting", "is loaded", "is about to handle signals")
    points = [point for point in points_of(world) if point not in not_of_a_takeover]
    assert {
        "started VPP's trial",
        "in captured",
        "noted LinkMovedRecord",
        "in up",
        "in configured",
        "in running",
        "in restoring",
    } <= set(points)
    assert world.linux() == before
    # VPP can only be killed where there is one.
    first = points.index("started VPP")
    for point in points if victim != "vpp" else [p for p in points[first:] if p != "in restoring"]:
        result = crash(world, point, victim)
        measured(f"kill -9 {victim}", point, result)
        assert result["longest_gap_ms"] < BACK_MS_MAX, f"{victim} killed at: {point}: {result}\n{world.log()[-3000:]}"
        assert world.answers(HOST6), f"{victim} killed at: {point}"
        assert world.end("guard") == 0, f"{victim} killed at: {point}"
        assert world.linux() == before, f"{victim} killed at: {point}"
        assert world.leftovers() == [], f"{victim} killed at: {point}"


def writes(world: World) -> int:
    """How much has been written into VPP so far, as the writer logs it."""
    return sum(map(int, re.findall(r" writes=(\d+)", world.log("vpp-writer"))))


def test_a_guard_that_was_killed_is_followed_by_one_that_adopts_vpp_and_no_packet_is_lost(world: World) -> None:
    world.start_guard()
    world.running()
    [vpp] = world.vpps()
    writes_before = writes(world)
    with world.pinged(HOST4) as result, world.pinged(HOST6) as result6:
        world.end("guard", signal.SIGKILL)
        world.start_guard()
        until(lambda: world.states().count("running") >= 2, "the next guard runs")
        until(lambda: world.answers(), "the host answers")
    measured("kill -9 guard, adopted", "running", result)
    assert (result["lost"], result6["lost"]) == (0, 0)
    assert world.vpps() == [vpp]
    assert "start -> up (adopts)" in world.command("explain").stdout
    assert world.log("vpp-writer").count("connected pid=") == 1, "one epoch"
    assert writes(world) == writes_before > 0, "nothing is written for it"
    assert world.end("guard") == 0
    assert world.leftovers() == []


def hand_over(world: World) -> None:
    """Tells the guard to hand over, and waits until the next guard runs."""
    lives = world.states().count("running")
    world.tell("guard", GUARD_HANDOVER_SIGNAL)
    until(lambda: world.states().count("running") > lives, "the next guard runs")


def test_a_guard_that_hands_over_is_followed_by_one_that_adopts_vpp_and_no_packet_is_lost(world: World) -> None:
    before = world.linux()
    world.start_guard(CALICOVPP_HOOK_VPP_RUNNING="echo once")
    world.running()
    [vpp] = world.vpps()
    guard = world.processes["guard"]
    writes_before = writes(world)
    with world.pinged(HOST4) as result, world.pinged(HOST6) as result6:
        for _ in range(3):
            hand_over(world)
        until(world.answers, "the host answers")
    measured("handover of the guard, three times", "running", result)
    assert (result["lost"], result6["lost"]) == (0, 0)
    assert world.vpps() == [vpp]
    assert guard.poll() is None, "it is one process all the time: supervisord sees nothing"
    assert world.log("vpp-writer").count("connected pid=") == 1, "one epoch"
    assert writes(world) == writes_before > 0, "nothing is written for it"
    assert world.log().count("line=once") == 1, "Linux's side has not changed: no hook is run for it"
    assert "running -> stopped (handover)" in world.command("explain").stdout
    os.kill(vpp, signal.SIGKILL)
    until(lambda: "VPP killed by SIGKILL" in world.log(), "the next guard knows how its VPP has ended")
    world.running()
    assert world.end("guard") == 0
    assert world.linux() == before
    assert world.leftovers() == []


def test_a_guard_that_is_told_to_hand_over_in_a_takeover_finishes_it_first(world: World) -> None:
    once = f"if [ ! -e {world.directory}/once ]; then touch {world.directory}/once; kill -RTMIN $PPID; fi"
    world.start_guard(CALICOVPP_HOOK_BEFORE_VPP_RUN=once)
    until(lambda: "running -> stopped (handover)" in world.command("explain").stdout, "the first guard has handed over")
    world.running()
    until(world.answers, "the host answers")
    assert world.states().count("captured") == 1
    assert "resting" not in world.states()


@pytest.mark.parametrize("victim", ["guard", "vpp", "both", "stop"])
def test_guard_or_vpp_may_die_and_a_stop_may_come_at_every_point_of_a_handover(world: World, victim: str) -> None:
    before = world.linux()
    start_dying(world)
    world.running()
    hand_over(world)
    world.end("guard")
    passed = (world.directory / "points").read_text().splitlines()
    points = list(dict.fromkeys(passed[passed.index("in stopped") : passed.index("in restoring")]))
    assert {"lets go", "holds signals", "is about to become the next guard", "is loaded", "in up"} < set(points)
    for point in points:
        for name in ("points", "died"):
            (world.directory / name).unlink(missing_ok=True)
        with world.pinged(HOST4) as result:
            start_dying(world, point, victim, after="in stopped")
            until(world.is_running, "the guard is running")
            world.tell("guard", GUARD_HANDOVER_SIGNAL)
            until(lambda: died(world), f"{victim} at: {point}")
            if victim == "stop":
                until(lambda: world.processes["guard"].poll() is not None, f"stopped, told to at: {point}")
                assert world.processes.pop("guard").wait() == 0, f"told to stop at: {point}"
            elif victim != "vpp":
                until(lambda: world.processes["guard"].poll() is not None, "the guard is dead")
            if victim != "stop":
                live_again(world)
                world.end("guard")
            until(world.answers, f"Linux has it: {victim} at: {point}")
        assert result["longest_gap_ms"] < BACK_MS_MAX, f"{victim} at: {point}: {result}"
        assert world.linux() == before, f"{victim} at: {point}"
        assert world.leftovers() == [], f"{victim} at: {point}"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGQUIT])
def test_told_to_stop_the_guard_gives_everything_back_within_two_seconds(world: World, number: int) -> None:
    before = world.linux()
    world.start_guard()
    world.running()
    until(world.answers, "the host answers through VPP")
    with world.pinged() as result:
        assert world.end("guard", number) == 0
        until(world.answers, "the host answers without VPP")
    measured(f"stop by {signal.Signals(number).name}", "running", result)
    assert world.linux() == before
    assert world.leftovers() == []
    assert result["longest_gap_ms"] < 3000


def test_a_second_start_right_after_a_stop_works(world: World) -> None:
    before = world.linux()
    for _ in range(3):
        world.start_guard()
        world.running()
        assert world.answers()
        assert world.end("guard") == 0
    assert world.linux() == before


def test_there_is_one_guard_a_node(world: World) -> None:
    world.start_guard()
    world.running()
    first = world.processes.pop("guard")
    world.start_guard()
    assert world.processes.pop("guard").wait(timeout=20) == 1
    assert f"held by process {first.pid}" in world.log()
    world.processes["guard"] = first
    assert world.answers(HOST4)


@pytest.fixture
def rested(world: World) -> Callable[[], list[float]]:
    """How long the guards of this world have rested on plain Linux, each time."""
    return lambda: [line.wait_s for line in world.history() if line.to == "resting"]


def test_a_vpp_that_crashes_again_and_again_leaves_the_host_usable_for_longer_and_longer(
    world: World, rested: Callable[[], list[float]]
) -> None:
    before = world.linux()
    world.start_guard()
    for crashes in range(1, 5):
        [vpp] = until(lambda: world.running().vpps(), "VPP runs")
        with world.pinged() as result:
            os.kill(vpp, signal.SIGKILL)
            until(lambda crashes=crashes: len(rested()) == crashes, "Linux has it")
            until(world.answers, "the host answers without VPP")
        measured(f"kill -9 vpp, crash {crashes}", "running", result)
        assert result["longest_gap_ms"] < BACK_MS_MAX
    assert rested() == [0.0, 0.5, 2.0, 5.0]
    assert world.answers()
    assert "VPP killed by SIGKILL" in world.command("explain").stdout
    assert world.end("guard") == 0
    assert world.linux() == before
    assert GATEWAY4 in str(before["routes"])
