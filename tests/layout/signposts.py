"""What packages and documents say of modules: the lists in `__init__.py`, and the names between backticks."""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.layout.names import PACKAGES, PROJECT, bindings, sources

PRODUCT = [PROJECT / name for name in PACKAGES if name != "tests"]
DOCUMENTS = ("*.md", "docs/**/*.md", "schemas/*.md", "container/**/*.md")
LISTED = re.compile(r"^ *((?:\w+/?, )*\w+/?) {2,}\S", re.MULTILINE)  # name, other, room/   what it is for
QUOTED = re.compile(r"`([^`\s]+)`")
RUN = re.compile(r"python3? -m (\w+(?:\.\w+)*)")
FILE = re.compile(r"[\w./-]+\.(?:py|md|conf|json|cfg|toml)")
PATH = re.compile(r"[\w./-]+")
WORD = re.compile(r"[a-z]+(?:_[a-z]+)*")
HEADING = re.compile(r"^#+ .*$", re.MULTILINE)
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


def missing_modules(text: str, beside: Path, *, rooms: bool = True) -> list[str]:
    """Names that read like a module's, a room's or a file's (`life.py`, `bus/calls.py`, `actors.cni`) and lead nowhere.

    Between backticks, and behind `python -m`. `beside`: the folder of what is read. `rooms`: `kinds/routes` is a place,
    too; not so where keys of intents are written alike.
    """
    names = [name.partition(":")[0] for name in QUOTED.findall(text)]
    heads = {*PACKAGES, *_rooms()} if rooms else set(PACKAGES)
    return [name for name in (*names, *RUN.findall(text)) if _is_place(name, heads) and not _exists(name, beside)]


def unknown_words(text: str) -> list[str]:
    """Single words between backticks, in sections about packages, that are nothing there.

    A section is about the packages that its heading has between backticks: a word in it is a module, a room or a name
    that is bound in them, or the name of another package.
    """
    headings = list(HEADING.finditer(text))
    unknown = []
    for heading, following in zip(headings, [*headings[1:], None], strict=True):
        places = [PROJECT / name for name in QUOTED.findall(heading[0]) if (PROJECT / name).is_dir()]
        section = text[heading.end() : following.start() if following else None]
        modules = {path.stem for place in places for path in sources(place)}
        bound = {binding.name for place in places for path in sources(place) for binding in bindings(path)}
        words = [word for word in QUOTED.findall(section) if WORD.fullmatch(word)] if places else []
        unknown += [word for word in words if word not in modules | bound | _rooms()]
    return unknown


def _is_place(name: str, heads: set[str]) -> bool:
    if FILE.fullmatch(name):
        return not name.startswith("/") and ("/" in name or name.endswith(".py"))
    head, *parts = name.rstrip("/").split("/" if "/" in name else ".")
    return bool(parts) and PATH.fullmatch(name) is not None and head in (heads if "/" in name else set(PACKAGES))


def _exists(name: str, beside: Path) -> bool:
    path = name if "/" in name or FILE.fullmatch(name) else name.replace(".", "/")
    if any((place / path).exists() or (place / f"{path}.py").exists() for place in (PROJECT, beside)):
        return True
    return f"/{path.rstrip('/')}".removesuffix(".py") in _endings() or _is_attribute(name)


@cache
def _rooms() -> set[str]:
    """Names of all folders of code inside the packages."""
    return {init.parent.name for top in PRODUCT for init in top.rglob("__init__.py")} - {"proto"}


@cache
def _endings() -> set[str]:
    """Every way to end the path of a module or a room, as `/bus/calls` and `/calls`."""
    paths = {path.relative_to(PROJECT).with_suffix("") for path in sources(*(PROJECT / top for top in PACKAGES))}
    paths |= {path.parent for path in paths}
    return {"/" + "/".join(path.parts[start:]) for path in paths for start in range(len(path.parts))}


def _is_attribute(name: str) -> bool:
    """`bus.peer.BusPeer`: is it bound in its module?"""
    module, _, attribute = name.rpartition(".")
    path = (PROJECT / module.replace(".", "/")).with_suffix(".py")
    return path.exists() and attribute in {binding.name for binding in bindings(path)}
