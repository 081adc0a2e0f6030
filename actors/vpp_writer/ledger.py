"""What the writer knows of every object: claims, what VPP holds, what waits, what failed. Pure; no I/O, no clock.

`eligible` says what should be held now; the statuses are kept here and handed out as they change.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from itertools import islice

from actors.vpp_writer.call import Never
from actors.vpp_writer.claims import Claim, Claims
from actors.vpp_writer.journal import Suspect
from actors.vpp_writer.kinds import kind_of
from actors.vpp_writer.kinds.kind import ROUTE
from actors.vpp_writer.plan import Dependants, Held, Plan, make_plan
from actors.vpp_writer.retry import Retries
from schemas.codec import fingerprint
from schemas.intents import Intent
from schemas.statuses import Applied, Failed, Pending, Rejected, Status

STATES = (Pending, Applied, Failed, Rejected)
BULK_MAX = 1000  # routes and translations of one plan: what is more urgent comes between
SUSPECT_LIVES = 2  # so many lives of VPP ended while an object was being written: it is not written again


class Ledger:
    """The state of all objects."""

    def __init__(self) -> None:
        self.claims = Claims()
        self.held: dict[str, Held] = {}
        self.retries = Retries()
        self.suspects: dict[str, Suspect] = {}
        self.unsure: set[str] = set()  # held perhaps: to be written again, or deleted
        self.dirty: set[str] = set()
        self.lingering: set[str] = set()  # not wanted any more, but needed by what is held
        self.statuses: dict[tuple[str, str], Status] = {}  # (owner, key)
        self.causes: dict[str, str] = {}  # by key: what its claim came from last
        self.changed: set[tuple[str, str]] = set()
        self._tally: Counter[type[Status]] = Counter()
        self._owners: set[str] = set()  # who has statuses
        self._review: set[str] = set()  # keys whose statuses may not be what they should
        self._dependants = Dependants()
        self._waiters: defaultdict[str, set[str]] = defaultdict(set)
        self._backlog: dict[str, None] = {}  # keys of routes and translations that are dirty

    # --- what VPP holds

    def hold(self, key: str, held: Held) -> None:
        """VPP holds the object now; who waited for it is looked at again."""
        if key in self.held:
            self._dependants.remove(key, self.held[key].intent)
        else:
            self.dirty |= self._waiters.pop(key, set())
        self.held[key] = held
        self.unsure.discard(key)
        self._dependants.add(key, held.intent)
        self.retries.forget(key)

    def drop(self, key: str) -> None:
        """VPP does not hold the object any more."""
        held = self.held.pop(key, None)
        self._review.add(key)
        self.unsure.discard(key)
        if held is not None:
            self._dependants.remove(key, held.intent)

    def lose(self, keys: Iterable[str]) -> set[str]:
        """Objects turned out not to be in VPP: they and what needs them are to be written again."""
        lost = self._dependants.of(set(keys) & self.held.keys(), ()) & self.held.keys()
        for key in lost:
            self.drop(key)
        self.dirty |= lost
        return lost

    def start_over(self) -> None:
        """A new VPP holds nothing."""
        self.dirty |= {*self.held, *(key for key, _ in self.claims.all())}
        self._review |= self.dirty
        self.held, self._dependants = {}, Dependants()
        self._backlog.clear()
        self.unsure.clear()
        self.lingering.clear()
        self._waiters.clear()
        self.retries.clear()

    # --- what should be

    def wanted(self, key: str, now: float) -> Intent | None:
        """The intent to be held, None if there is none or it may not be tried now. Keeps the statuses."""
        claim = self.claims.get(key)
        for owner, intent, winner in self.claims.refused(key):
            self._review.add(key)
            self.say(owner, key, Rejected(fingerprint(intent), f"owned by {winner}"))
        if claim is None:
            self._review.add(key)
            return None
        held = self.held.get(key)
        if held is not None and (held.owner != claim.owner or held.intent == claim.intent):
            self._review.add(key)
        intent = claim.intent
        try:
            kind_of(intent).check(intent)
        except Never as never:
            self.say(claim.owner, key, Rejected(fingerprint(intent), str(never)))
            return None
        if key in self.suspects and self._quarantined(key, claim):
            return None
        if self.retries.knows(key) and self.retries.blocked(key, fingerprint(intent), now):
            return None
        return intent

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
        missing = [need for need in kind_of(claim.intent).needs(claim.intent) if need not in self.held]
        for need in missing:
            self._waiters[need].add(key)
        if missing:
            self.say(claim.owner, key, Pending(fingerprint(claim.intent), tuple(sorted(missing))))
        return missing

    def has_work(self, now: float) -> bool:
        """Is anything to be planned?"""
        return bool(self.dirty or self._backlog or self.retries.due(now))

    def plan(self, now: float, in_place: Callable[[Intent, Intent], bool]) -> Plan:
        """The plan for what is dirty or due: all but routes and translations, and some of those."""
        keys: Iterable[str] = self._some(self.dirty | self.retries.due(now) | self.lingering)
        self.dirty, self.lingering = set(), set()
        for key in keys:
            if key not in self.held and self.claims.get(key) is None:
                self.retries.forget(key)
        return make_plan(keys, self, lambda key: self.wanted(key, now), in_place)

    def _some(self, keys: set[str]) -> Collection[str]:
        if not self._backlog and len(keys) <= BULK_MAX:
            return keys
        urgent = []
        for key in keys:
            claim = self.claims.get(key) or self.held.get(key)
            if claim is not None and kind_of(claim.intent).rank == ROUTE:
                self._backlog[key] = None
            else:
                urgent.append(key)
        some = list(islice(self._backlog, BULK_MAX))
        for key in some:
            del self._backlog[key]
        return urgent + some

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

    def hold_perhaps(self, key: str, held: Held) -> None:
        """VPP may hold the object, nobody knows: it is written again if it is wanted, and deleted if not."""
        self.hold(key, held)
        self.unsure.add(key)
        self.dirty.add(key)

    def failed(self, key: str, claim: Claim, reason: str, now: float) -> None:
        """The object's calls failed: it is tried again later."""
        generation = fingerprint(claim.intent)
        due = self.retries.failed(key, generation, now)
        self.say(claim.owner, key, Failed(generation, reason, due))

    # --- statuses

    def say(self, owner: str, key: str, status: Status | None) -> None:
        """A status as it is now; None: the object is neither wanted nor held."""
        name = (owner, key)
        before = self.statuses.get(name)
        if before == status:
            return
        if before is not None:
            self._tally[type(before)] -= 1
        if status is None:
            self.statuses.pop(name, None)
        else:
            self.statuses[name] = status
            self._tally[type(status)] += 1
            self._owners.add(owner)
        self.changed.add(name)

    def say_all(self, epoch: int) -> None:
        """Statuses of what is held as it is wanted: after a restart of this process, or a wish that was taken back."""
        for key in self._review:
            held, claim = self.held.get(key), self.claims.get(key)
            if held is not None and claim is not None and claim.intent == held.intent:
                self.say(claim.owner, key, Applied(fingerprint(held.intent), epoch, public(held.details)))

    def say_away(self, reason: str, keys: Iterable[str] | None = None) -> None:
        """VPP is not there: these (None: everything) wait for it."""
        for key in keys if keys is not None else [key for key, _ in self.claims.all()]:
            claim = self.claims.get(key)
            self._review.add(key)
            if claim is not None and not isinstance(self.statuses.get((claim.owner, key)), Rejected):
                self.say(claim.owner, key, Pending(fingerprint(claim.intent), (reason,)))

    def forget_unwanted(self) -> None:
        """Statuses of objects that are neither claimed by that owner nor held go."""
        review, self._review = self._review, set()
        for owner, key in ((owner, key) for key in review for owner in self._owners):
            if (owner, key) not in self.statuses:
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
        return self._tally[Failed]

    def count(self) -> dict[str, int]:
        """How many objects are in which state, and how many VPP holds."""
        states = {f"intents_{kind.__name__.lower()}": self._tally[kind] for kind in STATES}
        return {**states, "objects_held": len(self.held)}


def public(details: Mapping[str, int | str]) -> dict[str, int | str]:
    """The details that a status tells: numbers; lists of them, which are texts, are the writer's own."""
    return {name: value for name, value in details.items() if isinstance(value, int)}
