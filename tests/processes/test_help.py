"""Every process and the console command answer `--help`."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.layout.test_programs import modules


@pytest.mark.parametrize("module", sorted(modules()))
def test_a_process_answers_help(module: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", module, "--help"], capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "NODENAME" in done.stdout, "the configuration's variables are part of the help"


def test_the_console_command_answers_help() -> None:
    command = Path(sys.executable).with_name("vppd")
    done = subprocess.run([command, "--help"], capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 80
