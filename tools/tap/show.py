"""Lines: for people, coloured and no wider than their terminal; for programs, JSON."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from tools.tap.observer import NOTE, TapEvent, field_differences

VALUE_MAX = 40
SHORT = {"vpp-writer": "writer", "kube-watch": "kube", "endpoint-slice": "slice", "interface-policies": "if-policies"}
COLOURS = {"guard": 33, "vpp-writer": 35, "kube-watch": 36, "routing": 32, "cni": 34, "services": 95, "policy": 91}
DIM, BOLD, PLAIN = 2, 1, 0
GAP = 2
INDENT, ROOM_MIN, NARROW = 24, 24, 60  # columns


class Painter:
    """Colours text, if colours are on."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def __call__(self, text: str, *codes: int) -> str:
        """The text in these colours (ECMA-48: select graphic rendition)."""
        return f"\033[{';'.join(map(str, codes))}m{text}\033[0m" if self._colours and codes else text


def as_json(event: TapEvent) -> str:
    """One line of JSON, without fields that have their defaults."""
    return msgspec.json.encode(event).decode()


def clock(time: float) -> str:
    """Local time of day, ms."""
    return datetime.fromtimestamp(time).astimezone().strftime("%H:%M:%S.%f")[:-3]


def event_lines(event: TapEvent, width: int, paint: Painter, cause: str = "") -> Iterator[str]:
    """A head, and below it what does not fit beside it. `cause`: of the event before; it is not repeated."""
    when, process, word = clock(event.time), SHORT.get(event.process, event.process), SHORT.get(event.word, event.word)
    word = "·" if event.word == NOTE else word
    sign = {(True, False): "+", (False, True): "-"}.get((event.old is None, event.new is None), "~")
    title = printable(f"{event.what} {event.key}".strip() if event.word == NOTE else f"{sign} {event.key}")
    title += f" {duration(event.took_s)}" if event.took_s else ""
    process, word = printable(process), printable(word)
    lead = f"{when} {process:<8} {word:<9} "
    indent = " " * (INDENT if width >= NARROW else 2)
    beside = width - len(lead) >= ROOM_MIN
    head, *more_lines = wrap(title, width - len(lead)) if beside else ("", *wrap(title, width - len(indent)))
    sender = paint(f"{process:<8}", COLOURS.get(event.process, PLAIN))
    yield f"{paint(when, DIM)} {sender} {word:<9} {head}".rstrip()
    for text in (piece for each in more_lines for piece in wrap(each, width - len(indent))):
        yield indent + text
    about = [printable(text) for text in field_changes(event)]
    if event.cause not in ("", cause):
        about.append(paint(printable(f"({event.cause})")[: width - len(indent)], DIM))
    yield from pack_lines(about, indent, width)


def field_changes(event: TapEvent) -> Iterator[str]:
    """The fields that differ, or, of a note, all."""
    if event.word == NOTE:
        yield from (
            f"{name}={abbreviated(value)}" for name, value in (event.new or {}).items() if value not in ("", None)
        )
        return
    if event.new is None:
        return
    for field, old, new in field_differences(event.old or {}, event.new):
        yield _change(field or "value", old, new)


def _change(field: str, old: Any, new: Any) -> str:
    if old is None:
        return f"{field}={abbreviated(new)}"
    if isinstance(old, list) and isinstance(new, list):
        added, removed = [each for each in new if each not in old], [each for each in old if each not in new]
        if added or removed:
            return f"{field}: " + " ".join(
                (*(f"+{abbreviated(each)}" for each in added), *(f"-{abbreviated(e)}" for e in removed))
            )
    return f"{field}: {abbreviated(old)} -> {abbreviated(new)}"


def abbreviated(value: Any) -> str:
    """A value in a few characters."""
    text = in_full(value)
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"


def in_full(value: Any) -> str:
    """A value, however long it is."""
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, dict):
        return "{" + " ".join(f"{key}={in_full(each)}" for key, each in value.items()) + "}"
    if isinstance(value, list):
        return "[" + " ".join(map(in_full, value)) + "]"
    return "-" if value is None else str(value)


def duration(seconds: float) -> str:
    """A duration: `1.2 ms`, `340 us`, `2.1 s`."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.0f} us"


def printable(text: str) -> str:
    """The text with unprintable characters replaced: a terminal would obey some of them."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "?" for letter in text)


def wrap(text: str, room: int) -> list[str]:
    """A text in pieces of at most so many characters."""
    return [text[at : at + room] for at in range(0, len(text), room)] or [""]


def pack_lines(texts: list[str], indent: str, width: int) -> Iterator[str]:
    """Texts packed into lines of the given width."""
    line, column = "", len(indent)
    for text in (piece for each in texts for piece in _fitting(each, width - len(indent))):
        length = len(without_colours(text))
        if line and column + GAP + length > width:
            yield indent + line
            line, column = "", len(indent)
        line += (" " * GAP if line else "") + text
        column += (GAP if column > len(indent) else 0) + length
    if line:
        yield indent + line


def _fitting(text: str, room: int) -> list[str]:
    return wrap(text, room) if "\033" not in text else [text]


def without_colours(text: str) -> str:
    """The text without colours."""
    if "\033" not in text:
        return text
    out, inside = "", False
    for letter in text:
        inside = inside or letter == "\033"
        if not inside:
            out += letter
        elif letter == "m":
            inside = False
    return out
