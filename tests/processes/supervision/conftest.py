"""A supervisord with programs of the test's own."""

import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.waiting import until
from tools.node.programs import NodeProgram, NodeSupervisor, NoSupervisord

CONF = """\
[supervisord]
nodaemon=true
user=root
logfile={run}/log/supervisord.log
logfile_maxbytes=8KB
logfile_backups=1
pidfile={run}/supervisord.pid
[unix_http_server]
file={run}/supervisor.sock
[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""
PROGRAM = """\
[program:{name}]
command={command}
autorestart=true
startretries=1000000
startsecs={startsecs}
redirect_stderr=true
stdout_logfile={run}/log/{name}.log
stdout_logfile_maxbytes=16KB
stdout_logfile_backups=1
"""


class Supervised:
    """A supervisord in a run directory of its own."""

    def __init__(self, run: Path) -> None:
        self.run, self.supervisor = run, NodeSupervisor(run)
        self._conf = CONF.format(run=run)
        self._process: subprocess.Popen[bytes] | None = None

    def program(self, name: str, script: str, startsecs: int = 0) -> None:
        """Adds a program: a script of sh(1)."""
        path = self.run / f"{name}.sh"
        path.write_text(script)
        self._conf += PROGRAM.format(name=name, command=f"/bin/sh {path}", run=self.run, startsecs=startsecs)

    def start(self) -> None:
        """Starts supervisord; what it says goes to the log directory, too."""
        (self.run / "supervisord.conf").write_text(self._conf)
        line = [sys.executable, "-m", "supervision", "-n", "-c", str(self.run / "supervisord.conf")]
        with (self.run / "log" / "out").open("ab") as out:
            self._process = subprocess.Popen(line, stdout=out, stderr=out)
        until(self.answers, "supervisord answers")

    def answers(self) -> bool:
        """Does supervisord answer?"""
        with suppress(NoSupervisord):
            return bool(self.supervisor.programs())
        return False

    def state(self, name: str) -> NodeProgram:
        """A program as supervisord has it now."""
        return self.supervisor.programs()[name]

    def end(self) -> int:
        """Ends supervisord. Returns its exit code."""
        if self._process is None:
            return 0
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise


@pytest.fixture
def new_supervised() -> Iterator[Callable[[], Supervised]]:
    """Makes run directories for supervisords, with short names; everything is ended and removed."""
    made: list[Supervised] = []

    def make() -> Supervised:
        run = Path(tempfile.mkdtemp(prefix="vsv"))
        (run / "log").mkdir()
        made.append(Supervised(run))
        return made[-1]

    try:
        yield make
    finally:
        for supervised in made:
            try:
                supervised.end()
            finally:
                subprocess.run(["umount", "-l", str(supervised.run / "log")], check=False, capture_output=True)
                shutil.rmtree(supervised.run, ignore_errors=True)
