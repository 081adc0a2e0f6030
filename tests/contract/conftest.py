"""A VPP, its namespaces and the writer's lives, cleaned up whatever happens."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.contract import requests
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp
from tests.contract.relay import Relay

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
def life(vpp: Vpp, stack: ExitStack, tmp_path: Path) -> Callable[[], WriterLife]:
    """Starts lives of the writer; all of them share one journal."""
    runner = stack.enter_context(asyncio.Runner())
    requests.lacking.update(requests.known() - {*vpp.message_names().values()})
    relay = Relay(tmp_path / "relay.sock", vpp.socket, vpp.message_names, requests.observed)
    stack.callback(relay.close)

    def start() -> WriterLife:
        life = WriterLife(tmp_path / "relay.sock", tmp_path / "writer", runner)
        stack.callback(life.stop)
        return life.connect()

    return start
