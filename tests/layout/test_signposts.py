"""Signposts cannot lie: every module is in its package's list, and what is named as a module exists."""

import ast
from pathlib import Path

import pytest

from tests.layout.names import PACKAGES as FOLDERS
from tests.layout.names import PROJECT, sources
from tests.layout.signposts import contents, documents, listed, missing_modules, packages

PACKAGES = [str(path.relative_to(PROJECT)) for path in packages()]
DOCUMENTS = [str(path.relative_to(PROJECT)) for path in documents()]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_every_module_of_it_and_no_other(package: str) -> None:
    assert listed(PROJECT / package) == contents(PROJECT / package)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_that_a_document_names_exists(document: str) -> None:
    path = PROJECT / document
    assert not missing_modules(path.read_text(), path.parent)


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_that_a_docstring_names_exists(folder: str) -> None:
    lies = {
        str(path.relative_to(PROJECT)): names
        for path in sources(PROJECT / folder)
        if (names := missing_modules("\n".join(_docstrings(path)), path.parent))
    }
    assert not lies


def test_lists_and_names_are_read() -> None:
    assert PACKAGES
    assert DOCUMENTS
    assert missing_modules("see `bus/nothing.py`, `nothing.py`, `bus.nothing`", PROJECT) == [
        "bus/nothing.py", "nothing.py", "bus.nothing",
    ]  # fmt: skip
    assert not missing_modules("see `bus/calls.py`, `calls.py`, `bus.calls`, `vppd status`, `10.0.0.0/8`", PROJECT)


def _docstrings(path: Path) -> list[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, documented)]
    return [text for node in nodes if (text := ast.get_docstring(node))]
