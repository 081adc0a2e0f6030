"""Edge: what a look at a host makes on its way is taken away: directories, and the namespace of virtual uplinks."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from vppd_guard.linux import namespaces


@contextmanager
def without_trial_leftovers(directories: list[Path], netns: str) -> Iterator[None]:
    """Afterwards there is nothing of these directories and of that namespace that was not there before."""
    missing = [first for path in directories if (first := _first_missing(path))]
    netns_missing = not namespaces.netns_exists(netns)
    try:
        yield
    finally:
        for path in missing:
            shutil.rmtree(path, ignore_errors=True)
        if netns_missing and namespaces.netns_exists(netns):
            namespaces.remove_netns(netns)


def _first_missing(path: Path) -> Path | None:
    """The outermost part of the path that does not exist."""
    missing = [part for part in (path, *path.parents) if not part.exists()]
    return missing[-1] if missing else None
