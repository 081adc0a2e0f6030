"""Unit tests are pure: they start no process, so that all of them take seconds (`make quick`).

Those that start one are below tests/processes.
"""

import sys
from collections.abc import Iterator

import pytest

_STARTS = {"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.system"}  # audit events of CPython
_watched: list[str] = []  # the test that runs


@pytest.fixture(autouse=True)
def pure(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fails the test that starts a process."""
    _watched.append(request.node.nodeid)
    yield
    _watched.clear()


def _refuse(event: str, arguments: object) -> None:
    if _watched and event in _STARTS:
        raise AssertionError(f"{_watched[-1]} starts a process: {event} {arguments}; its place is tests/processes")


sys.addaudithook(_refuse)  # there is no way to take it off again
