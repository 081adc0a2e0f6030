"""A class has one idea: one that grows beyond a few screens has got a second, which wants a name and a file."""

import ast

import pytest

from tests.layout.names import PROJECT, sources

LINES_MAX = 250
PACKAGES = ("schemas", "bus", "actors", "vppd_guard", "supervision", "tools")


def large_classes(text: str) -> dict[str, int]:
    """The classes with more lines than they may have, and how many."""
    classes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)]
    lines = {node.name: (node.end_lineno or node.lineno) - node.lineno + 1 for node in classes}
    return {name: number for name, number in lines.items() if number > LINES_MAX}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_class_is_too_large(package: str) -> None:
    files = [*sources(PROJECT / package)]
    assert files
    too_large = {str(path.relative_to(PROJECT)): large_classes(path.read_text()) for path in files}
    assert {path: classes for path, classes in too_large.items() if classes} == {}


def test_a_large_class_is_found() -> None:
    just_so = "class Small:\n" + "    number: int\n" * (LINES_MAX - 1)
    assert large_classes(just_so) == {}
    assert large_classes(just_so + "    another: int\n") == {"Small": LINES_MAX + 1}
