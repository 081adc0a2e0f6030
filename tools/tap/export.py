"""Recordings in other forms: a trace for Perfetto, a sequence diagram for Mermaid. Pure."""

import json
from collections.abc import Iterable, Iterator
from typing import Any

from tools.tap.chain import Hop
from tools.tap.observer import NOTE, TapEvent
from tools.tap.show import duration

BUS = "bus"
VPP = "VPP"
MESSAGES_MAX = 200
LABEL_MAX = 60


def perfetto(events: Iterable[TapEvent]) -> str:
    """JSON in the Trace Event Format: a process for each process, a track for each word, a slice for each event, as
    long as it took; flow arrows connect the events of one cause.
    """
    trace: list[dict[str, Any]] = []
    processes: dict[str, int] = {}
    tracks: dict[tuple[str, str], int] = {}
    causes: dict[str, int] = {}
    for event in events:
        if event.load:
            continue
        pid = processes.setdefault(event.process, len(processes) + 1)
        tid = tracks.setdefault((event.process, event.word), len(tracks) + 1)
        start_us, took_us = (event.time - event.took_s) * 1e6, max(event.took_s * 1e6, 1)
        title = f"{event.what} {event.key}".strip() if event.word == NOTE else event.key
        about = {"cause": event.cause, "old": event.old, "new": event.new}
        at = {"pid": pid, "tid": tid, "ts": start_us}
        trace.append({"ph": "X", "name": title, "cat": event.word, "dur": took_us, "args": about, **at})
        if event.cause:
            first = event.cause not in causes
            number = causes.setdefault(event.cause, len(causes) + 1)
            flow = {"ph": "s" if first else "t", "id": number, "name": event.cause, "cat": "cause"}
            trace.append(flow | at)
    metadata = [
        {"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}} for name, pid in processes.items()
    ]
    metadata += [
        {"ph": "M", "name": "thread_name", "pid": processes[process], "tid": tid, "args": {"name": word}}
        for (process, word), tid in tracks.items()
    ]
    return json.dumps({"traceEvents": [*metadata, *trace], "displayTimeUnit": "ms"})


def mermaid(hops: Iterable[Hop]) -> Iterator[str]:
    """A sequence diagram of one chain."""
    yield "sequenceDiagram"
    participants: set[str] = set()
    lines: list[str] = []
    left_out = 0
    for hop in hops:
        if len(lines) >= MESSAGES_MAX:
            left_out += 1
            continue
        event = hop.event
        to = VPP if event.what == "vpp-call" else event.process if event.word == NOTE else BUS
        for name in (event.process, to):
            if name not in participants:
                participants.add(name)
                yield f"    participant {_id(name)} as {name}"
        lines.append(f"    {_id(event.process)}->>{_id(to)}: {_label(hop)}")
    yield from lines
    if left_out:
        yield f"    Note over {_id(BUS)}: {left_out} more"


def _label(hop: Hop) -> str:
    event = hop.event
    new = event.new or {}
    title = new.get("message", "") if event.what == "vpp-call" else event.what or event.word
    text = f"{title} {event.key}".replace(";", ",").replace("#", "")
    return f"+{duration(hop.after_s)} {text[:LABEL_MAX]}"


def _id(name: str) -> str:
    return name.replace("-", "_")
