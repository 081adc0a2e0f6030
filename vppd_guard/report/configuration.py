"""The settings without effect, as facts for `vppd status`. Pure."""

from collections import defaultdict
from collections.abc import Iterable

from schemas.facts import ConfigurationStatusFact


def configuration_status_facts(warnings: Iterable[str]) -> dict[str, ConfigurationStatusFact]:
    """A row for each variable or field. `warnings`: each "<variable or field>: <what of it>"."""
    problems = defaultdict[str, list[str]](list)
    for warning in warnings:
        place, _, problem = warning.partition(": ")
        problems[place].append(problem)
    return {place: ConfigurationStatusFact(tuple(texts)) for place, texts in problems.items()}
