"""Speakers for the stories: fresh ones, or ones whose sessions are up already."""

import asyncio
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.processes.gobgp.speakers import ADDRESS, ADDRESS6, BLOCK, BLOCK6, Speakers, converge, listening, reached
from tests.processes.gobgp.speakers import desired_of_both_families as desired


@contextmanager
def running() -> Iterator[Speakers]:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        speakers = Speakers(Path(directory))
        try:
            speakers.make()
            for name in ("a", "b"):
                speakers.start(name)
            yield speakers
        finally:
            speakers.remove()


@pytest.fixture
def pair() -> Iterator[Speakers]:
    """`a` and `b`, both empty."""
    with running() as speakers:
        yield speakers


async def connect(speakers: Speakers) -> None:
    async with reached(speakers, "a") as a, reached(speakers, "b") as b, listening(a) as listener:
        await converge(a, desired("a", "b"))
        await converge(b, desired("b", "a"))
        await listener.learns({BLOCK["b"]: ADDRESS["b"], BLOCK6["b"]: ADDRESS6["b"]})


@pytest.fixture(scope="module")
def joined() -> Iterator[Speakers]:
    """`a` and `b` with a session for each family. A test ends with what it began with, or converges first."""
    with running() as speakers:
        asyncio.run(connect(speakers))
        yield speakers
