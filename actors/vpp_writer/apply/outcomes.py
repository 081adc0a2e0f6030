"""What becomes of objects: in the journal, in what is held, in the statuses.

The order is what a crash leaves behind: an object is in the journal before its first call, and its end is after its
last reply. In between its outcome is unknown.
"""

import time
from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from actors.vpp_writer.apply.journal import WriterJournal
from actors.vpp_writer.apply.records import (
    ObjectRemovedRecord,
    WriteBatchSucceededRecord,
    WriterRecord,
    object_held_record,
    write_begun_records,
    write_succeeded_record,
)
from actors.vpp_writer.kinds import kind_of_intent
from actors.vpp_writer.kinds.call import ExternalObjectMissing, IntentRejected, NoVppAnswer
from actors.vpp_writer.kinds.indices import NO_OBJECT_DETAILS
from actors.vpp_writer.kinds.kind import ObjectDetails, SharedIntentPart
from actors.vpp_writer.reconcile.claims import IntentClaim
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.reconcile.retry import WriterPresentTime
from actors.vpp_writer.reconcile.statuses import held_object_status
from schemas.codec import encode_row_value, fingerprint_of_bytes
from schemas.statuses import RejectedStatus


class WriteOutcomes:
    """The outcomes of one connection's calls. `unfinished`: objects whose calls have begun and not ended."""

    def __init__(self, objects: ManagedObjects, journal: WriterJournal, counters: Counter[str]) -> None:
        self._objects, self._journal, self._counters = objects, journal, counters
        self.epoch = 0
        self.unfinished: dict[str, HeldObject] = {}
        self.may_have_orphans = False  # may VPP hold policies, rules and sets that nobody knows of?
        self.may_have_lost_translations = False  # and translations?
        self.journal_lost = False  # is there no word of what an earlier life of this process has written?
        self.unanswered = False  # is there an object whose calls' outcome is unknown?
        self._generations: dict[str, int] = {}  # of the objects of the group that is being written or deleted
        self._records: list[WriterRecord] = []  # to be appended

    def begin(self, objects: Mapping[str, HeldObject]) -> None:
        """The objects' calls begin."""
        self.unfinished.update(objects)
        encoded = [encode_row_value(held_object.intent) for held_object in objects.values()]
        self._journal.append(*write_begun_records(objects, encoded))
        self._generations.update(zip(objects, map(fingerprint_of_bytes, encoded), strict=True))

    def flush(self) -> None:
        """What has ended is in the journal."""
        records, self._records = self._records, []
        self._journal.append(*records)

    def end_group(self) -> None:
        """All calls of the objects that were begun have ended, or never will."""
        self.flush()
        self._generations.clear()

    def lose(self, keys: Iterable[str]) -> set[str]:
        """These turned out not to be in VPP: they and what needs them are to be written again. Returns all these."""
        lost = self._objects.lose(keys)
        self._journal.append(*map(ObjectRemovedRecord, lost))
        return lost

    def count_drift(self, keys: Collection[str]) -> None:
        """VPP turned out not to hold these as they were written."""
        self._counters["drift_total"] += len(keys)

    # --- written

    def write_ended(self, key: str, result: ObjectDetails | Exception) -> None:
        """The calls that write an object have ended: its details, or why there are none."""
        objects, generation = self._objects, self._generations[key]
        held_object = self.unfinished[key]
        if isinstance(result, IntentRejected):
            objects.status_review.set(held_object.owner, key, RejectedStatus(generation, str(result)))
            self._append_present(key)
        elif isinstance(result, Exception):
            self.write_failed(key, IntentClaim(held_object.owner, held_object.intent), result)
        else:
            if result is not NO_OBJECT_DETAILS:
                held_object = HeldObject(held_object.owner, held_object.intent, result)
            objects.hold(key, held_object)
            self._records.append(write_succeeded_record(key, held_object))
            objects.suspects.pop(key, None)
            objects.status_review.set(held_object.owner, key, held_object_status(generation, self.epoch, result))
        del self.unfinished[key]

    def all_writes_succeeded(self, objects: Mapping[str, HeldObject], parts: Collection[SharedIntentPart]) -> None:
        """The calls that write many objects without details have ended well. `parts`: what each shares with others."""
        self._objects.hold_all(objects, self._generations, self.epoch, parts)
        self._records.append(WriteBatchSucceededRecord(list(objects)))
        for key in objects:
            del self.unfinished[key]
        if self._objects.suspects:
            for key in self._objects.suspects.keys() & objects.keys():
                del self._objects.suspects[key]

    def write_failed(self, key: str, claim: IntentClaim, failure: Exception) -> None:
        """The calls that write an object have failed, or cannot be made now."""
        objects = self._objects
        if isinstance(failure, ExternalObjectMissing):
            objects.postpone(key, claim, str(failure), time.monotonic())
        else:
            self._counters["vpp_errors_total"] += 1
            objects.fail(key, claim, str(failure), _present_time())
        present = objects.held.get(key)
        if present is not None and (
            kind_of_intent(present.intent).non_atomic_update or isinstance(failure, NoVppAnswer)
        ):
            self.lose([key])  # and made anew, with all that needs it; what is left of it is an orphan
            self.may_have_orphans = True
        self._append_present(key)
        if isinstance(failure, NoVppAnswer):
            self.unanswered = True

    def _append_present(self, key: str) -> None:
        """The journal tells what VPP holds of this key, after calls that have not changed that."""
        present = self._objects.held.get(key)
        self._journal.append(ObjectRemovedRecord(key) if present is None else object_held_record(key, present))

    # --- deleted

    def delete_ended(self, key: str, result: ObjectDetails | Exception) -> None:
        """The calls that delete an object have ended."""
        held_object = self.unfinished[key]
        if isinstance(result, Exception):
            self._counters["vpp_errors_total"] += 1
            claim = IntentClaim(held_object.owner, held_object.intent)
            self._objects.fail(key, claim, f"delete: {result}", _present_time())
        else:
            self._records += map(ObjectRemovedRecord, self._objects.drop(key))
            self._objects.retries.forget(key)
        del self.unfinished[key]

    def all_deletes_succeeded(self, keys: Collection[str]) -> None:
        """The calls that delete many objects have ended well."""
        for key in keys:
            self.delete_ended(key, NO_OBJECT_DETAILS)


def _present_time() -> WriterPresentTime:
    return WriterPresentTime(time.monotonic(), time.time())
