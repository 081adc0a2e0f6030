"""How many steps may follow one another. Objects that undo one another would keep the writer, and VPP, busy for ever.

That would be our bug; it costs some steps a second then, and is logged.
"""

from actors.vpp_writer.reconcile.work_queue import BULK_PLAN_MAX

STEPS_MAX = 50  # beyond those that the queue takes, which may alternate with what is urgent


class LivelockDetector:
    """Counts the steps since there was something new to do."""

    def __init__(self) -> None:
        self._allowance = STEPS_MAX
        self.detected = False

    def renew(self, queued: int) -> None:
        """There is something new: so many objects are to be looked at."""
        self._allowance = STEPS_MAX + 2 * queued // BULK_PLAN_MAX
        self.detected = False

    def may_follow(self) -> bool:
        """May another step follow this one at once?"""
        self._allowance -= 1
        self.detected = self._allowance < 0
        return not self.detected
