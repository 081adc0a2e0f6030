"""Every object: what is claimed, what VPP holds, what is to be done next, and what is said of it. Pure.

`target` says what should be held now, `plan` how to come there; `hold`, `drop`, `fail` and their like take what became
of it.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from functools import partial
from itertools import repeat

from actors.vpp_writer.kinds import INTENT_KINDS
from actors.vpp_writer.kinds.call import IntentRejected
from actors.vpp_writer.kinds.kind import SharedIntentPart
from actors.vpp_writer.reconcile.bulk_plan import plan_bulk_objects
from actors.vpp_writer.reconcile.claims import IntentClaim, IntentClaims
from actors.vpp_writer.reconcile.cycles import find_needs_cycle
from actors.vpp_writer.reconcile.held import HeldInventory, HeldObject, SuspectIntent
from actors.vpp_writer.reconcile.ingress_gate import GATE_NEED, GateOutlook, IngressGate, is_gated
from actors.vpp_writer.reconcile.plan import WritePlan, make_write_plan
from actors.vpp_writer.reconcile.retry import WriteRetries, WriterPresentTime
from actors.vpp_writer.reconcile.status_review import StatusReview
from actors.vpp_writer.reconcile.statuses import WriterStatuses
from actors.vpp_writer.reconcile.work_queue import WriterWorkQueue
from schemas.codec import value_fingerprint
from schemas.intents import Intent
from schemas.statuses import AppliedStatus, FailedStatus, PendingStatus, RejectedStatus

_SUSPECT_LIVES = 2  # so many lives of VPP ended while an object was being written: it is not written again


class ManagedObjects:
    """The state of all objects."""

    def __init__(self) -> None:
        self.claims = IntentClaims()
        self.inventory = HeldInventory()
        self.queue = WriterWorkQueue()
        self.retries = WriteRetries()
        self.statuses = WriterStatuses()
        self.status_review = StatusReview(self.claims, self.statuses)
        self.gate = IngressGate()
        self.suspects: dict[str, SuspectIntent] = {}
        self.causes: dict[str, str] = {}  # by key: what its claim came from last
        self._lingering: set[str] = set()  # not wanted any more, but needed by what is held
        self._rejected_for: dict[str, set[str]] = {}  # by key of a cycle: who was rejected because of it

    # --- what VPP holds

    @property
    def held(self) -> dict[str, HeldObject]:
        """What VPP holds, by key."""
        return self.inventory.objects

    def hold(self, key: str, held_object: HeldObject) -> None:
        """VPP holds the object now; who waited for it is looked at again."""
        self.queue.add(self.inventory.add(key, held_object))
        self.retries.forget(key)

    def hold_unconfirmed(self, key: str, held_object: HeldObject) -> None:
        """VPP may hold the object, nobody knows: it is written again if it is wanted, and deleted if not."""
        self.hold(key, held_object)
        self.inventory.unconfirmed.add(key)
        self.queue.add((key,))

    def hold_all(
        self,
        objects: Mapping[str, HeldObject],
        generations: Mapping[str, int],
        epoch: int,
        parts: Collection[SharedIntentPart],
    ) -> None:
        """VPP holds all these as they are wanted, and the statuses say so. `parts`: what each shares with others."""
        self.queue.add(self.inventory.add_all(objects, parts))
        owners = [held_object.owner for held_object in objects.values()]
        applied = map(AppliedStatus, map(generations.__getitem__, objects), repeat(epoch))
        self.statuses.set_applied(owners, objects.keys(), applied)
        if self.failing:
            for key in objects:
                self.retries.forget(key)

    def drop(self, key: str) -> set[str]:
        """VPP does not hold the object any more, nor what needed it and could not be deleted. Returns all these."""
        if not self.inventory.dependants.is_needed(key):
            self.inventory.remove(key)
            self.status_review.doubtful.add(key)
            return {key}
        return self.lose([key])

    def lose(self, keys: Iterable[str]) -> set[str]:
        """Objects turned out not to be in VPP: they and what needs them are to be written again. Returns all these."""
        missing = self.inventory.needing(keys)
        for key in missing:
            self.inventory.remove(key)
        self.status_review.doubtful |= missing
        self.queue.add(missing)
        return missing

    def start_over(self) -> None:
        """A new VPP holds nothing."""
        self.queue.add(self.held)
        self.queue.add(self.claims.effective)
        self.status_review.doubtful.update(self.queue)
        self.inventory = HeldInventory()
        self._lingering.clear()
        self._rejected_for.clear()
        self.retries.clear()

    def keep_if_needed(self, key: str) -> bool:
        """Does a held object need it? Then it cannot go yet, and is looked at again in the next plan."""
        needed = self.inventory.dependants.is_needed(key)
        if needed:
            self._lingering.add(key)
        return needed

    # --- what it should hold

    def target(self, key: str, now: float) -> Intent | None:
        """The intent to be held, None if there is none or it may not be tried now. Keeps the statuses."""
        claim = self.claims.effective.get(key)
        if self.claims.contested:
            self._refuse(key)
        if claim is None:
            self.status_review.doubtful.add(key)
            return None
        owner, intent = claim.owner, claim.intent
        self._keep_equal(key, claim)
        try:
            INTENT_KINDS[type(intent)].check(intent)
        except IntentRejected as never:
            self.status_review.set(owner, key, RejectedStatus(value_fingerprint(intent), str(never)))
            return None
        if key in self.suspects and self._quarantined(key, claim):
            return None
        if key not in self.held and self.gate.holds_back(key, intent):
            self.status_review.set(owner, key, PendingStatus(value_fingerprint(intent), (GATE_NEED,)))
            return None
        if self.failing and self.retries.blocked(key, value_fingerprint(intent), now):
            return None
        return intent

    def _keep_equal(self, key: str, claim: IntentClaim) -> None:
        """An object that VPP holds as it is wanted, or that its first owner has left to another."""
        present = self.held.get(key)
        if present is None:
            return
        if present.intent is claim.intent or present.owner != claim.owner or present.intent == claim.intent:
            self.status_review.doubtful.add(key)
            if present.intent == claim.intent and key not in self.inventory.unconfirmed:
                # What has failed was to delete it, or to change it to what is not wanted any more.
                self.retries.forget(key)
                self.queue.add(self.inventory.release_waiters(key))
            if present.owner != claim.owner and present.intent == claim.intent:
                self.held[key] = HeldObject(claim.owner, claim.intent, present.details)

    def _refuse(self, key: str) -> None:
        """Tells the owners whose claims do not count; of a shared kind the same claim does."""
        for owner, refused, winner in self.claims.refused(key):
            self.status_review.doubtful.add(key)
            effective = self.claims.effective[key].intent
            if not (INTENT_KINDS[type(effective)].shared and refused == effective):
                self.status_review.set(owner, key, RejectedStatus(value_fingerprint(refused), f"owned by {winner}"))
            elif (status := self.statuses.get(winner, key)) is not None:
                self.statuses.set(owner, key, status)

    def _quarantined(self, key: str, claim: IntentClaim) -> bool:
        suspect, generation = self.suspects[key], value_fingerprint(claim.intent)
        if suspect.generation != generation:
            del self.suspects[key]
            return False
        if suspect.lives < _SUSPECT_LIVES:
            return False
        reason = f"VPP died {_SUSPECT_LIVES} times in a row while this was being written"
        self.status_review.set(claim.owner, key, RejectedStatus(generation, reason))
        return True

    # --- packets are let in

    def close_gate(self, now: float) -> None:
        """A VPP has been met: if no interface by which packets come in is up there, all wait for one another."""
        if not any(is_gated(held_object.intent) for held_object in self.held.values()):
            self.gate.close(now)

    def gate_obstacles(self, now: float) -> list[str]:
        """Why packets are not let in yet, in words; empty: they are, or may be now."""
        if self.gate.is_open:
            return []
        outlook = GateOutlook(len(self.queue.urgent), len(self.queue), self.failing)
        return self.gate.obstacles(self.claims, outlook, now)

    def open_gate(self, now: float) -> None:
        """Lets packets in, if nothing is to be there before."""
        if not self.gate.is_open and not self.gate_obstacles(now):
            self.queue.add(self.gate.open())

    # --- the plan

    def has_work(self, now: float) -> bool:
        """Is anything to be planned?"""
        return bool(self.queue or self.retries.due(now))

    def plan(self, now: float) -> WritePlan:
        """The plan for what is queued or due: all but the many of bulk kinds, and a slice of those."""
        self.queue.add(self.retries.due(now))
        self.queue.add(self._lingering)
        if self._rejected_for:  # what is looked at may have opened a cycle
            changed = self.queue.urgent
            self.queue.add([key for each_key in changed for key in self._rejected_for.pop(each_key, ())])
        keys, backlog = self.queue.take()
        self._lingering = set()
        if self.failing:
            for key in (*keys, *backlog):
                if key not in self.held and key not in self.claims.effective:
                    self.retries.forget(key)
        bulk = plan_bulk_objects(backlog, self.claims.effective, self.inventory, self._special(backlog), alone=not keys)
        plan = make_write_plan([*keys, *bulk.remaining], self.inventory, partial(self.target, now=now))
        return replace(plan, singles=bulk.singles, bulks=bulk.bulks)

    def _special(self, keys: Collection[str]) -> Collection[str]:
        """Of these the keys that several owners claim, that VPP may have died of, or that have failed."""
        trouble = [which for which in (self.claims.refused_intents, self.suspects, self.retries.keys) if which]
        return {key for key in keys if any(key in which for which in trouble)} if trouble else ()

    # --- what becomes of it

    def wait_for_needs(self, key: str, claim: IntentClaim, leaving: Collection[str] = ()) -> Collection[str]:
        """The needs of the object that VPP does not hold, or that are `leaving`; it waits for them."""
        needs = INTENT_KINDS[type(claim.intent)].needs(claim.intent)
        missing = [need for need in needs if need not in self.held or need in leaving]
        self.inventory.wait(key, missing)
        if missing:
            generation, cycle = value_fingerprint(claim.intent), find_needs_cycle(key, claim.intent, self._hoped_for)
            for link in cycle:
                self._rejected_for.setdefault(link, set()).add(key)
            if cycle:
                self.status_review.set(
                    claim.owner, key, RejectedStatus(generation, f"needs itself: {' needs '.join(cycle)}")
                )
            else:
                self.status_review.set(claim.owner, key, PendingStatus(generation, tuple(sorted(missing))))
        return missing

    def _hoped_for(self, key: str) -> Intent | None:
        """What is wanted, or still held; None for what is rejected, and nothing can wait for."""
        claim, present = self.claims.effective.get(key), self.held.get(key)
        if claim is None:
            return present.intent if present is not None else None
        status = self.statuses.get(claim.owner, key)
        if isinstance(status, RejectedStatus) and status.generation == value_fingerprint(claim.intent):
            return None
        return claim.intent

    def fail(self, key: str, claim: IntentClaim, reason: str, now: WriterPresentTime) -> None:
        """The object's calls failed: it is tried again later."""
        generation = value_fingerprint(claim.intent)
        due = self.retries.failed(key, generation, now.monotonic_s)
        self.status_review.set(claim.owner, key, FailedStatus(generation, reason, now.wall_time_of(due)))

    def postpone(self, key: str, claim: IntentClaim, reason: str, now: float) -> None:
        """What the object needs is made by others and is not there yet: it is looked for again later."""
        generation = value_fingerprint(claim.intent)
        self.retries.failed(key, generation, now)
        self.status_review.set(claim.owner, key, PendingStatus(generation, (reason,)))

    @property
    def failing(self) -> int:
        """How many objects are to be tried again."""
        return len(self.retries.keys)

    # --- what is said of it

    def confirm_statuses(self, epoch: int) -> None:
        """Statuses of what is held as it is wanted are said, and of what is neither wanted nor held go."""
        self.status_review.confirm(self.inventory, epoch)
        self.status_review.forget_unwanted(self.held)

    def count(self) -> dict[str, int]:
        """How many objects are in which state, and how many VPP holds."""
        return {**self.statuses.count(), "objects_held": len(self.held)}
