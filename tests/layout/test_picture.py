"""The picture of the house in ARCHITECTURE.md is the one that the import contracts draw."""

import re

from tests.layout.names import PROJECT
from tests.layout.signposts import contents
from tools.book.page import ARCHITECTURE, filled
from tools.book.rooms import house, picture

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


def test_an_arrow_leads_down_one_floor() -> None:
    arrows = re.findall(r"^  floor(\d+) --> floor(\d+)$", picture(), re.MULTILINE)
    assert [(int(above), int(below)) for above, below in arrows] == [(n, n + 1) for n in range(len(house().floors) - 1)]
