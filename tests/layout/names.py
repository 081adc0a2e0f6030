"""The names that the code binds, read from its syntax trees; `python -m tests.layout.names [PATH...]` lists poor ones.

A binding is a name given to a variable, an argument, an attribute, a function or a class. Names that live no longer
than a comprehension or a lambda do not count, nor do `self`, `cls` and methods whose names Python prescribes.
"""

import ast
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = ("schemas", "bus", "actors", "vppd_guard", "supervision", "tools", "tests")
BY_FOLDER = {"actors", "tools", "tests"}  # packages that are judged a sub-folder at a time

PRONOUNS = """
    all another any anybody anyone anything both each either every everybody everyone everything he her here his it its
    itself mine neither nobody none nothing one ones other others ours own rest same she some somebody someone something
    such that their theirs them there these they this those what whatever which who whoever whom whose
"""
PARTICIPLES = """
    asked been begun brought called came come done ended found given gone got had has heard held kept known left lost
    made meant met named put said seen sent shown taken thought told tried used wanted went written
"""
POOR = frozenset((PRONOUNS + PARTICIPLES).split())
# whole names that are the field's own words for what they name, each with its reason
EXCEPTIONS: dict[str, str] = {}
TYPE_NAME = re.compile(r"[A-Z]\w*[a-z]\w*")  # neither a constant nor a type variable of one letter
UNCOUNTED = frozenset({"self", "cls"})


class Binding(NamedTuple):
    """A name that is given to something."""

    name: str
    path: Path
    line: int

    @property
    def says_nothing(self) -> bool:
        """Is it a pronoun or a bare participle, so that a reader learns nothing of what it names?"""
        if self.name in EXCEPTIONS:
            return False
        return self.name.strip("_").lower() in POOR


def sources(*places: Path) -> Iterator[Path]:
    """All Python files below the places that people write: generated ones are left out."""
    for place in places:
        for path in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            if not path.name.endswith(("_pb2.py", "_pb2_grpc.py")):
                yield path


def bindings(path: Path) -> Iterator[Binding]:
    """All bindings of a file, in no order."""
    tree = ast.parse(path.read_text(), str(path))
    short_lived = set(_short_lived(tree))
    for node in ast.walk(tree):
        if id(node) not in short_lived and (name := _bound(node)) and name not in UNCOUNTED and not _prescribed(name):
            yield Binding(name, path, node.lineno)  # type: ignore[attr-defined] # what binds stands in a line


def _bound(node: ast.AST) -> str:
    match node:
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
            return name
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.MatchAs(name=str(name)) | ast.MatchStar(name=str(name)) | ast.MatchMapping(rest=str(name)):
            return name
        case ast.ExceptHandler(name=str(name)) | ast.alias(asname=str(name)):
            return name
    return ""


def _prescribed(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def _short_lived(tree: ast.AST) -> Iterator[int]:
    """The ids of all nodes that bind for the time of a comprehension or a lambda only."""
    for node in ast.walk(tree):
        match node:
            case ast.comprehension(target=target):
                yield from map(id, ast.walk(target))
            case ast.Lambda(args=arguments):
                yield from map(id, ast.walk(arguments))


def package(path: Path) -> str:
    """The package that a file is judged with: `bus`, `actors/cni`, `tests/unit`."""
    parts = path.relative_to(PROJECT).parts
    return "/".join(parts[:2]) if parts[0] in BY_FOLDER and len(parts) > 2 else parts[0]


def by_package() -> dict[str, list[Binding]]:
    """All bindings of the project, package by package."""
    packages: defaultdict[str, list[Binding]] = defaultdict(list)
    for path in sources(*(PROJECT / name for name in PACKAGES)):
        packages[package(path)].extend(bindings(path))
    return dict(packages)


def public_classes() -> dict[str, list[Path]]:
    """Name of a public class, or of another public type, of the product and its tools -> the files that define one."""
    places: defaultdict[str, list[Path]] = defaultdict(list)
    for path in sources(*(PROJECT / name for name in PACKAGES if name != "tests")):
        for node in ast.parse(path.read_text()).body:
            if TYPE_NAME.fullmatch(name := _defined_type(node)):
                places[name].append(path.relative_to(PROJECT))
    return dict(places)


def _defined_type(node: ast.stmt) -> str:
    """The name that a statement gives to a type or to something like one: a class, an alias."""
    match node:
        case ast.ClassDef(name=name) | ast.AnnAssign(target=ast.Name(id=name)):
            return name
        case ast.Assign(targets=[ast.Name(id=name)]):
            return name
    return ""


def _main(arguments: list[str]) -> None:
    places = [Path(argument).resolve() for argument in arguments] or [PROJECT / name for name in PACKAGES]
    everywhere = [binding for path in sources(*places) for binding in bindings(path)]
    poor = [binding for binding in everywhere if binding.says_nothing]
    for binding in poor:
        print(f"{binding.path.relative_to(PROJECT)}:{binding.line}: {binding.name}")
    print(*(f"{name} {count}" for name, count in Counter(binding.name for binding in poor).most_common(30)), sep=", ")
    print(f"{len(poor)} of {len(everywhere)} bindings say nothing: {100 * len(poor) / max(1, len(everywhere)):.1f} %")


if __name__ == "__main__":
    _main(sys.argv[1:])
