"""A pod is not started into the open: without the policy manager an ADD says what it waits for."""

import pytest

from tests.waiting import until
from tools.lab.cluster import pods, supervisor
from tools.lab.state import Lab


def test_an_add_without_the_policy_manager_fails_and_names_it(lab: Lab) -> None:
    node = lab.node("node1")
    supervisor.control(lab, node, "stop", "policy")
    try:
        with pytest.raises(pods.PodFailed, match="policy manager has not said yet"):
            pods.add(lab, "early", "node1", policies_wait_s=0.0)
    finally:
        supervisor.control(lab, node, "start", "policy")
    until(lambda: supervisor.pid_of(lab, node, "policy"), "the policy manager runs again")
    pods.add(lab, "early", "node1")
    pods.delete(lab, "early")
