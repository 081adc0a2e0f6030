"""`vppd bench bus` measures what it says it does; how fast the machine is, is not asked here."""

import json
import subprocess
import sys

ROWS = 300
BARE = {"a_row_a_message", "as_our_parts", "held_as_structs"}


def test_every_figure_is_there_and_is_a_number() -> None:
    command = [sys.executable, "-m", "tools.cli.main", "bench", "bus", "--rows", str(ROWS), "--json"]
    command_result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert command_result.returncode == 0, command_result.stderr
    result = json.loads(command_result.stdout)
    assert result["rows"] == ROWS
    assert result["bytes_each"] > 0
    assert result["rows_per_s"].keys() == {"hearers_1", "hearers_4", "hearers_8"}
    assert result["bare_rows_per_s"].keys() == result["ratio_to_bare"].keys() == BARE
    assert {"p50_ms", "p99_ms"} <= result["request"].keys()
    assert {"seconds", "broker_mb"} <= result["newcomer"].keys()
    sections = [value if isinstance(value, dict) else {key: value} for key, value in result.items()]
    assert all(isinstance(number, int | float) for part in sections for number in part.values())
    assert all(rate > 0 for part in ("rows_per_s", "bare_rows_per_s") for rate in result[part].values())
