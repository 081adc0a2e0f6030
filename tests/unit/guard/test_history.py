"""What the next guard reads in the history of the last one."""

import pytest

from vppd_guard.report.history_line import GuardHistoryLine, was_last_takeover_configured


@pytest.mark.parametrize(
    ("states", "configured"),
    [
        ("", False),
        ("preflight captured taken up", False),
        ("preflight captured taken up configured", True),
        ("preflight captured taken up configured running stopped", True),
        ("captured taken up configured running stopped up configured running", True),
        ("captured taken up configured running restoring resting preflight captured taken up", False),
    ],
)
def test_whether_the_last_takeover_had_got_to_configured(states: str, configured: bool) -> None:
    lines = [GuardHistoryLine(at=0.0, what="a step")]
    for state in states.split():
        lines += [GuardHistoryLine(at=0.0, to=state), GuardHistoryLine(at=0.0, what="a step")]
    assert was_last_takeover_configured(lines) is configured
