"""Which VPP is this, and what does it hold of what the journal tells? Asked once, after connecting."""

from collections.abc import Mapping

from actors.vpp_writer.apply import readback
from actors.vpp_writer.apply.journal import WriterJournalContents
from actors.vpp_writer.apply.outcomes import WriteOutcomes
from actors.vpp_writer.apply.records import VppLifeRecord
from actors.vpp_writer.kinds import kind_of_intent
from actors.vpp_writer.kinds.kind import ObservedVppObjects
from actors.vpp_writer.reconcile.held import HeldObject, SuspectIntent
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.vpp.client import VppApiClient
from bus.process_start import process_start_ticks
from schemas.codec import value_fingerprint


async def meet_vpp(
    api: VppApiClient,
    objects: ManagedObjects,
    outcomes: WriteOutcomes,
    life: VppLifeRecord,
    contents: WriterJournalContents,
) -> ObservedVppObjects:
    """Decides whether this VPP is the one that the journal tells of. Returns what it has that is not held."""
    before = contents.life
    if before is not None and (before.pid, before.started) == (life.pid, life.started):
        return await _meet_again(api, objects, outcomes, before, contents.unfinished)
    outcomes.journal_lost = outcomes.may_have_orphans = outcomes.may_have_lost_translations = before is None
    outcomes.epoch = (before.epoch if before else 0) + 1
    suspects = before.suspects if before else {}
    objects.suspects = {key: _suspect(attempt, suspects.get(key)) for key, attempt in contents.unfinished.items()}
    objects.start_over()
    return await readback.observe_external_objects(api, objects.held)


async def _meet_again(
    api: VppApiClient,
    objects: ManagedObjects,
    outcomes: WriteOutcomes,
    before: VppLifeRecord,
    unfinished: Mapping[str, HeldObject],
) -> ObservedVppObjects:
    """VPP is that of the journal: what it has lost and what is unfinished is to be written again."""
    outcomes.may_have_orphans = True
    outcomes.epoch, objects.suspects = before.epoch, dict(before.suspects)
    confirmed = {key: present for key, present in objects.held.items() if key not in unfinished}
    outcomes.count_drift(objects.lose(await readback.missing_held_objects(api, confirmed)))
    observed = await readback.observe_external_objects(api, confirmed)
    for key, attempt in sorted(unfinished.items(), key=lambda item: kind_of_intent(item[1].intent).rank):
        kind = kind_of_intent(attempt.intent)
        details = kind.recognise(attempt.intent, observed)
        if details is not None or not kind.has_indices:
            objects.hold_unconfirmed(key, HeldObject(attempt.owner, attempt.intent, details or {}))
        else:
            objects.lose([key])
            objects.queue.add((key,))
    return observed


def _suspect(attempt: HeldObject, before: SuspectIntent | None) -> SuspectIntent:
    """One more life of VPP has ended while this value was being written."""
    generation = value_fingerprint(attempt.intent)
    return SuspectIntent(generation, before.lives + 1 if before and before.generation == generation else 1)


async def identify_vpp_life(api: VppApiClient) -> VppLifeRecord:
    """Which VPP is this: its pid, and when that process started."""
    pid = int((await api.request("control_ping")).vpe_pid)
    return VppLifeRecord(epoch=0, pid=pid, started=process_start_ticks(pid))
