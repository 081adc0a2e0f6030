"""Requests of the writer that no contract test makes: there may be none.

A plugin, because tests run in several workers and what these have seen comes together in the process above them.
"""

from pathlib import Path
from typing import Any

import pytest

from actors.vpp_writer.kinds import vpp_request_names
from actors.vpp_writer.vpp import definitions

HERE = Path(__file__).parent
observed: set[str] = set()  # seen on their way to VPP
lacking: set[str] = set()  # this VPP does not know them
_files: set[str] = set()  # that had tests in this session


def missing(session: pytest.Session) -> set[str] | None:
    """Requests that nobody has made; None: not all of the suite has run."""
    if {file.name for file in HERE.glob("test_*.py")} - _files or session.testsfailed or session.shouldstop:
        return None
    return known() - observed - lacking


def known() -> set[str]:
    """All requests that the writer can make."""
    return {*definitions.VITAL, *vpp_request_names()}


def pytest_collection_finish(session: pytest.Session) -> None:
    _files.update(item.path.name for item in session.items if item.path.parent == HERE)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Takes over what a worker has noted."""
    for mine, workers in zip(
        (observed, lacking, _files), getattr(node, "workeroutput", {}).get("requests", ()), strict=False
    ):
        mine.update(workers)


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["requests"] = [sorted(names) for names in (observed, lacking, _files)]
    elif missing(session):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any) -> None:
    unmade = missing(terminalreporter._session)
    if unmade is not None:
        terminalreporter.write_line(f"requests of the writer that no contract test makes: {sorted(unmade) or 'none'}")
        terminalreporter.write_line(f"requests of the writer that this VPP lacks: {sorted(lacking) or 'none'}")
