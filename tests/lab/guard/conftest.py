"""Worlds for the guard, each removed after its test."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.lab.guard.world import World

_numbers = count()


@pytest.fixture
def new_world() -> Iterator[Callable[[], World]]:
    """Makes worlds without any process."""
    made: list[World] = []

    def make() -> World:
        directory = Path(tempfile.mkdtemp(prefix="vgd"))
        made.append(World(directory, next(_numbers)))
        made[-1].make()
        return made[-1]

    try:
        yield make
    finally:
        for world in made:
            world.remove()


@pytest.fixture
def world(new_world: Callable[[], World]) -> World:
    """A world in which bus and writer run."""
    made = new_world()
    made.start_basics()
    return made
