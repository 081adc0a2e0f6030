"""The picture of the house in ARCHITECTURE.md is the one that the import contracts draw."""

import ast
from collections.abc import Iterator, Mapping

from tests.layout.names import PROJECT, sources
from tests.layout.signposts import contents
from tools.book.page import ARCHITECTURE, filled
from tools.book.rooms import arrows, house, picture

PROGRAMS = {"__main__"}


def test_the_picture_is_drawn_from_the_contracts_of_today() -> None:
    assert ARCHITECTURE.read_text() == filled(ARCHITECTURE.read_text(), {"rooms": picture()}), "stale: run make book"


def test_every_process_has_its_rooms_in_the_picture() -> None:
    """Whole: a module that no contract places would stand nowhere."""
    drawn = house()
    packages = {package for floor in drawn.floors for package in floor} - {"tools", "schemas"}
    for package in packages:
        rooms = {room for floor in drawn.rooms[package] for room in floor}
        assert rooms - PROGRAMS == contents(PROJECT / package.replace(".", "/")), package


def test_what_is_imported_lies_below_an_arrow() -> None:
    """The imports are read from the code itself, the arrows from the contracts."""
    drawn = house()
    floor_of = {package: number for number, floor in enumerate(drawn.floors) for package in floor}
    highest = dict(arrows(drawn))
    imports = {pair for package in floor_of for pair in _imports(package, floor_of)}
    assert ("actors.cni", "actors.runtime") in imports
    wrong = {(above, below) for above, below in imports if floor_of[below] < highest[above]}
    assert not wrong


def test_the_guard_has_no_arrow_to_the_managers_runtime() -> None:
    assert "vppd_guard --> floor3" in picture()
    assert "vppd_guard --> floor2" not in picture()


def _imports(package: str, packages: Mapping[str, int]) -> Iterator[tuple[str, str]]:
    """(package, another package that a module of it imports from)."""
    for path in sources(PROJECT / package.replace(".", "/")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and node.module:
                target = next((name for name in packages if f"{node.module}.".startswith(f"{name}.")), package)
                if target != package:
                    yield package, target
