"""Edge: descriptors that the guard keeps back, so that it can restore Linux when all others are used up."""

import os
from contextlib import suppress

_KEPT = 16  # more than a restore has open at a time


class DescriptorReserve:
    """Open files of no use but their numbers."""

    def __init__(self) -> None:
        self._handles: list[int] = []

    def fill(self) -> None:
        """Keeps as many back as it should, or as there are."""
        with suppress(OSError):
            while len(self._handles) < _KEPT:
                self._handles.append(os.open(os.devnull, os.O_RDONLY))

    def release(self) -> None:
        """Lets others have them."""
        while self._handles:
            os.close(self._handles.pop())
