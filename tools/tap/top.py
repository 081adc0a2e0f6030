"""Processes and words at a glance: rates, ages, troubles. Pure; time is an argument."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tools.tap.observer import NOTE, Observer, TapEvent
from tools.tap.show import Painter

WINDOW_S = 5.0
PROCESS = "process"
SORT_KEYS = ("name", "rate", "rows", "memory")


class Rates:
    """Rate and age of the events of the last seconds, by word and process."""

    def __init__(self) -> None:
        self._ages: deque[tuple[float, tuple[str, str], float]] = deque()

    def take(self, event: TapEvent, now: float) -> None:
        """`now`: s since 1970; the age of a row is its time on the way."""
        if not event.load:
            self._ages.append((now, (event.word, event.process), max(0.0, now - event.time)))

    def of(self, now: float) -> dict[tuple[str, str], tuple[float, float]]:
        """(rows a second, the greatest age in s) by (word, process)."""
        # What came later than now came before the clock was set back.
        while self._ages and not 0 <= now - self._ages[0][0] <= WINDOW_S:
            self._ages.popleft()
        count: Counter[tuple[str, str]] = Counter()
        oldest: dict[tuple[str, str], float] = {}
        for _, name, age in self._ages:
            count[name] += 1
            oldest[name] = max(oldest.get(name, 0.0), age)
        return {name: (number / WINDOW_S, oldest[name]) for name, number in count.items()}


@dataclass(frozen=True)
class TopTable:
    """Lines of a screen: a head that stays, and lines below it that may be scrolled."""

    head: str
    lines: tuple[str, ...]


def process_table(
    observer: Observer,
    rates: Rates,
    memory: Mapping[int, int],
    starts: Mapping[str, int],
    now: float,
    paint: Painter,
    by: str = "name",
) -> TopTable:
    """The processes. `memory`: bytes by pid; `starts`: observed restarts by process; `by`: one of SORT_KEYS."""
    spoken = rates.of(now)
    heads = f"{'MB':>6}{'rows/s':>8}{'gaps':>6}{'snap':>6}{'again':>6}{'new':>5}"
    sorted_lines: list[tuple[float, str, str]] = []
    processes = {key: value for _, key, value, _ in observer.rows(PROCESS) if not key.startswith("tool-")}
    for name, row in processes.items():
        rate = sum(each for (word, by_), (each, _) in spoken.items() if by_ == name and word not in (NOTE, PROCESS))
        counters: dict[str, Any] = row.get("counters", {})
        pid = row.get("pid", 0)
        megabytes = f"{memory[pid] / 1e6:.0f}" if pid in memory else "-"
        numbers = (counters.get("bus_gaps", 0), counters.get("snapshots", 0), counters.get("resends", 0))
        counts = "".join(f"{number:>6}" for number in numbers)
        state, colour = _state(row)
        line = f"{name:<12}{pid:>8}{megabytes:>6}{rate:>8.1f}{counts}{starts.get(name, 0):>5}  {paint(state, colour)}"
        rank = {"memory": memory.get(pid, 0), "rate": rate}.get(by, 0)
        sorted_lines.append((-rank, name, line))
    return TopTable(f"{'process':<12}{'pid':>8}{heads}  state", tuple(line for _, _, line in sorted(sorted_lines)))


def word_table(observer: Observer, rates: Rates, now: float, by: str = "name") -> TopTable:
    """The streams; `by`: one of SORT_KEYS."""
    spoken = rates.of(now)
    sorted_lines: list[tuple[float, str, str, str]] = []
    for (word, owner), mirror in observer.mirrors.items():
        rate, age_s = spoken.get((word, owner), (0.0, 0.0))
        if mirror.in_sync:
            count = len(mirror.stream.rows)
            line = f"{word:<19}{owner:<12}{count:>7}{rate:>8.1f}{age_s * 1000:>8.1f}"
            sorted_lines.append((-{"rows": count, "rate": rate}.get(by, 0), word, owner, line))
    head = f"{'word':<19}{'owner':<12}{'rows':>7}{'rows/s':>8}{'age ms':>8}"
    return TopTable(head, tuple(line for *_, line in sorted(sorted_lines)))


def fit_screen(processes: TopTable, words: TopTable, height: int, top: int, paint: Painter) -> list[str]:
    """At most `height` lines: all processes if they fit, then words from the one of index `top` on."""
    lines = [paint(processes.head, 1), *processes.lines]
    room = height - len(lines) - 2
    if room < 2:  # too low for both
        return lines[:height]
    shown = words.lines[top : top + room]
    hidden = len(words.lines) - len(shown)
    more = f"  ({hidden} more: arrows)" if hidden else ""
    return [*lines, "", paint(words.head + more, 1), *shown]


def _state(row: Mapping[str, Any]) -> tuple[str, int]:
    """In words, and the colour of it."""
    if not row.get("alive", True):
        return "dead", 31
    if row.get("stalled_s"):
        return f"stuck for {row['stalled_s']:.0f} s", 31
    if row.get("cut_off"):
        return f"hears nothing: {row['cut_off']}", 31
    if row.get("ready"):
        return "ready", 32
    return "; ".join(row.get("waiting", ())) or "not ready", 33
