"""How many steps may follow one another. Objects that undo one another would keep the writer, and VPP, busy for ever.

That would be our bug; it costs some steps a second then, and is told.
"""

from actors.vpp_writer.reconcile.objects import BULK_MAX

STEPS_MAX = 50  # beyond those that what waits takes, which may alternate with what is urgent


class LivelockGuard:
    """The steps since there was something new to do."""

    def __init__(self) -> None:
        self._left = STEPS_MAX
        self.detected = False

    def renew(self, dirty: int) -> None:
        """There is something new: so many objects are to be looked at."""
        self._left = STEPS_MAX + 2 * dirty // BULK_MAX
        self.detected = False

    def may_follow(self) -> bool:
        """May another step follow this one at once?"""
        self._left -= 1
        self.detected = self._left < 0
        return not self.detected
