"""Which of what is seen is asked for: by process, word, key, cause, and what fields say."""

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from msgspec import Struct

from tools.tap.seen import Seen

OPERATORS: dict[str, Callable[[str, str], bool]] = {
    "!=": lambda found, asked: found != asked,
    "=": lambda found, asked: found == asked,
    "~": fnmatchcase,
    ">": lambda found, asked: _number(found) > _number(asked),
    "<": lambda found, asked: _number(found) < _number(asked),
}
EXPRESSION = re.compile(r"^([\w.-]+)(!=|=|~|>|<)(.*)$")
NOISE = ("process",)  # every process twice a second


class BadExpression(ValueError):
    """A field expression that cannot be read."""


class Field(Struct, frozen=True):
    """`name` is a path into the value: `source.nets`; `~` compares with a pattern."""

    name: str
    operator: str
    value: str

    @classmethod
    def read(cls, text: str) -> "Field":
        """`ip_version=4`, `prefix~10.48*`, `took_s>0.1`. Raises BadExpression."""
        found = EXPRESSION.match(text)
        if found is None or (found[2] in "<>" and _number(found[3]) != _number(found[3])):
            raise BadExpression(f"{text!r}: not FIELD=VALUE, FIELD!=VALUE, FIELD~PATTERN, FIELD>NUMBER or FIELD<NUMBER")
        return cls(found[1], found[2], found[3])

    def fits(self, seen: Seen) -> bool:
        """Does the value, the one before, or the thing itself say so?"""
        if self.name in ("took_s", "what"):
            return OPERATORS[self.operator](str(getattr(seen, self.name)), self.value)
        values = [found for whole in (seen.new, seen.old) for found in _at(whole, self.name.split("."))]
        if self.operator == "!=":
            return self.value not in map(_text, values)
        return any(OPERATORS[self.operator](_text(found), self.value) for found in values)


class Wanted(Struct, frozen=True):
    """Patterns (`*`, `?`, `[ab]`); empty: all."""

    processes: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    fields: tuple[Field, ...] = ()
    loads: bool = False  # also what was there before the tap came

    def fits(self, seen: Seen) -> bool:
        """Is this one asked for?"""
        if seen.load and not self.loads:
            return False
        if not self.words and seen.word in NOISE:
            return False
        pairs = ((self.processes, seen.process), (self.words, seen.word), (self.keys, seen.key))
        if not all(_any(patterns, text) for patterns, text in (*pairs, (self.causes, seen.cause))):
            return False
        return all(field.fits(seen) for field in self.fields)


def _any(patterns: tuple[str, ...], text: str) -> bool:
    return not patterns or any(fnmatchcase(text, pattern) for pattern in patterns)


def _at(value: Any, path: list[str]) -> list[Any]:
    """All that is at a path; lists are gone into."""
    if isinstance(value, list):
        return [found for each in value for found in _at(each, path)]
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
