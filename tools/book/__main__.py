"""`python -m tools.book [--check]`: writes anew what the pages say of the code."""

import argparse
import sys

from tools.book import life, rooms
from tools.book.page import ARCHITECTURE, BOOK, GUARD, filled
from tools.book.sections import sections


def main() -> int:
    """Exit code 1: with --check, a page is stale."""
    parser = argparse.ArgumentParser(
        prog="python -m tools.book",
        description="Writes the tables of schemas/README.md and docs/guard.md, and the picture of ARCHITECTURE.md.",
    )
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if a file is stale")
    check = parser.parse_args().check
    stale = False
    pages = {
        BOOK: sections(),
        GUARD: {"diagram": life.diagram(), "states": life.table()},
        ARCHITECTURE: {"rooms": rooms.picture()},
    }
    for path, texts in pages.items():
        old = path.read_text()
        new = filled(old, texts)
        if new == old:
            continue
        if check:
            sys.stderr.write(f"{path} is stale: run python -m tools.book\n")
            stale = True
        else:
            path.write_text(new)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
