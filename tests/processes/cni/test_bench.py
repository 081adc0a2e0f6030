"""`vppd bench cni` measures what it says it does; how fast the machine is, is not asked here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tools.bench.cni import slope


def test_the_figures_are_of_all_pods_and_nothing_stays() -> None:
    command = [sys.executable, "-m", "tools.cli.main", "bench", "cni", "--pods", "3", "--rounds", "2", "--json"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["pods"] == 3
    assert list(result["rounds"]) == ["1", "2"]
    assert 0 < result["add"]["p50_ms"] <= result["add"]["p99_ms"]
    assert not list(Path("/var/run/netns").glob("vppd-bench-*"))


def test_the_slope_is_what_a_value_grows_by() -> None:
    assert slope([1.0, 3.0, 5.0]) == pytest.approx(2.0)
    assert slope([4.0]) == 0.0
