"""`vppd restart`, `logs` and `--version`, as their user meets them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.processes.supervision.conftest import Supervised
from tests.waiting import until

VPPD = Path(sys.executable).with_name("vppd")
NOBODY = 65534
# Loaded before the rights are dropped: the code may lie where only root can read.
AS_NOBODY = f"""\
import os, sys
from tools.cli.main import main
os.setgroups([])
os.setgid({NOBODY})
os.setuid({NOBODY})
sys.exit(main(sys.argv[1:]))
"""


def vppd(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([VPPD, *words], capture_output=True, text=True, timeout=60, check=False)


@pytest.fixture
def supervised(new_supervised: Callable[[], Supervised]) -> Supervised:
    """Two programs that talk."""
    supervised = new_supervised()
    for name in ("cni", "gobgpd"):
        supervised.program(name, f"echo {name} one; echo {name} two; exec sleep 1000\n")
    supervised.start()
    until(lambda: all(program.is_up for program in supervised.supervisor.programs().values()), "both run")
    return supervised


def test_the_version_is_told() -> None:
    completed = vppd("--version")
    assert (completed.returncode, completed.stdout.split()[0]) == (0, "vppd")


def test_programs_are_restarted_each_with_a_line(supervised: Supervised) -> None:
    before = {name: program.pid for name, program in supervised.supervisor.programs().items()}
    completed = vppd("restart", "all", "--run", str(supervised.run))
    assert completed.returncode == 0, completed.stderr
    after = {name: program.pid for name, program in supervised.supervisor.programs().items()}
    assert completed.stdout.splitlines() == [f"{name}: restarted, process {pid}" for name, pid in after.items()]
    assert set(before.values()).isdisjoint(after.values())


def test_a_stopped_program_is_started_by_a_restart(supervised: Supervised) -> None:
    supervised.supervisor.stop("cni")
    assert vppd("restart", "cni", "--run", str(supervised.run)).returncode == 0
    assert supervised.state("cni").is_up


def test_an_unknown_name_lists_the_names_and_restarts_nothing(supervised: Supervised) -> None:
    before = supervised.state("cni").pid
    completed = vppd("restart", "cni", "web", "--run", str(supervised.run))
    assert (completed.returncode, completed.stdout) == (1, "")
    assert completed.stderr == "vppd: no process web; there are: cni, gobgpd; or all\n"
    assert supervised.state("cni").pid == before
    completed = vppd("logs", "web", "--run", str(supervised.run))
    assert completed.stderr == "vppd: no log of web; there are: cni, gobgpd, supervisord\n"


def test_without_a_supervisord_one_line_says_so(tmp_path: Path) -> None:
    completed = vppd("restart", "guard", "--run", str(tmp_path))
    where = f"{tmp_path}/supervisor.sock: No such file or directory"
    assert (completed.returncode, completed.stderr) == (1, f"vppd: no supervisord runs here: {where}\n")
    completed = vppd("logs", "guard", "--run", str(tmp_path))
    words = f"{tmp_path}/log: no logs there; --run DIR says where the node's processes run"
    assert (completed.returncode, completed.stderr) == (1, f"vppd: {words}\n")


def test_whoever_is_not_root_gets_one_line(supervised: Supervised) -> None:
    supervised.run.chmod(0o755)
    command = [sys.executable, "-c", AS_NOBODY, "restart", "cni", "--run", str(supervised.run)]
    completed = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    words = f"{supervised.run}/supervisor.sock: Permission denied; are you root?"
    assert (completed.returncode, completed.stderr) == (1, f"vppd: {words}\n")


def test_the_last_lines_of_a_log_are_printed_also_across_its_files(supervised: Supervised) -> None:
    log = supervised.run / "log"
    until(lambda: "cni two" in (log / "cni.log").read_text(), "it has spoken")
    assert vppd("logs", "cni", "-n", "1", "--run", str(supervised.run)).stdout == "cni two\n"
    (log / "cni.log.1").write_text("before one\nbefore two\n")
    completed = vppd("logs", "cni", "-n", "3", "--run", str(supervised.run))
    assert completed.stdout == "before two\ncni one\ncni two\n"


def test_a_log_is_followed_also_into_its_next_file(supervised: Supervised, tmp_path: Path) -> None:
    log, out = supervised.run / "log" / "other.log", tmp_path / "out"
    log.write_text("old\n")
    with out.open("wb") as handle:
        command = [VPPD, "logs", "other", "-f", "--run", str(supervised.run)]
        follower = subprocess.Popen(command, stdout=handle, stderr=subprocess.PIPE)
    try:
        until(lambda: out.read_text() == "old\n", "what is there is printed")
        written = "old\n"
        for number in range(3):
            log.rename(log.with_name("other.log.1"))
            log.write_text(f"new {number}\n")
            written += f"new {number}\n"
            until(lambda written=written: out.read_text() == written, f"the file {number} after the first is printed")
        with log.open("a") as handle_of_log:
            handle_of_log.write("more\n")
        until(lambda: out.read_text() == written + "more\n", "what is added is printed")
    finally:
        follower.terminate()
        _, errors = follower.communicate(timeout=30)
    assert errors == b""
