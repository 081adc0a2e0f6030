"""A publisher's rows as bytes. Pure. A row that cannot travel is withheld and named: it stalls itself and no other.

What was said of its key before stays: a row that has become too large is better old than gone.
"""

from collections.abc import Container

from msgspec import Struct

from bus.envelope import ROW_KEY_BYTES_MAX, is_too_long_a_key
from schemas import codec

ROW_BYTES_MAX = 4 << 20  # half of what a message may have
_NAMED_MAX = 20  # withheld rows that are named one by one
_KEY_SHOWN_MAX = 100


class RowEncoder:
    """The rows of one process, of all its streams."""

    def __init__(self) -> None:
        self._withheld: dict[tuple[str, str], str] = {}  # (word, key) -> why

    def encode(self, word: str, key: str, value: Struct) -> bytes | None:
        """The bytes of a row; None: it is withheld."""
        try:
            data = codec.encode_row_value(value)
            why = _obstacle(key, data)
        except (ValueError, TypeError, OverflowError) as error:  # a lone surrogate, a number that is too large
            data, why = b"", str(error)
        if not why:
            if self._withheld:
                self._withheld.pop((word, key), None)
            return data
        self._withheld[word, key] = why
        return None

    def forget(self, word: str, key: str) -> None:
        """The row is not wanted any more."""
        if self._withheld:
            self._withheld.pop((word, key), None)

    def keep_only(self, word: str, rows: Container[str]) -> None:
        """Of a stream, these rows are wanted and no others."""
        for name in [name for name in self._withheld if name[0] == word and name[1] not in rows]:
            del self._withheld[name]

    @property
    def count(self) -> int:
        """How many rows are withheld."""
        return len(self._withheld)

    @property
    def problems(self) -> tuple[str, ...]:
        """What is withheld, with the reason."""
        named = [f"{word} {key[:_KEY_SHOWN_MAX]}: not said: {why}" for (word, key), why in self._withheld.items()]
        more = (f"and {len(named) - _NAMED_MAX} more rows",) if len(named) > _NAMED_MAX else ()
        return (*named[:_NAMED_MAX], *more)


def _obstacle(key: str, data: bytes) -> str:
    """Why a row may not travel; empty: it may. Raises UnicodeEncodeError."""
    if len(data) > ROW_BYTES_MAX:
        return f"{len(data)} bytes, more than {ROW_BYTES_MAX}"
    if is_too_long_a_key(key):
        return f"its key is longer than {ROW_KEY_BYTES_MAX} bytes"
    return ""
