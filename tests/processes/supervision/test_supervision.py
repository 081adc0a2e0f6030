"""Programs that die again and again are paused, and a full disk of logs holds nobody up."""

import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.processes.supervision.conftest import Supervised
from tests.waiting import until
from tools.node.absences import why_absent

DISK_BYTES = 96 * 1024
PIPE_BYTES = 64 * 1024  # what a program can say while nobody reads (pipe(7))
DIES = 'echo x >> "{starts}"; echo "OSError: [Errno 28] No space left on device" >&2; exit 3\n'


def line_count(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


def test_a_program_that_dies_again_and_again_pauses_longer_and_longer_and_status_knows_why(
    new_supervised: Callable[[], Supervised],
) -> None:
    supervised = new_supervised()
    starts = supervised.run / "starts"
    supervised.program("cni", DIES.format(starts=starts))
    supervised.program("lives", "exec sleep 1000\n")
    supervised.start()
    until(lambda: "5 deaths in a row" in supervised.state("cni").description, "it has died five times")
    assert line_count(starts) == 5, "it is not started meanwhile"
    program = supervised.state("cni")
    assert program.state == "BACKOFF"
    assert program.description == "exit status 3; 5 deaths in a row, starts again after 4 s"
    assert why_absent(supervised.run, []) == {
        "cni": [f"BACKOFF: {program.description}", "last words: OSError: [Errno 28] No space left on device"]
    }
    (supervised.run / "cni.sh").write_text("exec sleep 1000\n")
    until(lambda: supervised.state("cni").state == "RUNNING", "mended, it runs after the pause")


def test_a_program_that_pauses_can_be_stopped_and_restarted_at_once(new_supervised: Callable[[], Supervised]) -> None:
    supervised = new_supervised()
    starts = supervised.run / "starts"
    supervised.program("cni", DIES.format(starts=starts), startsecs=1)
    supervised.start()
    until(lambda: "4 deaths in a row" in supervised.state("cni").description, "it has died four times")
    supervised.supervisor.stop("cni")
    assert supervised.state("cni").state == "STOPPED"
    count = line_count(starts)
    supervised.supervisor.start("cni")
    until(lambda: line_count(starts) > count + 1, "after an order it has no deaths behind it: started twice at once")


def test_a_program_that_is_killed_now_and_then_is_started_again_at_once(
    new_supervised: Callable[[], Supervised],
) -> None:
    supervised = new_supervised()
    supervised.program("cni", "exec sleep 1000\n")
    supervised.start()
    for _ in range(2):
        pid = until(lambda: supervised.state("cni").pid, "it runs")
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: supervised.state("cni").pid not in (0, pid), "it runs again")
        assert supervised.state("cni").state == "RUNNING"


def test_a_full_disk_of_logs_ends_nobody_and_holds_nobody_up(new_supervised: Callable[[], Supervised]) -> None:
    supervised = new_supervised()
    turns = supervised.run / "turns"
    log = supervised.run / "log"
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(log)], check=True)
    thousand = "x" * 1000
    supervised.program("talks", f'while :; do echo {thousand}; echo turn >> "{turns}"; sleep 0.005; done\n')
    supervised.program("dies", DIES.format(starts=supervised.run / "starts"))
    supervised.start()
    until(lambda: line_count(log / "talks.log.1") > 0, "the log goes through its files")
    filler = log / "filler"
    with filler.open("wb", buffering=0) as handle:
        try:
            while True:
                handle.write(bytes(1024))
        except OSError:
            pass
    full_at = line_count(turns)
    said = 3 * PIPE_BYTES // len(thousand)
    until(lambda: line_count(turns) > full_at + said, "it goes on, also when its words fill the pipe several times")
    assert supervised.answers()
    supervised.supervisor.stop("dies")
    supervised.supervisor.start("dies")
    filler.unlink()
    until(lambda: any("could not be written" in path.read_text() for path in log.glob("talks.log*")), "it is told")
    assert supervised.end() == 0


def test_a_log_directory_that_is_gone_keeps_no_program_from_running(new_supervised: Callable[[], Supervised]) -> None:
    supervised = new_supervised()
    supervised.program("lives", "echo here; exec sleep 1000\n")
    supervised.start()
    for path in (supervised.run / "log").iterdir():
        path.unlink()
    (supervised.run / "log").rmdir()
    supervised.supervisor.stop("lives")
    supervised.supervisor.start("lives")
    until(lambda: supervised.state("lives").state == "RUNNING", "it runs without a log")
