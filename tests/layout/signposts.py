"""What packages and documents say of modules: the lists in `__init__.py`, and the names between backticks."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.layout.names import PACKAGES, PROJECT, sources

PRODUCT = [PROJECT / name for name in PACKAGES if name != "tests"]
DOCUMENTS = ("*.md", "docs/**/*.md", "schemas/*.md", "container/**/*.md")
LISTED = re.compile(r"^ *((?:\w+/?, )*\w+/?) {2,}\S", re.MULTILINE)  # name, other, room/   what it is for
QUOTED = re.compile(r"`([^`\s]+)`")
FILE = re.compile(r"[\w./-]+\.py")
UNLISTED = {"__init__", "__main__", "__pycache__"}
GENERATED = PROJECT / "schemas" / "proto"


def packages() -> Iterator[Path]:
    """Every folder of product code and tools that is a package of several modules."""
    for top in PRODUCT:
        for init in sorted(top.rglob("__init__.py")):
            if init.parent != GENERATED and contents(init.parent):
                yield init.parent


def contents(package: Path) -> set[str]:
    """The modules and sub-packages of a package."""
    modules = {path.stem for path in package.glob("*.py")}
    rooms = {path.parent.name for path in package.glob("*/__init__.py")}
    return (modules | rooms) - UNLISTED


def listed(package: Path) -> set[str]:
    """What the docstring of a package lists: names at the head of a line, two spaces, and what they are for."""
    text = (package / "__init__.py").read_text()
    return {name.rstrip("/") for line in LISTED.findall(text) for name in line.split(", ")}


def documents() -> Iterator[Path]:
    """What is written for people, but for the changelog, the decisions and recipes: those speak of their day."""
    for pattern in DOCUMENTS:
        for path in sorted(PROJECT.glob(pattern)):
            if path.name != "CHANGELOG.md" and "decisions" not in path.parts and ".venv" not in path.parts:
                yield path


def missing_modules(text: str, beside: Path) -> list[str]:
    """Names between backticks that read like a module's (`life.py`, `bus/calls.py`, `actors.cni`) and lead nowhere."""
    return [name for name in QUOTED.findall(text) if _is_module(name) and not _exists(name, beside)]


def _is_module(name: str) -> bool:
    if FILE.fullmatch(name):
        return True
    head, *parts = re.split(r"[./]", name.rstrip("/"))
    return head in PACKAGES and bool(parts) and re.fullmatch(r"[\w./-]+", name) is not None


def _exists(name: str, beside: Path) -> bool:
    if FILE.fullmatch(name):
        return any((place / name).exists() for place in (PROJECT, beside)) or _is_suffix(name)
    path = PROJECT / (name if "/" in name else name.replace(".", "/"))
    return path.exists() or path.with_suffix(".py").exists() or _is_attribute(name)


def _is_suffix(name: str) -> bool:
    return any(path.endswith(f"/{name}") for path in _all_files())


@cache
def _all_files() -> list[str]:
    return [path.as_posix() for path in sources(*(PROJECT / top for top in PACKAGES))]


def _is_attribute(name: str) -> bool:
    """`bus.peer.Peer`: is it defined in its module?"""
    module, _, attribute = name.rpartition(".")
    path = (PROJECT / module.replace(".", "/")).with_suffix(".py")
    return path.exists() and re.search(rf"\b{attribute}\b", path.read_text()) is not None
