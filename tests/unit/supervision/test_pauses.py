"""How often a program that dies is started."""

import pytest

from supervision.pauses import PAUSES_S, STABLE_S, deaths_in_a_row, restart_pause_s


def starts_within(total_s: float, lived_s: float) -> int:
    """How often a program is started that lives for so long each time."""
    at, deaths, starts = 0.0, 0, 0
    while at < total_s:
        starts += 1
        deaths = deaths_in_a_row(deaths, lived_s)
        at += lived_s + restart_pause_s(deaths)
    return starts


@pytest.mark.parametrize("lived_s", [0.0, 0.5, 1.2, 10.0])
def test_a_program_that_dies_again_and_again_is_started_a_few_times_in_four_minutes(lived_s: float) -> None:
    assert starts_within(240.0, lived_s) <= 14


def test_pauses_grow_up_to_a_bound_and_never_end() -> None:
    assert list(PAUSES_S) == sorted(PAUSES_S)
    assert restart_pause_s(1) == restart_pause_s(2) == 0.0
    assert restart_pause_s(1000) == max(PAUSES_S) == 30.0


def test_a_long_life_is_not_counted_with_what_was_before() -> None:
    assert deaths_in_a_row(7, STABLE_S) == 1
    assert deaths_in_a_row(7, STABLE_S - 1) == 8
