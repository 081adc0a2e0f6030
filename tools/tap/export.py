"""Recordings for other eyes: a trace that Perfetto opens, a sequence diagram that Mermaid draws. Pure."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tools.tap.chain import Hop
from tools.tap.seen import NOTE, Seen
from tools.tap.show import took

BUS = "bus"
VPP = "VPP"
MESSAGES_MAX = 200
LABEL_MAX = 60


def perfetto(seen: Iterable[Seen]) -> str:
    """JSON in the Trace Event Format: a process each, a track a word; what took time is a slice, what did not an
    instant; what has one cause is tied together by flow arrows.
    """
    events: list[dict[str, Any]] = []
    processes: dict[str, int] = {}
    tracks: dict[tuple[str, str], int] = {}
    causes: dict[str, int] = {}
    for each in seen:
        if each.load:
            continue
        pid = processes.setdefault(each.process, len(processes) + 1)
        tid = tracks.setdefault((each.process, each.word), len(tracks) + 1)
        start_us, took_us = (each.time - each.took_s) * 1e6, max(each.took_s * 1e6, 1)
        what = f"{each.what} {each.key}".strip() if each.word == NOTE else each.key
        about = {"cause": each.cause, "old": each.old, "new": each.new}
        at = {"pid": pid, "tid": tid, "ts": start_us}
        events.append({"ph": "X", "name": what, "cat": each.word, "dur": took_us, "args": about, **at})
        if each.cause:
            first = each.cause not in causes
            number = causes.setdefault(each.cause, len(causes) + 1)
            flow = {"ph": "s" if first else "t", "id": number, "name": each.cause, "cat": "cause"}
            events.append(flow | at)
    named = [{"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}} for name, pid in processes.items()]
    named += [
        {"ph": "M", "name": "thread_name", "pid": processes[process], "tid": tid, "args": {"name": word}}
        for (process, word), tid in tracks.items()
    ]
    return json.dumps({"traceEvents": [*named, *events], "displayTimeUnit": "ms"})


def mermaid(hops: Iterable[Hop]) -> Iterator[str]:
    """A sequence diagram of one chain."""
    yield "sequenceDiagram"
    told: set[str] = set()
    lines: list[str] = []
    left_out = 0
    for hop in hops:
        if len(lines) >= MESSAGES_MAX:
            left_out += 1
            continue
        seen = hop.seen
        to = VPP if seen.what == "vpp-call" else seen.process if seen.word == NOTE else BUS
        for name in (seen.process, to):
            if name not in told:
                told.add(name)
                yield f"    participant {_id(name)} as {name}"
        lines.append(f"    {_id(seen.process)}->>{_id(to)}: {_label(hop)}")
    yield from lines
    if left_out:
        yield f"    Note over {_id(BUS)}: {left_out} more"


def _label(hop: Hop) -> str:
    seen = hop.seen
    new = seen.new or {}
    what = new.get("message", "") if seen.what == "vpp-call" else seen.what or seen.word
    text = f"{what} {seen.key}".replace(";", ",").replace("#", "")
    return f"+{took(hop.after_s)} {text[:LABEL_MAX]}"


def _id(name: str) -> str:
    return name.replace("-", "_")
