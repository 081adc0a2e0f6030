"""The files: text between markers is replaced, the rest stays as it was written."""

import re
from collections.abc import Mapping
from pathlib import Path

import schemas

ROOT = Path(schemas.__file__).parents[1]
BOOK, GUARD, ARCHITECTURE = ROOT / "schemas" / "README.md", ROOT / "docs" / "guard.md", ROOT / "ARCHITECTURE.md"
MARKED = re.compile(
    r"(?P<begin><!-- generated: begin (?P<name>\w+) -->\n).*?(?P<end><!-- generated: end (?P=name) -->)", re.DOTALL
)


class Unmarked(Exception):
    """The page has no place for a section, or a place for one that does not exist."""


def filled(page: str, sections: Mapping[str, str]) -> str:
    """The page with each section between its markers. Raises Unmarked."""
    marked = {found["name"] for found in MARKED.finditer(page)}
    if odd := marked ^ sections.keys():
        raise Unmarked(f"markers and sections differ: {', '.join(sorted(odd))}")
    return MARKED.sub(lambda found: f"{found['begin']}\n{sections[found['name']]}\n\n{found['end']}", page)
