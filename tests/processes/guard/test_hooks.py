"""A user's script cannot hold up the guard, flood its log or end it."""

import asyncio
import io
import os
import signal
import time
from pathlib import Path

import pytest

from bus.log import ProcessLog
from tests.waiting import until, until_async
from vppd_guard.host.hooks import LINE_MAX, LINES_MAX, HostHookPoint, HostHookResult, run_host_hook

SOON_S = 5.0


def hook(script: str, limit_s: float = SOON_S, names: tuple[str, ...] = ("eth0", "eth1")) -> tuple[HostHookResult, str]:
    """Runs a script; its result and the log."""
    stream = io.StringIO()
    log = ProcessLog("guard", stream=stream)
    work = run_host_hook(
        HostHookPoint.VPP_RUNNING, script, names, log, limit_s, render=lambda t: t.replace("__X__", "x")
    )
    return asyncio.run(work), stream.getvalue()


def test_a_script_knows_its_point_and_all_uplinks() -> None:
    result, log = hook('echo "$0 $1 $2 $#"')
    assert (result.ran, result.code, result.late) == (True, 0, False)
    assert 'hook says point=VPP_RUNNING line="VPP_RUNNING eth0 eth1 2"' in log


def test_tokens_are_replaced_and_the_environment_is_passed_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOOK_TEST", "seen")
    assert "line=xseen" in hook("echo __X__$HOOK_TEST")[1]


def test_no_script_is_no_hook() -> None:
    assert hook("  \n") == (HostHookResult(ran=False), "")


def test_a_script_that_cannot_be_run_is_words_in_the_log() -> None:
    result, log = hook("echo \0")
    assert not result.ran
    assert "hook not run" in log


def test_a_failing_script_says_how_and_nothing_is_raised() -> None:
    result, log = hook("echo oh >&2; exit 3")
    assert result.code == 3
    assert "line=oh" in log
    assert "warning guard hook point=VPP_RUNNING" in log
    assert "code=3" in log


def test_a_late_script_is_ended_with_its_children(tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    started = time.monotonic()
    result, log = hook(f"trap '' TERM; sleep 1000 & echo $$ $! > {pids}; wait; sleep 1000", limit_s=0.3)
    assert result.late
    assert result.code is None
    assert time.monotonic() - started < SOON_S
    assert "not done within 0.3 s" in log
    until(lambda: not any(alive(int(pid)) for pid in pids.read_text().split()), "no child is left", SOON_S)


def test_a_child_that_holds_the_output_does_not_hold_us(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    started = time.monotonic()
    try:
        result, log = hook(f"sleep 1000 & echo $! > {pid}; echo done")
        assert time.monotonic() - started < SOON_S
        assert result.code == 0
        assert "line=done" in log
        assert alive(int(pid.read_text())), "what a script leaves behind on purpose is its own affair"
    finally:
        os.kill(int(pid.read_text()), signal.SIGKILL)


def test_the_log_is_bounded_and_the_script_is_not_held_up() -> None:
    result, log = hook(f"seq 1 100000; head -c {LINE_MAX * 10} /dev/zero | tr '\\0' y")
    assert result.code == 0
    assert log.count("hook says point") <= LINES_MAX + 1
    assert "hook says too much" in log
    assert max(map(len, log.splitlines())) < LINE_MAX * 2


def test_a_cancelled_hook_leaves_nothing(tmp_path: Path) -> None:
    pid = tmp_path / "pid"

    async def cancel() -> None:
        log = ProcessLog("guard", stream=io.StringIO())
        work = run_host_hook(
            HostHookPoint.BEFORE_VPP_RUN, f"echo $$ > {pid}; sleep 1000", ("eth0",), log, 60.0, render=str
        )
        task = asyncio.create_task(work)
        await until_async(lambda: pid.exists() and pid.read_text().strip(), "the script has begun", SOON_S)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(cancel())
    until(lambda: not alive(int(pid.read_text())), "the script has ended", SOON_S)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
