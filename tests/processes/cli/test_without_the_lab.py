"""A node's commands work where the lab's code is absent, and do not load it where it is there."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).resolve().parents[3]
NODE_COMMANDS = ("status", "logs", "restart", "ask", "guard", "tap", "bench", "completion")
# Packages as they lie in the directories of sys.path: not where an editable installation says.
MAIN = """\
import sys
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in getattr(finder, "__module__", "")]
from tools.cli.main import main
"""
HELP_OF_EACH = """
for command in sys.argv[1:]:
    try:
        main([command, "--help"])
    except SystemExit as exit:
        assert exit.code == 0, command
sys.stderr.write(" ".join(name for name in sys.modules if name.startswith(("tools.lab", "tools.cli.lab"))))
"""


def python(code: str, *words: str, directory: Path = PROJECT) -> subprocess.CompletedProcess[str]:
    """Runs code that has `main`; packages in `directory` go before the project's."""
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-c", MAIN + code, *words]
    return subprocess.run(
        command, cwd=directory, env=environment, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.fixture
def without_lab(tmp_path: Path) -> Path:
    """A directory with the tools as they are, but for the lab."""
    tools = PROJECT / "tools"
    shutil.copytree(tools, tmp_path / "tools", ignore=lambda path, _: ["lab"] if path == str(tools) else [])
    return tmp_path


def test_a_node_s_commands_load_nothing_of_the_lab() -> None:
    completed = python(HELP_OF_EACH, *NODE_COMMANDS[:-1])
    assert (completed.returncode, completed.stderr) == (0, "")
    assert "tools.lab.state" in python(HELP_OF_EACH, "lab").stderr, "but the lab's command does"


def test_a_node_s_commands_work_without_the_lab(without_lab: Path) -> None:
    completed = python(HELP_OF_EACH, *NODE_COMMANDS, directory=without_lab)
    assert (completed.returncode, completed.stderr) == (0, "")
    for command in NODE_COMMANDS:
        assert f"usage: vppd {command}" in completed.stdout


def test_without_the_lab_its_command_is_listed_and_the_others_are_completed(without_lab: Path) -> None:
    completed = python("for words in ['completion', 'bash'], ['--help']: main(words)", directory=without_lab)
    assert (completed.returncode, completed.stderr) == (0, "")
    assert "vppd tap record" in completed.stdout
    assert "vppd lab up" not in completed.stdout
    assert " lab " in completed.stdout
