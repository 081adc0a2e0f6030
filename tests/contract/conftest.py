"""A VPP, its namespaces and the writer's lives, cleaned up whatever happens.

When the whole suite has run, every request that the writer can make must have been made, but for those that this VPP
does not know.
"""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from actors.vpp_writer.kinds import requests
from actors.vpp_writer.vpp import definitions
from actors.vpp_writer.vpp.client import VppClient
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp

_numbers = count()
_made: set[str] = set()
_lacking: set[str] = set()


@pytest.fixture(scope="session", autouse=True)
def noted() -> Iterator[None]:
    """Notes which requests writers make, and which they miss."""
    with pytest.MonkeyPatch.context() as patch:
        enqueue, post_batch, has = VppClient._enqueue, VppClient.post_batch, VppClient.supports

        def enqueued(api: VppClient, context: int, message: str, *rest: Any) -> None:
            _made.add(message)
            enqueue(api, context, message, *rest)

        def posted(api: VppClient, message: str, *rest: Any, **more: Any) -> None:
            _made.add(message)
            post_batch(api, message, *rest, **more)

        def asked(api: VppClient, message: str) -> bool:
            known = has(api, message)
            if not known:
                _lacking.add(message)
            return known

        patch.setattr(VppClient, "supports", asked)
        patch.setattr(VppClient, "_enqueue", enqueued)
        patch.setattr(VppClient, "post_batch", posted)
        yield


def _missing(session: pytest.Session) -> set[str] | None:
    """Requests that nobody has made; None: not all of the suite has run."""
    here = Path(__file__).parent
    ran = {item.path for item in session.items if here in item.path.parents}
    if {*here.glob("test_*.py")} - ran or session.testsfailed or session.shouldstop:
        return None
    return {*definitions.VITAL, *requests()} - _made - _lacking


def pytest_sessionfinish(session: pytest.Session) -> None:
    if _missing(session):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    missing = _missing(terminalreporter._session)
    if missing is not None:
        terminalreporter.write_line(f"requests of the writer that no contract test makes: {sorted(missing) or 'none'}")
        terminalreporter.write_line(f"requests of the writer that this VPP lacks: {sorted(_lacking) or 'none'}")


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """Undoes what the test did, last first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def namespace(stack: ExitStack) -> Callable[[str], Namespace]:
    """Makes network namespaces with names of their own."""
    return lambda word: Namespace(f"vc{os.getpid() % 100_000}-{next(_numbers)}-{word}", stack)


@pytest.fixture
def vpp(stack: ExitStack, namespace: Callable[[str], Namespace], tmp_path: Path) -> Vpp:
    """A running VPP in a namespace of its own."""
    run = tmp_path / "vpp"
    run.mkdir()
    vpp = Vpp(run, namespace("vpp"))
    stack.callback(vpp.stop)
    vpp.start()
    return vpp


@pytest.fixture
def life(vpp: Vpp, stack: ExitStack, tmp_path: Path) -> Callable[[], WriterLife]:
    """Starts lives of the writer; all of them share one journal."""
    runner = stack.enter_context(asyncio.Runner())

    def start() -> WriterLife:
        life = WriterLife(vpp.socket, tmp_path / "writer", runner)
        stack.callback(life.stop)
        return life.connect()

    return start
