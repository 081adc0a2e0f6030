"""A name that only its own module uses is private: what is public is what others go in by."""

from pathlib import Path

import pytest

from tests.layout.public import PRODUCT, PublicName, module_of, named_in_documents, public_names, users

USERS = users()
IN_DOCUMENTS = named_in_documents()


@pytest.mark.parametrize("package", PRODUCT)
def test_every_public_name_is_named_by_another_file(package: str) -> None:
    alone = [
        f"{name.path}: {name.kind} {name.name}"
        for name in public_names(package)
        if not (USERS.get((module_of(name.path), name.name)) or name.name in IN_DOCUMENTS)
        and not name.is_called_from_outside
    ]
    assert not alone, "private, or used elsewhere:\n" + "\n".join(alone)


def test_users_are_found_however_they_name_it() -> None:
    assert any(path.match("bus/connection.py") for path in USERS["bus.envelope", "BusHello"]), "from ... import"
    assert any(path.match("vppd_guard/guard.py") for path in USERS["vppd_guard.states.lost", "run_guard_state"])
    assert ("bus.broker", "_BEACON_EVERY_S") not in USERS


def test_kinds_and_entry_points_alone_are_called_by_who_does_not_name_them() -> None:
    kinds = Path(__file__).parents[2] / "actors" / "vpp_writer" / "kinds"
    assert PublicName("class", "RouteKind", kinds / "routes.py").is_called_from_outside
    assert not PublicName("class", "RouteKind", kinds.parent / "process.py").is_called_from_outside
    assert not PublicName("function", "helper", kinds / "routes.py").is_called_from_outside
