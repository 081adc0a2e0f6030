"""A VPP, its namespaces and the writer's lives, cleaned up whatever happens."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.contract.living import Life
from tests.contract.machine import Namespace, Vpp

_numbers = count()


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
def life(vpp: Vpp, stack: ExitStack, tmp_path: Path) -> Callable[[], Life]:
    """Starts lives of the writer; all of them share one journal."""
    runner = stack.enter_context(asyncio.Runner())

    def start() -> Life:
        life = Life(vpp.socket, tmp_path / "writer", runner)
        stack.callback(life.stop)
        return life.connect()

    return start
