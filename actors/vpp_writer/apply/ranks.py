"""Objects of one rank: none of them needs another, so that they are written, or deleted, together.

Each is made by its own calls, or, where many share everything but a prefix, from templates.
"""

from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, TypeVar

from actors.vpp_writer.apply import going_up, readback
from actors.vpp_writer.apply.engine import VppCallEngine, VppCallObserver
from actors.vpp_writer.apply.outcomes import WriteOutcomes
from actors.vpp_writer.apply.run import CallSettledHandler
from actors.vpp_writer.apply.templates import VppCallTemplates
from actors.vpp_writer.kinds import INTENT_KINDS, attributes
from actors.vpp_writer.kinds.call import VppCall
from actors.vpp_writer.kinds.indices import NO_OBJECT_DETAILS, VppIndices
from actors.vpp_writer.kinds.kind import IntentKind, ObjectDetails, ObservedVppObjects, VppCallSequence
from actors.vpp_writer.reconcile.bulk import BulkObjects
from actors.vpp_writer.reconcile.claims import IntentClaim
from actors.vpp_writer.reconcile.held import HeldObject
from actors.vpp_writer.reconcile.ingress_gate import is_gated
from actors.vpp_writer.reconcile.objects import ManagedObjects
from actors.vpp_writer.vpp.client import CALLS_SENT_TOGETHER, VppApiClient
from bus.peer import BusPeer
from schemas.codec import value_fingerprint
from schemas.intents import AdminUpIntent
from schemas.statuses import RejectedStatus

T = TypeVar("T")


class RankWriter:
    """The calls for objects that do not need one another, over one connection.

    `observed`: what VPP holds of what others may have made. `undeleted`: what the plan was to delete, and VPP still
    holds.
    """

    def __init__(self, api: VppApiClient, objects: ManagedObjects, outcomes: WriteOutcomes, peer: BusPeer) -> None:
        self._api, self._objects, self._outcomes, self._peer = api, objects, outcomes, peer
        self._available: set[IntentKind[Any]] = set()
        self._templates = VppCallTemplates(api)
        self.observed = ObservedVppObjects()
        self.undeleted: set[str] = set()

    @property
    def _indices(self) -> VppIndices:
        return VppIndices(self._objects.held)

    def claimed(self, keys: Iterable[str]) -> list[tuple[str, IntentClaim]]:
        """Those of the keys that somebody claims, each with the claim that counts."""
        claims = self._objects.claims.effective
        return [(key, claim) for key in keys if (claim := claims.get(key)) is not None]

    async def write(self, claimed: Sequence[tuple[str, IntentClaim]]) -> None:
        """Makes these objects, or changes them."""
        if not claimed:
            return
        if any(INTENT_KINDS[type(claim.intent)].external for _, claim in claimed):
            self.observed = await readback.observe_external_objects(self._api, self._objects.held)
        async with self._calling(self._outcomes.write_ended) as engine:
            await self._go_up_together([(key, claim) for key, claim in claimed if is_gated(claim.intent)])
            for part in _slices(claimed):
                writable = [(key, claim) for key, claim in part if self._can_write(key, claim)]
                indices = self._indices
                sequences = [self._writing(key, claim, indices) for key, claim in writable]
                self._outcomes.begin({key: HeldObject(claim.owner, claim.intent) for key, claim in writable})
                for (key, claim), sequence in zip(writable, sequences, strict=True):
                    start = engine.add if INTENT_KINDS[type(claim.intent)].single else engine.start
                    start(key, sequence)
                await engine.send()

    async def _go_up_together(self, claimed: Sequence[tuple[str, IntentClaim]]) -> None:
        """Interfaces by which packets come in go up at one moment; what became of each is asked afterwards."""
        coming = {
            key: HeldObject(claim.owner, claim.intent)
            for key, claim in claimed
            if key not in self._objects.held and self._can_write(key, claim)
        }
        if len(coming) < 2:
            return
        self._outcomes.begin(coming)
        intents = [
            held_object.intent for held_object in coming.values() if isinstance(held_object.intent, AdminUpIntent)
        ]
        for call in attributes.calls_before_up(intents, self._indices):
            await self._api.request(call.message, call.fields)
        numbers = [self._indices.interface(intent.interface) for intent in intents]
        if not await going_up.go_up_together(self._api, numbers):
            self._peer.counters["vpp_errors_total"] += 1

    def _can_write(self, key: str, claim: IntentClaim) -> bool:
        """Is there all that the object needs, in VPP and of VPP?"""
        kind = INTENT_KINDS[type(claim.intent)]
        if key in self.undeleted:
            return False  # what is there has to go first; its status says why it has not
        needs = kind.needs(claim.intent)
        if needs and (not all(map(self._objects.held.__contains__, needs)) or not self.undeleted.isdisjoint(needs)):
            self._objects.wait_for_needs(key, claim, self.undeleted)
            return False
        return kind in self._available or self._becomes_available(kind, key, claim)

    def _becomes_available(self, kind: IntentKind[Any], key: str, claim: IntentClaim) -> bool:
        """Has this VPP all messages that the kind takes?"""
        lacking = [message for message in kind.messages if not self._api.supports(message)]
        if lacking:
            reason = f"VPP lacks {', '.join(lacking)}"
            self._objects.status_review.set(claim.owner, key, RejectedStatus(value_fingerprint(claim.intent), reason))
            return False
        self._available.add(kind)
        return True

    def _writing(self, key: str, claim: IntentClaim, indices: VppIndices) -> VppCallSequence:
        """The calls that make the object, or change it, as it is known now."""
        intent, present = claim.intent, self._objects.held.get(key)
        kind = INTENT_KINDS[type(intent)]
        if present is not None and key not in self._objects.inventory.unconfirmed:
            return kind.update(present.intent, intent, indices, present.details)
        existing: ObjectDetails | None = None
        if kind.has_indices:
            existing = (present.details if present is not None else None) or kind.recognise(intent, self.observed)
        return kind.create(intent, indices, existing)

    async def write_bulk(self, bulk: BulkObjects) -> None:
        """Makes or changes objects that share everything but a prefix."""
        if self.undeleted:
            await self.write(self.claimed(bulk.keys))
            return
        templates = self._templates.of(bulk, self._indices, add=True)
        if unpackable := bulk.without(templates):
            await self.write(self.claimed(unpackable))
            bulk = bulk.sharing(templates)
        if not bulk.keys:
            return
        call = bulk.call(self._indices, add=True)
        async with self._calling(self._outcomes.write_ended) as engine:
            for columns in bulk.slices(CALLS_SENT_TOGETHER):
                held_objects = [HeldObject(claim.owner, claim.intent) for claim in columns.claims]
                objects = dict(zip(columns.keys, held_objects, strict=True))
                self._outcomes.begin(objects)
                all_accepted = partial(self._outcomes.all_writes_succeeded, objects, columns.parts)
                await engine.send_packed(columns.keys, columns.packed(templates), call, all_accepted)

    async def delete(self, keys: Sequence[str]) -> None:
        """Takes these objects away."""
        if not keys:
            return
        held, outcomes = self._objects.held, self._outcomes
        async with self._calling(outcomes.delete_ended) as engine:
            for part in _slices(keys):
                outcomes.begin({key: held[key] for key in part})
                templated: defaultdict[IntentKind[Any], dict[str, IntentClaim]] = defaultdict(dict)
                for key in part:
                    held_object = held[key]
                    kind = INTENT_KINDS[type(held_object.intent)]
                    if not all(map(held.__contains__, kind.needs(held_object.intent))):
                        outcomes.delete_ended(key, NO_OBJECT_DETAILS)  # with what it needs
                    elif kind.templated:
                        templated[kind][key] = IntentClaim(held_object.owner, held_object.intent)
                    else:
                        self._start_deleting(key, engine)
                for kind, claims in templated.items():
                    await self._delete_bulk(kind, claims, engine)
                await engine.send()

    def _start_deleting(self, key: str, engine: VppCallEngine) -> None:
        held_object = self._objects.held[key]
        kind = INTENT_KINDS[type(held_object.intent)]
        start = engine.add if kind.single else engine.start
        start(key, kind.delete(held_object.intent, self._indices, held_object.details))

    async def _delete_bulk(
        self, kind: IntentKind[Any], claims: Mapping[str, IntentClaim], engine: VppCallEngine
    ) -> None:
        bulk, singly = BulkObjects.of(kind, claims)
        templates = self._templates.of(bulk, self._indices, add=False)
        if unpackable := bulk.without(templates):
            singly += unpackable
            bulk = bulk.sharing(templates)
        for key in singly:
            self._start_deleting(key, engine)
        if bulk.keys:
            all_accepted = partial(self._outcomes.all_deletes_succeeded, bulk.keys)
            call = bulk.call(self._indices, add=False)
            await engine.send_packed(bulk.keys, bulk.packed(templates), call, all_accepted)

    async def call_each(self, calls: Iterable[VppCall]) -> None:
        """Makes calls of which nobody is told what became."""
        engine = self._engine(lambda *_: None)
        for call in calls:
            engine.start("", _only(call))
        await engine.end()

    @asynccontextmanager
    async def _calling(self, settled: CallSettledHandler) -> AsyncIterator[VppCallEngine]:
        """All that was begun ends, whatever becomes of each. Raises VppApiGone when all that was answered is noted."""
        engine = self._engine(settled)
        outcomes = self._outcomes
        try:
            try:
                yield engine
            finally:
                await engine.end()
        except BaseException:
            outcomes.may_have_orphans = True  # what the others have made may not be known to anybody
            raise
        finally:
            outcomes.end_group()
        if outcomes.unanswered:  # it may have been made all the same: then it is recognised next time
            outcomes.unanswered = False
            self.observed = await readback.observe_external_objects(self._api, self._objects.held)

    def _engine(self, settled: CallSettledHandler) -> VppCallEngine:
        observer: VppCallObserver | None = self._tell_taps if self._peer.tapped else None
        return VppCallEngine(self._api, self._peer.counters, observer, settled, self._outcomes.flush)

    def _tell_taps(self, key: str, call: VppCall, took_s: float, retval: int) -> None:
        cause = self._objects.causes.get(key, "")
        self._peer.trace("vpp-call", key, cause, took_s, message=call.message, retval=retval)


def _slices(objects: Sequence[T]) -> Iterator[Sequence[T]]:
    """As many as make a batch at a time: VPP begins while the next are prepared."""
    for start in range(0, len(objects), CALLS_SENT_TOGETHER):
        yield objects[start : start + CALLS_SENT_TOGETHER]


def _only(call: VppCall) -> VppCallSequence:
    """A sequence of one call."""
    yield [call]
    return None
