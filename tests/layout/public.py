"""Which module names which other module's public names: by `from ... import`, by `module.name`, or in a document.

A test that sets a module's constant names it, too: `monkeypatch.setattr(module, "NAME", value)`.
"""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.layout.names import PACKAGES, PROJECT, sources
from tests.layout.signposts import documents

PRODUCT = ("actors", "bus", "vppd_guard", "supervision", "schemas")
QUOTED = re.compile(r"`([^`\n]+)`")
WORD = re.compile(r"\w+")
REGISTERED = PROJECT / "actors" / "vpp_writer" / "kinds"  # a kind enters itself into INTENT_KINDS, by its base class
ENTRY_POINT = "main"  # of `python -m` and of setup.cfg's console_scripts


class PublicName(NamedTuple):
    """A name at the top level of a module without an underscore. `kind`: function | class | constant."""

    kind: str
    name: str
    path: Path

    @property
    def is_called_from_outside(self) -> bool:
        """Is it there for somebody who does not name it: its base class, or who starts the program?"""
        return self.name == ENTRY_POINT or (self.path.parent == REGISTERED and self.name.endswith("Kind"))


def public_names(*packages: str) -> Iterator[PublicName]:
    """All public names of these packages but type variables, which every generic module has its own of."""
    for path in sources(*(PROJECT / package for package in packages)):
        for node in _tree(path).body:
            for kind, name in _defined(node):
                if not name.startswith("_"):
                    yield PublicName(kind, name, path)


def _defined(node: ast.stmt) -> Iterator[tuple[str, str]]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
            yield "function", name
        case ast.ClassDef(name=name):
            yield "class", name
        case ast.Assign(value=ast.Call(func=ast.Name(id="TypeVar" | "ParamSpec"))):
            return
        case ast.Assign(targets=targets):
            yield from (("constant", n.id) for t in targets for n in ast.walk(t) if isinstance(n, ast.Name))
        case ast.AnnAssign(target=ast.Name(id=name)):
            yield "constant", name


def users() -> Mapping[tuple[str, str], set[Path]]:
    """(module, name) -> the files that name it, other than its own."""
    found: defaultdict[tuple[str, str], set[Path]] = defaultdict(set)
    for path in sources(*(PROJECT / package for package in PACKAGES)):
        for pair in _named_by(path):
            found[pair].add(path)
    return found


def named_in_documents() -> set[str]:
    """What documents have between backticks."""
    return {
        word for path in documents() for quoted in QUOTED.findall(path.read_text()) for word in WORD.findall(quoted)
    }


def module_of(path: Path) -> str:
    """`bus.peer`; of a package's `__init__.py` the package."""
    return ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")


def _named_by(path: Path) -> Iterator[tuple[str, str]]:
    modules: dict[str, str] = {}  # local name -> the module that it may be
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                yield node.module, alias.name
                modules[alias.asname or alias.name] = f"{node.module}.{alias.name}"
        elif isinstance(node, ast.Import):
            modules |= {alias.asname or alias.name: alias.name for alias in node.names}
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Attribute) and (module := modules.get(ast.unparse(node.value))):
            yield module, node.attr
        elif isinstance(node, ast.Call) and len(node.args) == 3 and (module := modules.get(ast.unparse(node.args[0]))):
            yield from ((module, name.value) for name in node.args[1:2] if isinstance(name, ast.Constant))


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))
