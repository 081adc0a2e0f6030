"""`python -m tools.book [--check]`: writes the tables of the message book anew."""

import argparse
import sys

from tools.book.page import BOOK, filled
from tools.book.sections import sections


def main() -> int:
    """Exit code 1: with --check, the book is stale."""
    parser = argparse.ArgumentParser(prog="python -m tools.book", description="Writes the tables of schemas/README.md.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 if the file is stale")
    check = parser.parse_args().check
    old = BOOK.read_text()
    new = filled(old, sections())
    if check and new != old:
        sys.stderr.write(f"{BOOK} is stale: run python -m tools.book\n")
        return 1
    if new != old:
        BOOK.write_text(new)
    return 0


if __name__ == "__main__":
    sys.exit(main())
