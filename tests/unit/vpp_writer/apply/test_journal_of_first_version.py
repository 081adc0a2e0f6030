"""A journal that a writer of the first version has left is read, and written, byte by byte."""

from pathlib import Path

from actors.vpp_writer.apply.journal import WriterJournal, read_journal
from actors.vpp_writer.apply.records import (
    RemovedRecord,
    SucceededBatchRecord,
    VppLife,
    begin_record,
    begin_records,
    holds_record,
    success_record,
)
from actors.vpp_writer.reconcile.held import HeldObject, Suspect
from schemas.codec import encode
from schemas.intents import Address, Loopback, Route, RoutePath

# A line a frame, in hexadecimal: length, checksum, records. Every type of record is among them.
OF_FIRST_VERSION = bytes.fromhex(Path(__file__).with_name("journal_of_first_version.hex").read_text())

LIFE = VppLife(3, 17, 4711, {"route/default/10.0.9.0/24": Suspect(5, 1)})
LOOP_A = HeldObject("cni", Loopback("loop/a", "02:00:00:00:00:0a", "loop-a"), {"sw_if_index": 4})
LOOP_B = HeldObject("cni", Loopback("loop/b", "02:00:00:00:00:0b", "loop-b"), {"sw_if_index": 5})
ADDRESS = HeldObject("guard", Address("loop/a", "192.0.2.7/24"))
ROUTES = [
    HeldObject("services" if number == 4 else "routing", Route("default", f"10.0.{number}.0/24", (path,)))
    for number, path in enumerate([RoutePath(next_hop="192.0.2.1")] * 6)
]


def by_key(*objects: HeldObject) -> dict[str, HeldObject]:
    return {held_object.intent.key: held_object for held_object in objects}


def key(held_object: HeldObject) -> str:
    return held_object.intent.key


def test_a_journal_that_the_first_version_has_left_is_read(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(OF_FIRST_VERSION)
    contents = read_journal(path)
    assert contents.life == LIFE
    assert contents.objects == by_key(LOOP_A, ADDRESS, LOOP_B, ROUTES[0], ROUTES[4], ROUTES[1])
    assert contents.unfinished == by_key(ADDRESS, ROUTES[3])


def test_the_journal_is_written_as_the_first_version_wrote_it(tmp_path: Path) -> None:
    journal = WriterJournal(tmp_path / "journal")
    journal.start(LIFE, by_key(LOOP_A, ADDRESS), [key(ADDRESS)])
    journal.append(begin_record(key(LOOP_B), LOOP_B))
    journal.append(success_record(key(LOOP_B), LOOP_B))
    journal.append(*begin_records(by_key(*ROUTES[:5]), [encode(route.intent) for route in ROUTES[:5]]))
    journal.append(SucceededBatchRecord([key(ROUTES[0]), key(ROUTES[4])]))
    journal.append(success_record(key(ROUTES[1]), ROUTES[1]))
    journal.append(RemovedRecord(key(ROUTES[2])))
    last = ROUTES[5]
    journal.append(holds_record(key(last), last), begin_record(key(last), last), RemovedRecord(key(last)))
    journal.close()
    assert journal.path.read_bytes() == OF_FIRST_VERSION
