"""What the writer knows of every object: claims, what VPP holds, what waits, what failed. Pure; no I/O, no clock.

`wanted` says what should be held now.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import partial
from itertools import chain, islice, repeat

from actors.vpp_writer.kinds import KINDS
from actors.vpp_writer.kinds.call import Never
from actors.vpp_writer.kinds.indices import NO_DETAILS
from actors.vpp_writer.kinds.routes import PathList
from actors.vpp_writer.reconcile.bulk_routes import BulkRoutes
from actors.vpp_writer.reconcile.claims import Claim, Claims
from actors.vpp_writer.reconcile.cycles import find_cycle
from actors.vpp_writer.reconcile.held import Dependants, HeldObject, Suspect
from actors.vpp_writer.reconcile.plan import Plan, make_plan
from actors.vpp_writer.reconcile.retry import Retries
from actors.vpp_writer.reconcile.statuses import Statuses, by_owner
from schemas.codec import fingerprint
from schemas.intents import Intent, Route
from schemas.statuses import Applied, Failed, Pending, Rejected, Status

LEAVES = ("route/", "translation/")  # how the keys of those begin that are many, and that no other object hangs on
BULK_MAX = 500  # of these in one plan: what is more urgent comes between
FEW = 50  # so many of these go along with what is urgent, whose statuses do not wait for more
SUSPECT_LIVES = 2  # so many lives of VPP ended while an object was being written: it is not written again


class Objects:
    """The state of all objects."""

    def __init__(self) -> None:
        self.claims = Claims()
        self.held: dict[str, HeldObject] = {}
        self.retries = Retries()
        self.suspects: dict[str, Suspect] = {}
        self.unconfirmed: set[str] = set()  # held perhaps: to be written again, or deleted
        # To be looked at, in the order in which it came: neighbours in memory are looked at together.
        self._dirty: dict[str, None] = {}
        self._backlog: dict[str, None] = {}  # of these the routes and translations
        self._urgent_before = False  # was the last plan for what is urgent alone?
        self.lingering: set[str] = set()  # not wanted any more, but needed by what is held
        self.statuses = Statuses()
        self.causes: dict[str, str] = {}  # by key: what its claim came from last
        self._review: set[str] = set()  # keys whose statuses may not be what they should
        self._dependants = Dependants()
        self._waiters: defaultdict[str, set[str]] = defaultdict(set)
        self._cycles: defaultdict[str, set[str]] = defaultdict(set)  # who was rejected because of a key in its circle

    def touch(self, keys: Iterable[str]) -> None:
        """These are to be looked at in the next plans."""
        dirty, backlog = self._dirty, self._backlog
        for key in keys:
            if key.startswith(LEAVES):
                backlog[key] = None
            else:
                dirty[key] = None

    @property
    def dirty(self) -> int:
        """How many objects are to be looked at."""
        return len(self._dirty) + len(self._backlog)

    def waiting(self) -> Iterator[str]:
        """Keys of what is to be looked at, what is urgent first."""
        return chain(self._dirty, self._backlog)

    # --- what VPP holds

    def hold(self, key: str, held: HeldObject) -> None:
        """VPP holds the object now; who waited for it is looked at again."""
        self._put(key, held)
        self.unconfirmed.discard(key)
        self.retries.forget(key)

    def _put(self, key: str, held: HeldObject) -> None:
        before = self.held.get(key)
        if before is not None:
            self._dependants.remove(key, before.intent)
        elif key in self._waiters:
            self.touch(self._waiters.pop(key))
        self.held[key] = held
        self._dependants.add(key, held.intent)

    def hold_all(
        self,
        objects: Mapping[str, HeldObject],
        generations: Mapping[str, int],
        epoch: int,
        path_lists: Collection[PathList] = (),
    ) -> None:
        """VPP holds all these as they are wanted: `hold`, and the statuses that say so. `path_lists`: the routes'."""
        if self.held.keys().isdisjoint(objects):
            self.held.update(objects)
            if path_lists:
                self._dependants.add_routes(objects, path_lists)
            else:
                for key, one in objects.items():
                    self._dependants.add(key, one.intent)
            for key in self._waiters.keys() & objects.keys():
                self.touch(self._waiters.pop(key))
        else:
            for key, one in objects.items():
                self._put(key, one)
        owners = [one.owner for one in objects.values()]
        applied = map(Applied, map(generations.__getitem__, objects), repeat(epoch))
        for owner, statuses in by_owner(owners, objects, applied).items():
            self.statuses.say_applied(owner, statuses)
        if self.unconfirmed:
            self.unconfirmed -= objects.keys()
        if self.failing:
            for key in objects:
                self.retries.forget(key)

    def drop(self, key: str) -> None:
        """VPP does not hold the object any more."""
        held = self.held.pop(key, None)
        self._review.add(key)
        self.unconfirmed.discard(key)
        if held is not None:
            self._dependants.remove(key, held.intent)

    def lose(self, keys: Iterable[str]) -> set[str]:
        """Objects turned out not to be in VPP: they and what needs them are to be written again."""
        lost = self._dependants.of(set(keys) & self.held.keys(), ()) & self.held.keys()
        for key in lost:
            self.drop(key)
        self.touch(lost)
        return lost

    def start_over(self) -> None:
        """A new VPP holds nothing."""
        self.touch(self.held)
        self.touch(self.claims.effective)
        self._review.update(self._dirty, self._backlog)
        self.held, self._dependants = {}, Dependants()
        self.unconfirmed.clear()
        self.lingering.clear()
        self._waiters.clear()
        self._cycles.clear()
        self.retries.clear()

    # --- what should be

    def wanted(self, key: str, now: float) -> Intent | None:
        """The intent to be held, None if there is none or it may not be tried now. Keeps the statuses."""
        claim = self.claims.effective.get(key)
        if self.claims.contested:
            self._refuse(key)
        if claim is None:
            self._review.add(key)
            return None
        held = self.held.get(key)
        owner, intent = claim.owner, claim.intent
        if held is not None and (held.intent is intent or held.owner != owner or held.intent == intent):
            self._review.add(key)
            if held.owner != owner and held.intent == intent:  # its first owner has left it to another
                self.held[key] = HeldObject(owner, intent, held.details)
        try:
            KINDS[type(intent)].check(intent)
        except Never as never:
            self.say(owner, key, Rejected(fingerprint(intent), str(never)))
            return None
        if key in self.suspects and self._quarantined(key, claim):
            return None
        if self.failing and self.retries.blocked(key, fingerprint(intent), now):
            return None
        return intent

    def _refuse(self, key: str) -> None:
        """Tells the owners whose claims do not count; of a shared kind the same claim does."""
        for owner, refused, winner in self.claims.refused(key):
            self._review.add(key)
            counting = self.claims.effective[key].intent
            if not (KINDS[type(counting)].shared and refused == counting):
                self.say(owner, key, Rejected(fingerprint(refused), f"owned by {winner}"))
            elif (status := self.statuses.of(winner, key)) is not None:
                self.statuses.say(owner, key, status)

    def _quarantined(self, key: str, claim: Claim) -> bool:
        suspect, generation = self.suspects[key], fingerprint(claim.intent)
        if suspect.generation != generation:
            del self.suspects[key]
            return False
        if suspect.lives < SUSPECT_LIVES:
            return False
        reason = f"VPP died {SUSPECT_LIVES} times in a row while this was being written"
        self.say(claim.owner, key, Rejected(generation, reason))
        return True

    def missing(self, key: str, claim: Claim) -> Collection[str]:
        """The needs of the object that VPP does not hold; it waits for them."""
        missing = [need for need in KINDS[type(claim.intent)].needs(claim.intent) if need not in self.held]
        for need in missing:
            self._waiters[need].add(key)
        if missing:
            generation, cycle = fingerprint(claim.intent), find_cycle(key, claim.intent, self._hoped_for)
            for other in cycle:
                self._cycles[other].add(key)
            if cycle:
                self.say(claim.owner, key, Rejected(generation, f"needs itself: {' needs '.join(cycle)}"))
            else:
                self.say(claim.owner, key, Pending(generation, tuple(sorted(missing))))
        return missing

    def _hoped_for(self, key: str) -> Intent | None:
        """What is wanted, or still held; None for what is rejected, and nothing can wait for."""
        claim, held = self.claims.effective.get(key), self.held.get(key)
        if claim is None:
            return held.intent if held is not None else None
        status = self.statuses.of(claim.owner, key)
        if isinstance(status, Rejected) and status.generation == fingerprint(claim.intent):
            return None
        return claim.intent

    def has_work(self, now: float) -> bool:
        """Is anything to be planned?"""
        return bool(self._dirty or self._backlog or self.retries.due(now))

    def plan(self, now: float, in_place: Callable[[Intent, Intent], bool]) -> Plan:
        """The plan for what is dirty or due: all but routes and translations, and some of those."""
        self.touch(self.retries.due(now))
        self.touch(self.lingering)
        if self._cycles:  # what is looked at may have opened one
            self.touch([key for changed in [*self._dirty] for key in self._cycles.pop(changed, ())])
        keys, backlog = self._some()
        self.lingering = set()
        if self.failing:
            for key in (*keys, *backlog):
                if key not in self.held and key not in self.claims.effective:
                    self.retries.forget(key)
        leaves, routes = list[tuple[str, Claim]](), BulkRoutes()
        keys += self._leaves(backlog, leaves, routes, alone=not keys)
        plan = make_plan(keys, self, partial(self.wanted, now=now), in_place)
        return replace(plan, leaves=leaves, routes=routes)

    def _some(self) -> tuple[list[str], list[str]]:
        """All that is urgent; after it, or with it if they are few, some of the rest."""
        urgent, self._dirty = self._dirty, {}
        alone = bool(urgent) and len(self._backlog) > FEW and not self._urgent_before
        self._urgent_before = alone  # what comes all the time does not keep the rest waiting for ever
        some = list(islice(self._backlog, 0 if alone else BULK_MAX))
        for key in some:
            del self._backlog[key]
        return [*urgent], some

    def _leaves(
        self, keys: Collection[str], leaves: list[tuple[str, Claim]], routes: BulkRoutes, *, alone: bool
    ) -> list[str]:
        """Of these keys the new objects and the routes that change; returns the others.

        They need no plan: no other object hangs on them, and a route is changed as it is made, unless what it needed
        goes now (`alone`: nothing else is planned).
        """
        others, held, claims, special = list[str](), self.held, self.claims.effective, self._special(keys)
        for key in keys:
            claim, present = claims.get(key), held.get(key)
            if (
                claim is None
                or key in special
                or (present is not None and not (alone and self._is_changed_route(key, present, claim)))
            ):
                others.append(key)
                continue
            intent = claim.intent
            try:
                if type(intent) is Route:
                    routes.add(key, claim, intent)
                else:
                    KINDS[type(intent)].check(intent)
                    leaves.append((key, claim))
            except Never:
                others.append(key)  # and is rejected there
        return others

    def _special(self, keys: Collection[str]) -> Collection[str]:
        """Of these the keys that several owners claim, that VPP may have died of, or that have failed."""
        some = [which for which in (self.claims.others, self.suspects, self.retries.keys) if which]
        return {key for key in keys if any(key in which for which in some)} if some else ()

    def _is_changed_route(self, key: str, present: HeldObject, claim: Claim) -> bool:
        return (
            type(present.intent) is type(claim.intent) is Route
            and present.owner == claim.owner
            and key not in self.unconfirmed
            and present.intent != claim.intent
        )

    def heard(self, keys: Iterable[str]) -> bool:
        """Must any held object be made again when these come?"""
        return self._dependants.heard(keys)

    def dependants(self, going: Iterable[str], coming: Iterable[str]) -> set[str]:
        """All that must go when `going` go and `coming` come; `going` included."""
        return self._dependants.of(going, coming)

    def needed(self, key: str) -> bool:
        """Does a held object need it? Then it cannot go yet, and is looked at again in the next plan."""
        needed = self._dependants.needed(key)
        if needed:
            self.lingering.add(key)
        return needed

    def hold_unconfirmed(self, key: str, held: HeldObject) -> None:
        """VPP may hold the object, nobody knows: it is written again if it is wanted, and deleted if not."""
        self.hold(key, held)
        self.unconfirmed.add(key)
        self.touch((key,))

    def failed(self, key: str, claim: Claim, reason: str, now: float) -> None:
        """The object's calls failed: it is tried again later."""
        generation = fingerprint(claim.intent)
        due = self.retries.failed(key, generation, now)
        self.say(claim.owner, key, Failed(generation, reason, due))

    def put_off(self, key: str, claim: Claim, reason: str, now: float) -> None:
        """What the object needs is made by others and is not there yet: it is looked for again later."""
        generation = fingerprint(claim.intent)
        self.retries.failed(key, generation, now)
        self.say(claim.owner, key, Pending(generation, (reason,)))

    # --- statuses

    def say(self, owner: str, key: str, status: Status | None) -> None:
        """A status as it is now; None: the object is neither wanted nor held. Those who share it hear it too."""
        self.statuses.say(owner, key, status)
        claim = self.claims.effective.get(key) if self.claims.contested else None
        if claim is not None and claim.owner == owner and KINDS[type(claim.intent)].shared:
            for other, intent, _ in self.claims.refused(key):
                if intent == claim.intent:
                    self.statuses.say(other, key, status)

    def say_all(self, epoch: int) -> None:
        """Statuses of what is held as it is wanted: after a restart of this process, or a wish that was taken back."""
        for key in self._review:
            held, claim = self.held.get(key), self.claims.get(key)
            if held is not None and claim is not None and claim.intent == held.intent:
                self.say(claim.owner, key, applied(fingerprint(held.intent), epoch, held.details))

    def say_away(self, reason: str, keys: Iterable[str] | None = None) -> None:
        """VPP is not there: these (None: everything) wait for it."""
        for key in keys if keys is not None else list(self.claims.effective):
            claim = self.claims.get(key)
            self._review.add(key)
            if claim is not None and not isinstance(self.statuses.of(claim.owner, key), Rejected):
                self.say(claim.owner, key, Pending(fingerprint(claim.intent), (reason,)))

    def forget_unwanted(self) -> None:
        """Statuses of objects that are neither claimed by that owner nor held go."""
        review, self._review = self._review, set()
        for owner, key in [(owner, key) for key in review for owner in self.statuses.owners]:
            if self.statuses.of(owner, key) is None:
                continue
            claim = self.claims.get(key)
            claimed = claim is not None and claim.owner == owner
            refused = any(o == owner for o, _, _ in self.claims.refused(key))
            held = key in self.held and self.held[key].owner == owner
            if not (claimed or refused or held):
                self.say(owner, key, None)

    @property
    def failing(self) -> int:
        """How many objects are to be tried again."""
        return len(self.retries.keys)

    def count(self) -> dict[str, int]:
        """How many objects are in which state, and how many VPP holds."""
        return {**self.statuses.count(), "objects_held": len(self.held)}


def applied(generation: int, epoch: int, details: Mapping[str, int | str]) -> Applied:
    """The status of an object that VPP holds."""
    return Applied(generation, epoch) if details is NO_DETAILS else Applied(generation, epoch, _public(details))


def _public(details: Mapping[str, int | str]) -> dict[str, int | str]:
    """The details that a status tells: numbers; lists of them, which are texts, are the writer's own."""
    return {name: value for name, value in details.items() if isinstance(value, int)}
