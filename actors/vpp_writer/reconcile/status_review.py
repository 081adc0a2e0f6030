"""What is said of objects, kept true to what is claimed and to what VPP holds. Pure."""

from collections.abc import Iterable, Mapping

from actors.vpp_writer.kinds import INTENT_KINDS
from actors.vpp_writer.reconcile.claims import IntentClaims
from actors.vpp_writer.reconcile.held import HeldInventory, HeldObject
from actors.vpp_writer.reconcile.statuses import WriterStatuses, held_object_status
from schemas.codec import value_fingerprint
from schemas.statuses import AppliedStatus, IntentStatus, PendingStatus, RejectedStatus


class StatusReview:
    """Keeps the statuses true to claims and held objects. `doubtful`: keys whose statuses may not be."""

    def __init__(self, claims: IntentClaims, statuses: WriterStatuses) -> None:
        self._claims, self._statuses = claims, statuses
        self.doubtful: set[str] = set()

    def set(self, owner: str, key: str, status: IntentStatus | None) -> None:
        """A status as it is now; None: the object is neither wanted nor held. Those who share it hear it too."""
        self._statuses.set(owner, key, status)
        claim = self._claims.effective.get(key) if self._claims.contested else None
        if claim is not None and claim.owner == owner and INTENT_KINDS[type(claim.intent)].shared:
            for sharer, intent, _ in self._claims.refused(key):
                if intent == claim.intent:
                    self._statuses.set(sharer, key, status)

    def confirm(self, inventory: HeldInventory, epoch: int) -> None:
        """Statuses of what is held as it is wanted: after a restart of this process, or a wish that was taken back."""
        for key in self.doubtful:
            present, claim = inventory.objects.get(key), self._claims.get(key)
            if claim is None:
                continue
            if present is not None and claim.intent == present.intent:
                status = held_object_status(value_fingerprint(present.intent), epoch, present.details)
                self.set(claim.owner, key, status)
            elif present is None and isinstance(self._statuses.get(claim.owner, key), AppliedStatus):
                # What has been said was of an earlier life of the object.
                missing = inventory.missing(INTENT_KINDS[type(claim.intent)].needs(claim.intent))
                self.set(claim.owner, key, PendingStatus(value_fingerprint(claim.intent), tuple(missing)))

    def set_pending(self, reason: str, keys: Iterable[str] | None = None) -> None:
        """VPP is not there: these (None: everything) wait for it."""
        for key in keys if keys is not None else list(self._claims.effective):
            claim = self._claims.get(key)
            self.doubtful.add(key)
            if claim is not None and not isinstance(self._statuses.get(claim.owner, key), RejectedStatus):
                self.set(claim.owner, key, PendingStatus(value_fingerprint(claim.intent), (reason,)))

    def forget_unwanted(self, held: Mapping[str, HeldObject]) -> None:
        """Statuses of objects that are neither claimed by that owner nor held go."""
        review, self.doubtful = self.doubtful, set()
        for owner, key in [(owner, key) for key in review for owner in self._statuses.owners]:
            if self._statuses.get(owner, key) is not None and not self._concerns(owner, key, held):
                self.set(owner, key, None)

    def _concerns(self, owner: str, key: str, held: Mapping[str, HeldObject]) -> bool:
        """Does the owner claim the object, or VPP hold it as the owner's?"""
        claim, present = self._claims.get(key), held.get(key)
        is_claimed = claim is not None and claim.owner == owner
        is_held = present is not None and present.owner == owner
        return is_claimed or is_held or any(refused == owner for refused, _, _ in self._claims.refused(key))
