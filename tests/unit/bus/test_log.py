"""A log ends no process, whatever becomes of what it is written to."""

import errno
import io
import os

from bus.log import ProcessLog


class SmallStream(io.StringIO):
    """Takes nothing while it is full."""

    full = True

    def write(self, text: str) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(text)


def test_a_line_for_which_there_is_no_room_is_lost_and_nothing_else() -> None:
    stream = SmallStream()
    log = ProcessLog("cni", stream=stream)
    log.info("added", pod="a")
    stream.full = False
    log.info("added", pod="b")
    assert "pod=b" in stream.getvalue()
