"""The journal's file system is full or read-only: VPP is served all the same, and so is the writer's next life."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from actors.vpp_writer.apply import journal
from schemas.cnat import TranslationBackend, TranslationIntent
from schemas.intents import RouteIntent, RoutePath
from tests.contract.living import WriterLife
from tests.contract.machine import Vpp
from tests.file_systems import SmallFileSystem, small_file_system

KEPT = TranslationIntent("10.96.0.10", 53, 17, (TranslationBackend("10.1.0.1", 5353),))
DELETED = TranslationIntent("10.96.0.11", 80, 6, (TranslationBackend("10.1.0.2", 8080),))


@pytest.fixture
def disk(stack: ExitStack, tmp_path: Path) -> SmallFileSystem:
    """Where the journal is; there is room for the cache of VPP's messages."""
    return stack.enter_context(small_file_system(tmp_path / "writer", size_kb=8192))


def route(number: int) -> RouteIntent:
    return RouteIntent("default", f"10.{number}.0.0/16", (RoutePath(),))


def want_until_the_journal_is_dropped(writer: WriterLife) -> list[RouteIntent]:
    """The last block of the file has room for some more."""
    routes: list[RouteIntent] = []
    numbers: Iterator[int] = count(100)
    while not writer.journal.trouble:
        routes.append(route(next(numbers)))
        writer.want(*routes, owner="routing")
    assert writer.unapplied(routes, "routing") == {}
    return routes


def vips(vpp: Vpp) -> set[str]:
    return {str(row.translation.vip.addr) for row in vpp.ask("cnat_translation_dump")}


def test_a_service_that_was_deleted_between_two_lives_without_a_journal_is_gone(
    vpp: Vpp, life: Callable[[], WriterLife], disk: SmallFileSystem
) -> None:
    first = life().want(KEPT, owner="services")
    disk.fill()
    want_until_the_journal_is_dropped(first)
    assert "No space left on device" in first.journal.trouble
    first.want(KEPT, DELETED, owner="services")
    assert vips(vpp) == {KEPT.vip, DELETED.vip}
    first.crash()
    second = life().want(owner="policy")
    assert vips(vpp) == {KEPT.vip, DELETED.vip}, "nothing goes before its owner has spoken"
    second.want(KEPT, owner="services")
    assert vips(vpp) == {KEPT.vip}
    assert second.unapplied([KEPT], "services") == {}


def test_a_journal_on_a_disk_that_has_become_read_only_is_not_believed(
    vpp: Vpp, life: Callable[[], WriterLife], disk: SmallFileSystem
) -> None:
    life().want(KEPT, owner="services").crash()
    with disk.read_only():
        first = life().want(DELETED, owner="services")
        assert "Read-only file system" in first.journal.trouble
        assert vips(vpp) == {DELETED.vip}
        first.crash()
        second = life().turn()
        assert vips(vpp) == {DELETED.vip}, "what the old journal tells of is not made again"
        second.want(KEPT, owner="services")
        assert vips(vpp) == {KEPT.vip}


def test_a_dropped_journal_is_written_anew_and_the_next_life_writes_nothing(
    vpp: Vpp, life: Callable[[], WriterLife], disk: SmallFileSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = life().want(KEPT, owner="services")
    disk.fill()
    routes = want_until_the_journal_is_dropped(first)
    first.want(KEPT, DELETED, owner="services")
    disk.empty()
    monkeypatch.setattr(journal, "JOURNAL_AGAIN_S", 0.0)
    first.turn()
    assert first.journal.trouble == ""
    first.crash()
    second = life().want(KEPT, owner="services").want(*routes, owner="routing")
    assert second.writes == 1, "the translation that is not wanted any more"
    assert vips(vpp) == {KEPT.vip}
