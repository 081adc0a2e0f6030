"""Who reads a field: modules that load an attribute of its name, and know the struct or one that holds it."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple, get_args

import msgspec

from tests.layout.names import PROJECT

_PACKAGES = ("schemas", "bus", "actors", "vppd_guard", "supervision", "tools")


class ModuleNames(NamedTuple):
    """What a module names: all that it imports, the modules among that, attributes that it reads, texts."""

    imported: frozenset[str]
    modules: frozenset[str]
    attributes: frozenset[str]
    texts: frozenset[str]


@cache
def module_names() -> dict[str, ModuleNames]:
    """Module -> what it names; tests and generated code apart."""
    paths = (path for package in _PACKAGES for path in sorted((PROJECT / package).rglob("*.py")))
    return {_module(path): _names_of(path) for path in paths if "proto" not in path.parts}


def _module(path: Path) -> str:
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def _names_of(path: Path) -> ModuleNames:
    nodes = list(ast.walk(ast.parse(path.read_text())))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    attributes = {node.attr for node in nodes if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load)}
    patterns = {name for node in nodes if isinstance(node, ast.MatchClass) for name in node.kwd_attrs}
    return ModuleNames(
        imported=frozenset(alias.name for node in imports for alias in node.names),
        modules=frozenset(
            {*(f"{node.module}.{alias.name}" for node in imports for alias in node.names)}
            | {str(node.module) for node in imports}
        ),
        attributes=frozenset(attributes | patterns),
        texts=frozenset(n.value for n in nodes if isinstance(n, ast.Constant) and isinstance(n.value, str)),
    )


def readers(field: str, names: Iterable[str], outside: tuple[str, ...]) -> Iterator[str]:
    """Modules that read an attribute `field` and know one of `names`, a struct or its word; not those under `outside`.

    A module knows what it imports or writes, and what a module that it imports does.
    """
    names, modules = set(names), module_names()
    knowing = {module for module, found in modules.items() if names & (found.imported | found.texts)}
    for module, found in modules.items():
        is_outside = f"{module}.".startswith(tuple(f"{place}." for place in outside))
        if not is_outside and field in found.attributes and (module in knowing or found.modules & knowing):
            yield module


def holders(kinds: Iterable[type[msgspec.Struct]]) -> dict[str, set[str]]:
    """Struct -> itself and the structs that have it in a field, or in a field of a field."""
    direct = defaultdict[str, set[str]](set)
    for kind in kinds:
        for field in msgspec.structs.fields(kind):
            for inner in structs_in(field.type):
                direct[inner.__name__].add(kind.__name__)
    return {kind.__name__: _closure(kind.__name__, direct) for kind in kinds}


def _closure(name: str, direct: dict[str, set[str]]) -> set[str]:
    found, waiting = set[str](), {name}
    while waiting:
        found |= (one := {waiting.pop()})
        waiting |= {holder for each in one for holder in direct.get(each, ())} - found
    return found


def structs_in(kind: Any) -> Iterator[type[msgspec.Struct]]:
    """The structs that a field's type names."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        yield kind
    for inner in get_args(kind):
        yield from structs_in(inner)
