"""What is said of a name that nobody knows: that it has no effect, and which one may have been meant. Pure."""

from collections.abc import Iterable
from difflib import get_close_matches

_ALIKE_MIN = 0.75  # of 1.0; below this two names seldom mean the same


def unknown_name_notice(name: str, known: Iterable[str], prefix: str = "") -> str:
    """`NAME: not known, ignored; did you mean ...?`; without the question if no known name is like it.

    `prefix`: of `name`, and of those that it is compared with; it does not make two names alike.
    """
    by_ending = {each.removeprefix(prefix).lower(): each for each in known if each.startswith(prefix)}
    ending = name.removeprefix(prefix).lower()
    alike = get_close_matches(ending, sorted(by_ending), n=1, cutoff=_ALIKE_MIN)
    return f"{name}: not known, ignored" + "".join(f"; did you mean {by_ending[each]}?" for each in alike)
