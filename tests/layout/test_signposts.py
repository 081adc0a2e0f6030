"""Signposts cannot lie: every module is in its package's list, and what is named as a module exists."""

import ast
from pathlib import Path

import pytest

from tests.layout.names import PACKAGES as FOLDERS
from tests.layout.names import PROJECT, sources
from tests.layout.signposts import contents, documents, listed, missing_modules, packages, unknown_words

PACKAGES = [str(path.relative_to(PROJECT)) for path in packages()]
MAPS = {"ARCHITECTURE.md", "CONTRIBUTING.md"}  # what is between their backticks is a place in the code
DOCUMENTS = [str(path.relative_to(PROJECT)) for path in documents()]


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_every_module_of_it_and_no_other(package: str) -> None:
    assert listed(PROJECT / package) == contents(PROJECT / package)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_module_that_a_document_names_exists(document: str) -> None:
    path = PROJECT / document
    assert not missing_modules(path.read_text(), path.parent)
    assert document not in MAPS or not unknown_words(path.read_text())


@pytest.mark.parametrize("folder", FOLDERS)
def test_every_module_that_a_docstring_names_exists(folder: str) -> None:
    lies = {
        str(path.relative_to(PROJECT)): names
        for path in sources(PROJECT / folder)
        if (names := missing_modules("\n".join(_docstrings(path)), path.parent, rooms=False))
    }
    assert not lies


def test_lists_and_names_are_read() -> None:
    assert PACKAGES
    assert DOCUMENTS


@pytest.mark.parametrize(
    "name",
    ["bus/nothing.py", "nothing.py", "bus.nothing", "bus.peer.import", "states/nothing", "kinds/nothing/",
     "docs/nothing.md", "nothing.py:99"],
)  # fmt: skip
def test_a_name_that_leads_nowhere_is_found(name: str) -> None:
    assert missing_modules(f"see `{name}`", PROJECT) == [name.partition(":")[0]]


@pytest.mark.parametrize(
    "name",
    ["bus/calls.py", "calls.py", "bus.calls", "bus.peer.BusPeer", "kinds/routes.py", "apply/", "vppd status",
     "10.0.0.0/8", "docs/guard.md", "routes.py:9"],
)  # fmt: skip
def test_a_name_that_leads_somewhere_is_not(name: str) -> None:
    assert not missing_modules(f"see `{name}`", PROJECT)


def test_a_program_that_does_not_exist_is_found() -> None:
    assert missing_modules("python -m actors.nothing", PROJECT) == ["actors.nothing"]
    assert not missing_modules("    python -m actors.cni --help", PROJECT)


def test_in_a_section_about_a_package_a_word_is_something_of_it() -> None:
    section = "## The writer (`actors/vpp_writer/`)\n\n`delta`, `plan`, `reconcile`\n\n## More\n\n`etcd`\n"
    assert unknown_words(section) == ["delta"]


def _docstrings(path: Path) -> list[str]:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    nodes = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, documented)]
    return [text for node in nodes if (text := ast.get_docstring(node))]
