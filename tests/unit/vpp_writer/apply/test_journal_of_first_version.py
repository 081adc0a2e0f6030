"""A journal that a writer of the first version has left is read, and written, byte by byte."""

from pathlib import Path

from actors.vpp_writer.apply.journal import WriterJournal, read_writer_journal
from actors.vpp_writer.apply.records import (
    ObjectRemovedRecord,
    VppLifeRecord,
    WriteBatchSucceededRecord,
    object_held_record,
    write_begun_record,
    write_begun_records,
    write_succeeded_record,
)
from actors.vpp_writer.reconcile.held import HeldObject, SuspectIntent
from schemas.codec import encode_row_value
from schemas.intents import AddressIntent, LoopbackIntent, RouteIntent, RoutePath

# A line a frame, in hexadecimal: length, checksum, records. Every type of record is among them.
OF_FIRST_VERSION = bytes.fromhex(Path(__file__).with_name("journal_of_first_version.hex").read_text())

LIFE = VppLifeRecord(3, 17, 4711, {"route/default/10.0.9.0/24": SuspectIntent(5, 1)})
LOOP_A = HeldObject("cni", LoopbackIntent("loop/a", "02:00:00:00:00:0a", "loop-a"), {"sw_if_index": 4})
LOOP_B = HeldObject("cni", LoopbackIntent("loop/b", "02:00:00:00:00:0b", "loop-b"), {"sw_if_index": 5})
ADDRESS = HeldObject("guard", AddressIntent("loop/a", "192.0.2.7/24"))
ROUTES = [
    HeldObject("services" if number == 4 else "routing", RouteIntent("default", f"10.0.{number}.0/24", (path,)))
    for number, path in enumerate([RoutePath(next_hop="192.0.2.1")] * 6)
]


def by_key(*objects: HeldObject) -> dict[str, HeldObject]:
    return {held_object.intent.key: held_object for held_object in objects}


def key(held_object: HeldObject) -> str:
    return held_object.intent.key


def test_a_journal_that_the_first_version_has_left_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(OF_FIRST_VERSION)
    contents = read_writer_journal(path)
    assert contents.life == LIFE
    assert contents.objects == by_key(LOOP_A, ADDRESS, LOOP_B, ROUTES[0], ROUTES[4], ROUTES[1])
    assert contents.unfinished == by_key(ADDRESS, ROUTES[3])


def test_the_journal_is_written_as_the_first_version_wrote_it(tmp_path: Path) -> None:
    journal = WriterJournal(tmp_path / "journal")
    journal.start(LIFE, by_key(LOOP_A, ADDRESS), [key(ADDRESS)])
    journal.append(write_begun_record(key(LOOP_B), LOOP_B))
    journal.append(write_succeeded_record(key(LOOP_B), LOOP_B))
    journal.append(*write_begun_records(by_key(*ROUTES[:5]), [encode_row_value(route.intent) for route in ROUTES[:5]]))
    journal.append(WriteBatchSucceededRecord([key(ROUTES[0]), key(ROUTES[4])]))
    journal.append(write_succeeded_record(key(ROUTES[1]), ROUTES[1]))
    journal.append(ObjectRemovedRecord(key(ROUTES[2])))
    last = ROUTES[5]
    journal.append(
        object_held_record(key(last), last), write_begun_record(key(last), last), ObjectRemovedRecord(key(last))
    )
    journal.close()
    assert journal.path.read_bytes() == OF_FIRST_VERSION
