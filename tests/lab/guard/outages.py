"""`python -m tests.lab.guard.outages FILE...`: the measured outages (VPPD_OUTAGES) as the table of docs/guard.md.

A row for each crash and point, a column for each VPP; milliseconds without an answer from the host, seen from outside.
"""

import json
import sys
from pathlib import Path

COLUMNS = ("vppsim", "real")


def table(lines: list[str]) -> str:
    """Markdown. The last measurement of a crash at a point counts."""
    rows: dict[tuple[str, str], dict[str, float]] = {}
    for line in lines:
        row = json.loads(line)
        rows.setdefault((row["crash"], row["at"]), {})[row["vpp"]] = row["longest_gap_ms"]
    texts = ["| what dies or fails | at | vppsim | VPP 26.10 |", "|---|---|---|---|"]
    for (crash, at), gaps in rows.items():
        cells = (f"{gaps[name]:.0f}" if name in gaps else "" for name in COLUMNS)
        texts.append(f"| {crash} | {at} | {' | '.join(cells)} |")
    return "\n".join(texts)


if __name__ == "__main__":
    lines = [line for name in sys.argv[1:] for line in Path(name).read_text().splitlines()]
    sys.stdout.write(table(lines) + "\n")
