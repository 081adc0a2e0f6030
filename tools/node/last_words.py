"""What a process that has died said last: the line of its log that tells why. Pure."""

import re
from collections.abc import Sequence

LENGTH_MAX = 300
_STARTED = re.compile(r"^\S+ info \S+ started pid=")
_ERROR = re.compile(r"^\S+ error \S+ (.*)$")
_RAISED = re.compile(r"^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|Exit|Interrupt|Warning|Failed|Refused)\b.*$")


def last_words(lines: Sequence[str]) -> str:
    """The last error of a process's last life: an exception's line or an `error` of the log; "" if it named none."""
    for line in reversed(lines):
        if _STARTED.match(line):
            break
        if (error := _ERROR.match(line)) is not None:
            return error[1][:LENGTH_MAX]
        if _RAISED.match(line):
            return line[:LENGTH_MAX]
    return ""
