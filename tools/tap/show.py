"""Lines: for people, coloured and no wider than their terminal; for programs, JSON."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import msgspec

from tools.tap.seen import NOTE, Seen, differences

VALUE_MAX = 40
SHORT = {"vpp-writer": "writer", "kube-watch": "kube", "endpoint-slice": "slice", "interface-policies": "if-policies"}
COLOURS = {"guard": 33, "vpp-writer": 35, "kube-watch": 36, "routing": 32, "cni": 34, "services": 95, "policy": 91}
DIM, BOLD, PLAIN = 2, 1, 0
GAP = 2
INDENT, ROOM_MIN, NARROW = 24, 24, 60  # columns


class Painter:
    """Colours, if there are any."""

    def __init__(self, colours: bool) -> None:
        self._colours = colours

    def __call__(self, text: str, *codes: int) -> str:
        """The text in these colours (ECMA-48: select graphic rendition)."""
        return f"\033[{';'.join(map(str, codes))}m{text}\033[0m" if self._colours and codes else text


def as_json(seen: Seen) -> str:
    """One line; what is as by default is left out."""
    return msgspec.json.encode(seen).decode()


def clock(time: float) -> str:
    """Local time of day, ms."""
    return datetime.fromtimestamp(time).astimezone().strftime("%H:%M:%S.%f")[:-3]


def lines(seen: Seen, width: int, paint: Painter, cause: str = "") -> Iterator[str]:
    """What was seen: a head, and below it what does not fit beside it. `cause`: the last one's, not said again."""
    when, process, word = clock(seen.time), SHORT.get(seen.process, seen.process), SHORT.get(seen.word, seen.word)
    word = "·" if seen.word == NOTE else word
    sign = {(True, False): "+", (False, True): "-"}.get((seen.old is None, seen.new is None), "~")
    what = clean(f"{seen.what} {seen.key}".strip() if seen.word == NOTE else f"{sign} {seen.key}")
    what += f" {took(seen.took_s)}" if seen.took_s else ""
    process, word = clean(process), clean(word)
    lead = f"{when} {process:<8} {word:<9} "
    indent = " " * (INDENT if width >= NARROW else 2)
    beside = width - len(lead) >= ROOM_MIN
    head, *rest = wrapped(what, width - len(lead)) if beside else ("", *wrapped(what, width - len(indent)))
    who = paint(f"{process:<8}", COLOURS.get(seen.process, PLAIN))
    yield f"{paint(when, DIM)} {who} {word:<9} {head}".rstrip()
    for text in (piece for each in rest for piece in wrapped(each, width - len(indent))):
        yield indent + text
    about = [clean(text) for text in changes(seen)]
    if seen.cause not in ("", cause):
        about.append(paint(clean(f"({seen.cause})")[: width - len(indent)], DIM))
    yield from packed(about, indent, width)


def changes(seen: Seen) -> Iterator[str]:
    """The fields that differ, or, of a note, all."""
    if seen.word == NOTE:
        yield from (f"{name}={short(value)}" for name, value in (seen.new or {}).items() if value not in ("", None))
        return
    if seen.new is None:
        return
    for field, old, new in differences(seen.old or {}, seen.new):
        yield _change(field or "value", old, new)


def _change(field: str, old: Any, new: Any) -> str:
    if old is None:
        return f"{field}={short(new)}"
    if isinstance(old, list) and isinstance(new, list):
        came, went = [each for each in new if each not in old], [each for each in old if each not in new]
        if came or went:
            return f"{field}: " + " ".join((*(f"+{short(each)}" for each in came), *(f"-{short(e)}" for e in went)))
    return f"{field}: {short(old)} -> {short(new)}"


def short(value: Any) -> str:
    """A value in a few characters."""
    if isinstance(value, float):
        return f"{value:.3f}".rstrip("0").rstrip(".")
    if isinstance(value, dict):
        text = "{" + " ".join(f"{key}={short(each)}" for key, each in value.items()) + "}"
    elif isinstance(value, list):
        text = "[" + " ".join(map(short, value)) + "]"
    else:
        text = "-" if value is None else str(value)
    return text if len(text) <= VALUE_MAX else text[: VALUE_MAX - 1] + "…"


def took(seconds: float) -> str:
    """A duration: `1.2 ms`, `340 us`, `2.1 s`."""
    if seconds >= 1:
        return f"{seconds:.1f} s"
    return f"{seconds * 1000:.1f} ms" if seconds >= 0.001 else f"{seconds * 1e6:.0f} us"


def clean(text: str) -> str:
    """Without letters that a terminal would obey."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else "?" for letter in text)


def wrapped(text: str, room: int) -> list[str]:
    """A text in pieces of at most so many characters."""
    return [text[at : at + room] for at in range(0, len(text), room)] or [""]


def packed(texts: list[str], indent: str, width: int) -> Iterator[str]:
    """Texts beside one another, as many as a line has room for."""
    line, used = "", len(indent)
    for text in (piece for each in texts for piece in _fitting(each, width - len(indent))):
        length = len(bare(text))
        if line and used + GAP + length > width:
            yield indent + line
            line, used = "", len(indent)
        line += (" " * GAP if line else "") + text
        used += (GAP if used > len(indent) else 0) + length
    if line:
        yield indent + line


def _fitting(text: str, room: int) -> list[str]:
    return wrapped(text, room) if "\033" not in text else [text]


def bare(text: str) -> str:
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
