"""Every row of the lists holds between real pods: each packet through VPP, each policy through Felix's protocol."""

import pytest

from tests.lab.policies import calico_cases, upstream
from tests.lab.policies.conftest import World
from tests.lab.policies.words import Case


def title(case: Case) -> str:
    """The case as a test's name."""
    return case.says


@pytest.mark.parametrize("case", upstream.CASES, ids=title)
def test_kubernetes_network_policy(world: World, case: Case) -> None:
    world.holds(case)


@pytest.mark.parametrize("case", calico_cases.CASES, ids=title)
def test_calico_policy(world: World, case: Case) -> None:
    world.holds(case)
