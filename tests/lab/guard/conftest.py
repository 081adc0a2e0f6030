"""Worlds for the guard, each removed after its test."""

import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from tests.lab.guard.world import World

_numbers = count()


@pytest.fixture
def new_bare_world() -> Iterator[Callable[[], World]]:
    """Makes worlds without wires and processes."""
    worlds: list[World] = []

    def make() -> World:
        worlds.append(World(Path(tempfile.mkdtemp(prefix="vgd")), next(_numbers)))
        worlds[-1].make_bare()
        return worlds[-1]

    try:
        yield make
    finally:
        for world in worlds:
            world.remove()


@pytest.fixture
def world(new_bare_world: Callable[[], World]) -> World:
    """A world with one wire, in which bus and writer run."""
    world = new_bare_world()
    world.wire_up()
    world.start_basics()
    return world
