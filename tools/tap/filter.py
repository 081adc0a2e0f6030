"""Filters of events: by process, word, key, cause, and the values of fields. Pure."""

import re
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from schemas.words import BUS_WORDS
from tools.tap.observer import NOTE, Observer, TapEvent

OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "!=": lambda actual, expected: actual != expected,
    "=": lambda actual, expected: actual == expected,
    "~": fnmatchcase,
    ">": lambda actual, expected: _number(actual) > _number(expected),
    "<": lambda actual, expected: _number(actual) < _number(expected),
}
EXPRESSION = re.compile(r"^([\w.-]+)(!=|=|~|>|<)(.*)$")
NOISE = ("process",)  # every process twice a second


class BadExpression(ValueError):
    """A malformed field expression."""


class FieldMatch(Struct, frozen=True):
    """`name` is a path into the value: `source.nets`; `~` compares with a pattern."""

    name: str
    operator: str
    value: str

    @classmethod
    def read(cls, text: str) -> "FieldMatch":
        """`ip_version=4`, `prefix~10.48*`, `took_s>0.1`. Raises BadExpression."""
        match = EXPRESSION.match(text)
        if match is None or (match[2] in "<>" and _number(match[3]) != _number(match[3])):
            raise BadExpression(f"{text!r}: not FIELD=VALUE, FIELD!=VALUE, FIELD~PATTERN, FIELD>NUMBER or FIELD<NUMBER")
        return cls(match[1], match[2], match[3])

    def fits(self, event: TapEvent) -> bool:
        """Does a field of the new row, of the old row, or of the event itself match?"""
        if self.name in ("took_s", "what"):
            return OPERATORS[self.operator](str(getattr(event, self.name)), self.value)
        values = [value for row in (event.new, event.old) for value in _at(row, self.name.split("."))]
        if self.operator == "!=":
            return self.value not in map(_text, values)
        return any(OPERATORS[self.operator](_text(value), self.value) for value in values)


class EventFilter(Struct, frozen=True):
    """Patterns (`*`, `?`, `[ab]`); empty: all."""

    processes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    fields: tuple[FieldMatch, ...] = ()
    loads: bool = False  # also the rows that were there before the tap came

    def fits(self, event: TapEvent) -> bool:
        """Does the event match every part of the filter?"""
        if event.load and not self.loads:
            return False
        if not self.words and event.word in NOISE:
            return False
        pairs = ((self.processes, event.process), (self.words, event.word), (self.keys, event.key))
        if not all(_matches_any(patterns, text) for patterns, text in (*pairs, (self.causes, event.cause))):
            return False
        return all(field.fits(event) for field in self.fields)


def unmatched_patterns(event_filter: EventFilter, observer: Observer) -> Iterator[str]:
    """A line for each pattern that nothing on the bus matches now; what it may be instead."""
    words = {word for word, _ in observer.mirrors} | set(BUS_WORDS) | {NOTE}
    processes = {owner for _, owner in observer.mirrors} | {key for _, key, _, _ in observer.rows("process")}
    keys = {key for mirror in observer.mirrors.values() for key in mirror.stream.rows}
    for patterns, names, kind in (
        (event_filter.words, words, "word"),
        (event_filter.processes, {name for name in processes if not name.startswith("tool-")}, "process"),
    ):
        for pattern in patterns:
            if not any(fnmatchcase(name, pattern) for name in names):
                near = get_close_matches(pattern, names, 3) or sorted(names)
                yield f"no {kind} is called {pattern!r}; there are {', '.join(near)}"
    for pattern in event_filter.keys:
        if not any(fnmatchcase(key, pattern) for key in keys):
            near = get_close_matches(pattern, keys, 3)
            yield f"no row has a key {pattern!r} now" + (f"; there are {', '.join(near)}" if near else "")


def _matches_any(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)


def _at(value: Any, path: list[str]) -> list[Any]:
    """The values at a path, of every item where it leads through a list."""
    if isinstance(value, list):
        return [leaf for item in value for leaf in _at(item, path)]
    if not path:
        return [] if value is None else [value]
    return _at(value.get(path[0]), path[1:]) if isinstance(value, dict) else []


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return float("nan")
