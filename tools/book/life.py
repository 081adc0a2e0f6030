"""The guard's states for docs/guard.md, drawn from the table that the guard walks."""

from collections.abc import Iterable

from vppd_guard.life import GUARD_STATE_TEXTS, TABLE, GuardEvent, GuardState, Transition


def diagram() -> str:
    """A Mermaid state diagram; events that lead from one state to one other share an arrow."""
    lines = ["```mermaid", "stateDiagram-v2", "  [*] --> start"]
    for (state, to), events in _arrows(TABLE.values()).items():
        lines.append(f"  {state.value} --> {to.value}: {', '.join(event.value for event in events)}")
    lines += ["  restoring --> stopped: any, once told to stop", "  stopped --> [*]", "```"]
    return "\n".join(lines)


def table() -> str:
    """A row for each state: what is done in it, and what follows."""
    lines = ["| state | what is done | what follows |", "|---|---|---|"]
    for state in GuardState:
        ways = [f"{', '.join(e.value for e in events)}: {to.value}" for (_, to), events in _arrows(_of(state)).items()]
        lines.append(f"| {state.value} | {GUARD_STATE_TEXTS[state]} | {'; '.join(ways)} |")
    return "\n".join(lines)


def _of(state: GuardState) -> list[Transition]:
    return [row for row in TABLE.values() if row.state is state]


def _arrows(rows: Iterable[Transition]) -> dict[tuple[GuardState, GuardState], list[GuardEvent]]:
    arrows: dict[tuple[GuardState, GuardState], list[GuardEvent]] = {}
    for row in rows:
        arrows.setdefault((row.state, row.to), []).append(row.event)
    return arrows
