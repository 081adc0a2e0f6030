"""Edge: how the processes of a node on this machine are configured."""

import os
from pathlib import Path

from schemas.config import is_recordable_variable
from tools.tap.observer import Observer
from tools.tap.top import PROCESS


def node_settings(observer: Observer) -> dict[str, str]:
    """The variables, but for secret ones, of the first of the node's processes that may be looked at; {}: of none.

    Source: proc(5), /proc/<pid>/environ.
    """
    for _, name, row, _ in observer.rows(PROCESS):
        if name.startswith("tool-"):
            continue
        try:
            raw = Path(f"/proc/{row.get('pid', 0)}/environ").read_bytes()
        except OSError:
            continue
        pairs = (os.fsdecode(entry).partition("=") for entry in raw.split(b"\0"))
        if settings := {name: value for name, _, value in pairs if is_recordable_variable(name)}:
            return settings
    return {}
