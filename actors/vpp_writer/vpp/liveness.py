"""Does VPP answer? Told from when it was asked and when it was heard. Pure; times are s, monotonic."""

PROBE_AFTER_S = 0.5  # of silence
SILENT_S_MAX = 1.0  # after the first question without an answer: "not answering"


class VppLiveness:
    """`asked_at`: the oldest question that has no answer; 0: there is none."""

    def __init__(self) -> None:
        self.asked_at = self.heard_at = 0.0

    def ask(self, now: float) -> None:
        """VPP is asked something."""
        self.asked_at = self.asked_at or now

    def hear(self, now: float) -> None:
        """VPP has sent something."""
        self.heard_at = now

    def expect(self, now: float, waiting: bool) -> None:
        """What VPP has sent has been taken in; are there calls that still wait?"""
        self.asked_at = now if waiting else 0.0

    def silent_s(self, now: float) -> float:
        """For so long VPP has not answered; 0: it answers, or has not been asked."""
        return now - self.asked_at if self.asked_at else 0.0

    def answers(self, now: float) -> bool:
        """Has VPP answered lately?"""
        return self.silent_s(now) <= SILENT_S_MAX

    def must_probe(self, now: float) -> bool:
        """Has it said nothing for so long that it is to be asked for a sign of life?"""
        return now - self.heard_at > PROBE_AFTER_S
