"""A VPP, its namespaces and the writer's lives, cleaned up whatever happens."""

import asyncio
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from actors.vpp_writer.vpp.client import VppClient
from tests.contract import requests
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp

_numbers = count()


@pytest.fixture(autouse=True)
def noted() -> Iterator[None]:
    """Notes which requests writers make, and which they miss."""
    with pytest.MonkeyPatch.context() as patch:
        enqueue, post_batch, has = VppClient._enqueue, VppClient.post_batch, VppClient.supports

        def enqueued(api: VppClient, context: int, message: str, *rest: Any) -> None:
            requests.made.add(message)
            enqueue(api, context, message, *rest)

        def posted(api: VppClient, message: str, *rest: Any, **more: Any) -> None:
            requests.made.add(message)
            post_batch(api, message, *rest, **more)

        def asked(api: VppClient, message: str) -> bool:
            known = has(api, message)
            if not known:
                requests.lacking.add(message)
            return known

        patch.setattr(VppClient, "supports", asked)
        patch.setattr(VppClient, "_enqueue", enqueued)
        patch.setattr(VppClient, "post_batch", posted)
        yield


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
