"""Names say what they name: few pronouns, and one meaning for a class's name."""

import ast
from pathlib import Path

import pytest

from tests.layout import names
from tests.layout.names import by_package, public_classes

POOR_SHARE_MAX = 0.02  # admired projects of our kind: 0.004 to 0.02
EXCEPTIONS_MAX = 12

# class names with two homes, each with the reason why both are one meaning
SHARED_CLASSES: dict[str, str] = {}

PACKAGES = by_package()


@pytest.mark.parametrize("package", sorted(PACKAGES))
def test_names_are_seldom_pronouns_or_bare_participles(package: str) -> None:
    poor = [binding for binding in PACKAGES[package] if binding.says_nothing]
    listed = "\n".join(f"{b.path.relative_to(names.PROJECT)}:{b.line}: {b.name}" for b in poor[:40])
    assert len(poor) <= POOR_SHARE_MAX * len(PACKAGES[package]), f"{len(poor)} of {len(PACKAGES[package])}:\n{listed}"


def test_exceptions_are_few_needed_and_have_reasons() -> None:
    bound = {binding.name for package in PACKAGES.values() for binding in package}
    assert len(names.EXCEPTIONS) <= EXCEPTIONS_MAX
    assert all(names.EXCEPTIONS.values())
    assert names.EXCEPTIONS.keys() <= bound, "an exception that nothing needs any more goes"


def test_a_public_class_name_has_one_meaning() -> None:
    several = {name: places for name, places in public_classes().items() if len(places) > 1}
    listed = "\n".join(f"{name}: {', '.join(map(str, places))}" for name, places in several.items())
    assert several.keys() == SHARED_CLASSES.keys(), listed
    assert all(SHARED_CLASSES.values())


def test_bindings_are_found_where_python_binds(tmp_path: Path) -> None:
    source = tmp_path / "example.py"
    source.write_text(
        "class Ledger:\n def balance(self, account, *rest, **options): self.total = 1\n"
        "for day in (): pass\nwith open('x') as file: pass\nif (size := 3): pass\n"
        "match size:\n case [head, *tail]: pass\n"
        "sum(each for each in ()); sorted((), key=lambda other: other)\n"
    )
    bound = {binding.name for binding in names.bindings(source)}
    assert bound == {
        "Ledger", "balance", "account", "rest", "options", "total", "day", "file", "size", "head", "tail",
    }  # fmt: skip
    assert [b.name for b in names.bindings(source) if b.says_nothing] == ["rest"]
    assert isinstance(ast.parse(source.read_text()), ast.Module)
