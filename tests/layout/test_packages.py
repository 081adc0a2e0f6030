"""Our top-level packages have common names: nothing that we depend on may ship the same."""

import re
from importlib import metadata
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
PACKAGES = {"schemas", "bus", "actors", "vppd_guard", "supervision", "tools"}


def top_level(distribution: metadata.Distribution) -> set[str]:
    """The top-level names that a distribution installs: packages and modules."""
    files = [path.parts for path in distribution.files or () if path.suffix in {".py", ".pyi", ".so"}]
    return {parts[0].removesuffix(".py").partition(".")[0] for parts in files if ".." not in parts}


def test_no_dependency_ships_a_package_of_our_name() -> None:
    dependencies = [d for d in metadata.distributions() if d.metadata["Name"] != "vppd"]
    clashes = {d.metadata["Name"]: PACKAGES & top_level(d) for d in dependencies if PACKAGES & top_level(d)}
    assert not clashes
    assert "zmq" in set().union(*map(top_level, dependencies)), "the names of dependencies were read"


def test_every_package_of_ours_is_known_to_this_test_and_shipped() -> None:
    packages = {path.parent.name for path in PROJECT.glob("*/__init__.py")} - {"tests"}
    assert packages == PACKAGES
    shipped = re.search(r"\[options\.packages\.find\]\ninclude =\n((?: +.+\n)+)", (PROJECT / "setup.cfg").read_text())
    assert shipped
    assert {line.strip().removesuffix("*") for line in shipped[1].splitlines()} == PACKAGES


def test_every_directory_with_code_is_a_package() -> None:
    for top in PACKAGES:
        for path in (PROJECT / top).rglob("*.py"):
            if "__pycache__" not in path.parts:
                assert (path.parent / "__init__.py").exists(), f"{path.parent} has no __init__.py"
