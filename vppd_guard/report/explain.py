"""Text of `vppd guard explain`: what the guard did, why, and what it does next. Pure.

For the node whose network has just broken: it needs the files that the guard leaves on disk, and no bus, API server or
VPP.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

from vppd_guard.life import GUARD_STATE_TEXTS, GuardState
from vppd_guard.report.history_line import GuardHistoryLine
from vppd_guard.undo.records import (
    DriverBoundRecord,
    FileWrittenRecord,
    KernelSetRecord,
    LinkMovedRecord,
    UndoRecord,
    UplinkCapturedRecord,
    VppStartedRecord,
)

_HAPPENED = re.compile(r" +\d+ \w+ ago  ")
_NEXT = {
    GuardState.START: "It will adopt the VPP that runs, or undo what is left, or look at the uplinks.",
    GuardState.PREFLIGHT: "If all checks pass it will take the uplinks; nothing has been touched so far.",
    GuardState.CAPTURED: "It will start VPP; if that fails it gives the uplinks back.",
    GuardState.TAKEN: "It will have VPP configured; if that fails it gives the uplinks back.",
    GuardState.UP: "It will bring the host's taps up; if that fails it gives the uplinks back.",
    GuardState.CONFIGURED: "What answered before must answer through VPP, else it gives the uplinks back.",
    GuardState.RUNNING: "If VPP ends or no longer forwards it will give the uplinks back and begin again.",
    GuardState.RESTORING: "It will rest, and then take the uplinks again.",
    GuardState.RETRYING: "It will try again to undo what is left.",
    GuardState.LOST: "It waits until the device is there again, gives it its addresses back and begins again.",
    GuardState.RESTING: "It will look at the uplinks and take them again.",
    GuardState.STOPPED: "Nothing, until it is started again.",
}


@dataclass(frozen=True, kw_only=True)
class ExplainedHost:
    """What the host shows at this moment."""

    time: float  # seconds since 1970
    guard_pid: int = 0  # 0: no guard runs
    vpp_pid: int = 0  # 0: no VPP of ours runs
    links: tuple[str, ...] = ()  # of each uplink: what has its name


def wrap_report_lines(text: str, width: int) -> str:
    """The text for a terminal of that width. Continuation lines are indented like the words above them."""
    return "\n".join(_folded(line, width) for line in text.splitlines())


def _folded(line: str, width: int) -> str:
    match = _HAPPENED.match(line)
    indent = match.end() if match else len(line) - len(line.lstrip()) + 2
    return textwrap.fill(line, max(width, 40), subsequent_indent=" " * indent, break_long_words=False) or line


def guard_explanation(
    lines: Sequence[GuardHistoryLine], records: Sequence[UndoRecord], now: ExplainedHost, journal: str, last: int = 20
) -> str:
    """The whole text. `last`: number of history lines at its end."""
    parts = [_state(lines, now), _reason(lines, now), _changes(records, now, journal), *now.links, "", "What happened:"]
    parts += [f"  {text}" for text in _history_texts(lines[-last:], now.time)] or ["  nothing is recorded"]
    return "\n".join(part for part in parts if part is not None)


def _current(lines: Sequence[GuardHistoryLine]) -> tuple[GuardState, GuardHistoryLine | None]:
    for line in reversed(lines):
        if line.to:
            return GuardState(line.to), line
        if line.what == "the guard starts":
            return GuardState.START, line
    return GuardState.START, None


def _state(lines: Sequence[GuardHistoryLine], now: ExplainedHost) -> str:
    state, line = _current(lines)
    if line is None:
        return "The guard has never run here."
    since = f"for {_duration_text(now.time - line.at)}"
    vpp = f"VPP runs (process {now.vpp_pid})." if now.vpp_pid else "VPP does not run."
    if not now.guard_pid:
        stopped = state is GuardState.STOPPED
        how = (
            f"It has stopped, {_duration_text(now.time - line.at)} ago."
            if stopped
            else f"It was in state {state.value}: killed?"
        )
        return f"The guard does not run. {how} {vpp}"
    action = f": {GUARD_STATE_TEXTS[state]}" if GUARD_STATE_TEXTS[state] else ""
    wait = f", until {_duration_text(max(0.0, line.at + line.wait_s - now.time))} from now" if line.wait_s else ""
    return f"The guard (process {now.guard_pid}) is in state {state.value} {since}{wait}{action}.\n{vpp} {_NEXT[state]}"


def _reason(lines: Sequence[GuardHistoryLine], now: ExplainedHost) -> str | None:
    """The last failure, unless all has been well since."""
    state, _ = _current(lines)
    for line in reversed(lines):
        if state is GuardState.RUNNING and line.to == GuardState.RUNNING.value:
            return None
        if line.why:
            count = f" ({line.failures} failures in a row)" if line.failures > 1 else ""
            return f"Last trouble, {_duration_text(now.time - line.at)} ago in state {line.state}{count}: {line.why}"
    return None


def _changes(records: Sequence[UndoRecord], now: ExplainedHost, journal: str) -> str | None:
    if not records:
        return "Nothing of the host is changed now."
    state = "VPP has" if now.vpp_pid else "Still to be undone"
    texts = [text for record in records if (text := _record(record))]
    advice = "" if now.guard_pid or now.vpp_pid else "\nTo undo it now: vppd guard restore"
    return f"{state} ({journal}):\n" + "\n".join(f"  {text}" for text in texts) + advice


def _record(record: UndoRecord) -> str:
    match record:
        case UplinkCapturedRecord(uplink=uplink, driver=driver):
            addresses = ", ".join(address.address for address in uplink.addresses)
            return f"uplink {uplink.name} (driver {driver}, MTU {uplink.mtu}): {addresses}"
        case LinkMovedRecord(name=name, netns=netns):
            return f"link {name} is in the network namespace {netns}"
        case FileWrittenRecord(path=path):
            return f"file {path}"
        case KernelSetRecord(path=path, before=before):
            return f"{path}, before: {before.strip()}"
        case DriverBoundRecord(pci=pci, before=before):
            return f"PCI device {pci}, before: driver {before or 'none'}"
        case VppStartedRecord():
            return ""


def _history_texts(lines: Sequence[GuardHistoryLine], now: float) -> list[str]:
    """A text for each line of the history, oldest first."""
    texts = []
    for line in lines:
        why = f": {line.why}" if line.why else ""
        took = f" after {line.took_ms / 1000:.1f} s" if line.state and line.took_ms >= 50 else ""
        text = f"{line.state} -> {line.to} ({line.event}{took}){why}" if line.state else f"{line.what}{why}"
        texts.append(f"{_duration_text(now - line.at):>6} ago  {text}")
    return texts


def _duration_text(seconds: float) -> str:
    """A time span as people say it, "5 min"."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
