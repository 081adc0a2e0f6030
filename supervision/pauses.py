"""How long a program that has died waits before it is started again. Pure."""

# s, after so many deaths in a row: who dies once, or twice, is missed as short as can be.
PAUSES_S = (0.0, 0.0, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0)
STABLE_S = 60.0  # a program that has lived for so long has not died in a row


def deaths_in_a_row(before: int, lived_s: float) -> int:
    """Deaths in a row, with the one at the end of a life of `lived_s`."""
    return 1 if lived_s >= STABLE_S else before + 1


def restart_pause_s(deaths: int) -> float:
    """The pause after that many deaths in a row."""
    return PAUSES_S[min(deaths, len(PAUSES_S)) - 1]
