"""What a package's list calls `(pure)` is held to it by an import contract that sees through other modules."""

import re

import pytest

from tests.layout.names import PROJECT
from tests.layout.signposts import packages
from tools.book.contracts import FORBIDDEN, import_contracts

MARKED = re.compile(r"^ *((?:\w+/?, )*\w+/?) {2,}\S.*\(pure\)$", re.MULTILINE)
EDGES = {"asyncio", "socket", "time", "subprocess", "threading"}  # what a contract of pure modules forbids at least


def pure_modules() -> set[str]:
    """Dotted names of all modules and rooms that are marked as pure."""
    marked = set()
    for package in packages():
        dotted = ".".join(package.relative_to(PROJECT).parts)
        for line in MARKED.findall((package / "__init__.py").read_text()):
            marked |= {f"{dotted}.{name.rstrip('/')}" for name in line.split(", ")}
    return marked


def guarded_modules() -> set[str]:
    """Those that a contract without indirect imports keeps from all edges."""
    return {
        module
        for contract in import_contracts(FORBIDDEN).values()
        if set(contract["forbidden_modules"].split()) >= EDGES and "allow_indirect_imports" not in contract
        for module in contract["source_modules"].split()
    }


@pytest.mark.parametrize("module", sorted(pure_modules()))
def test_what_is_called_pure_is_kept_so(module: str) -> None:
    parents = {module.rsplit(".", up)[0] for up in range(module.count("."))}
    assert (parents | {module}) & guarded_modules(), f"no contract of setup.cfg keeps {module} pure"


def test_marks_and_contracts_are_read() -> None:
    assert {"vppd_guard.life", "bus.mirror", "actors.vpp_writer.reconcile"} <= pure_modules() & guarded_modules()
