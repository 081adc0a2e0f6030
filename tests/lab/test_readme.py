"""The README's first steps, as they stand there, end well."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

from tests.lab.conftest import ON_VPP, VPPD, traces_of
from tests.waiting import until

PROJECT = Path(__file__).resolve().parents[2]
SILENT = "stranger -- curl"  # what the README says is silence


def first_steps() -> list[str]:
    """The commands of the README's section, without their remarks, from after `make lab`."""
    section = (PROJECT / "README.md").read_text().partition("## First steps\n")[2].partition("\n## ")[0]
    commands = [line[4:].split(" #")[0].strip() for line in section.splitlines() if line.startswith("    ")]
    assert commands[:2] == ["make lab", ". .venv/bin/activate"]
    return commands[2:]


def test_the_first_steps_end_well(new_name: Callable[[], str], tmp_path: Path) -> None:
    name = new_name()
    lines = ["set -euo pipefail", " ".join(("vppd lab up", *ON_VPP))]
    lines += [f"{command} || true" if SILENT in command else command for command in first_steps()]
    (tmp_path / "tools").symlink_to(PROJECT / "tools")
    environment = os.environ | {"VPPD_LAB": name, "PATH": f"{VPPD.parent}:{os.environ['PATH']}"}
    walked = subprocess.run(
        ["bash", "-xc", "\n".join(lines)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=150, check=False,
    )  # fmt: skip
    assert walked.returncode == 0, walked.stdout + walked.stderr
    assert "web on node1 answers 10.48.0.65" in walked.stdout
    assert walked.stdout.count("web on node1 answers") == 1, "the stranger was answered"
    assert "client does not reach web" in walked.stdout
    assert "denied by default/web" in walked.stdout
    assert "FAIL" not in walked.stdout
    until(lambda: traces_of(name) == [], "nothing is left")
