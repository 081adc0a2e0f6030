"""The rows as they are now, intents beside their statuses. Pure."""

from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any

import msgspec

from tools.tap.observer import Observer, decode_value, field_differences
from tools.tap.show import Painter, abbreviated, in_full, pack_lines

INTENT, STATUS = "intent", "status."
APPLIED = "applied"


def words(observer: Observer) -> Iterator[str]:
    """One line a stream: word, owner, how many rows."""
    yield f"{'word':<18} {'owner':<12} {'rows':>7}"
    for (word, owner), mirror in sorted(observer.mirrors.items()):
        if mirror.in_sync:
            yield f"{word:<18} {owner:<12} {len(mirror.stream.rows):>7}"


def rows(observer: Observer, word: str, key: str, width: int, paint: Painter) -> Iterator[str]:
    """Rows whose word and key fit the patterns, in full."""
    for name in sorted({word_ for word_, _ in observer.mirrors if fnmatchcase(word_, word)}):
        for owner, row_key, value, cause in observer.rows(name):
            if fnmatchcase(row_key, key):
                status = _status(observer, owner, row_key) if name == INTENT else None
                yield f"{paint(name, 2)} {paint(owner, 36)} {row_key}" + (
                    f"  {_status_text(status, paint)}" if status else ""
                )
                fields = [f"{field or 'value'}={in_full(new)}" for field, _, new in field_differences({}, value)]
                about = [*fields, *([f"({cause})"] if cause else [])]
                yield from pack_lines(about, "    ", width)


def rows_as_json(observer: Observer, word: str, key: str) -> Iterator[str]:
    """A line of JSON for each row whose word and key fit the patterns: word, owner, key, value, cause; status."""
    for name in sorted({word_ for word_, _ in observer.mirrors if fnmatchcase(word_, word)}):
        for owner, row_key, value, cause in observer.rows(name):
            if fnmatchcase(row_key, key):
                line = {"word": name, "owner": owner, "key": row_key, "value": value, "cause": cause}
                status = {"status": _status(observer, owner, row_key)} if name == INTENT else {}
                yield msgspec.json.encode({**line, **status}).decode()


def unapplied(observer: Observer, paint: Painter) -> Iterator[str]:
    """Intents that VPP does not hold, with the reason and the missing keys."""
    for owner, key, _, cause in observer.rows(INTENT):
        status = _status(observer, owner, key)
        if status is None or status.get("state") != APPLIED:
            yield f"{paint(owner, 36)} {key}  {_status_text(status, paint)}" + (f"  ({cause})" if cause else "")


def _status(observer: Observer, owner: str, key: str) -> dict[str, Any] | None:
    mirror = observer.mirrors.get((f"{STATUS}{owner}", "vpp-writer"))
    row = mirror.stream.rows.get(key) if mirror else None
    return decode_value(row.value) if row else None


def _status_text(status: dict[str, Any] | None, paint: Painter) -> str:
    if status is None:
        return paint("no status", 33)
    state = status.get("state", "?")
    if state == APPLIED:
        details = " ".join(f"{name}={abbreviated(value)}" for name, value in (status.get("details") or {}).items())
        return paint(f"applied {details}".strip(), 32)
    if state == "pending":
        return paint("waits for " + ", ".join(status.get("needs", ())), 33)
    return paint(f"{state}: {status.get('reason', '')}", 31)
