"""The benchmark of the bus runs, small, and says what it should; how fast is not looked at here."""

import json
import subprocess
import sys
from pathlib import Path

VPPD = Path(sys.executable).with_name("vppd")


def test_it_prints_what_it_measured_as_json() -> None:
    line = [VPPD, "bench", "bus", "--rows", "2000", "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["rows"] == 2000
    assert set(found["rows_per_s"]) == {"hearers_1", "hearers_4", "hearers_8"}
    assert all(rate > 0 for rate in (*found["rows_per_s"].values(), *found["bare_rows_per_s"].values()))
    assert found["taps"]["count"] == 3
    assert found["request"]["p99_ms"] > 0
    assert found["request_while_flooded"]["p99_ratio"] > 0
    assert found["newcomer"]["seconds"] >= 0
