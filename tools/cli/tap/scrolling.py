"""Edge: a terminal on which a part of a table is shown, and keys that choose which part."""

import os
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager

KEYS = {
    b"\x1b[A": "up", b"k": "up", b"\x1b[B": "down", b"j": "down",
    b"\x1b[5~": "page up", b"\x1b[6~": "page down", b" ": "page down",
    b"s": "sort", b"q": "quit",
}  # fmt: skip
"""Bytes of a key -> what it does. Source: ECMA-48 cursor keys, as xterm sends them."""


@contextmanager
def single_keys() -> Iterator[bool]:
    """The terminal hands over each key as it is pressed. False: the standard input is no terminal."""
    if not sys.stdin.isatty():
        yield False
        return
    before = termios.tcgetattr(sys.stdin)
    tty.setcbreak(sys.stdin)
    try:
        yield True
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def pressed_key() -> str:
    """What the key that was pressed does; "" if nothing."""
    return KEYS.get(os.read(sys.stdin.fileno(), 16), "")


def scrolled(top: int, key: str, page: int, last: int) -> int:
    """The index of the first line shown after a key, from 0 to `last`."""
    step = {"up": -1, "down": 1, "page up": -page, "page down": page}.get(key, 0)
    return max(0, min(last, top + step))
