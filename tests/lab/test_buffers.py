"""VPP's buffers: who would exhaust them is refused, the others live, and there is room again when one has gone."""

from collections.abc import Callable

import pytest

from tests.lab.conftest import ON_VPP, vppd
from tests.waiting import until
from tools.lab import state
from tools.lab.cluster import pods
from tools.lab.cluster.node_processes import REAL_STARTUP_CONF
from tools.lab.state import Lab
from tools.lab.traffic import pings

FEW = REAL_STARTUP_CONF.replace("buffers-per-numa 65536", "buffers-per-numa 16384")
HALF = '{"eth0": {"rx": 1, "tx": 1, "rxqsz": 4096, "txqsz": 1024}}'
SPEC = "cni.projectcalico.org/vppInterfacesSpec"
BLIND = "buffers not known"


@pytest.fixture(scope="module")
def small(new_name: Callable[[], str]) -> Lab:
    """A node whose VPP has few buffers."""
    name = new_name()
    template = ("--set", f"CALICOVPP_CONFIG_TEMPLATE={FEW}") if ON_VPP else ()
    completed = vppd("lab", "up", "--name", name, "--nodes", "1", *template, *ON_VPP)
    assert completed.returncode == 0, completed.stdout + completed.stderr
    return state.load(name)


def try_to_add(lab: Lab, name: str) -> str:
    """Adds a pod with large rings; returns why it was refused, "" if it was let in."""
    try:
        pods.add(lab, name, "node1", annotations={SPEC: HALF})
    except pods.PodFailed as error:
        return str(error)
    return ""


def test_pods_that_do_not_fit_are_refused_until_others_go(small: Lab) -> None:
    names = [f"p{number}" for number in range(6)]
    refusals = {name: try_to_add(small, name) for name in names}
    living = [name for name in names if not refusals[name]]
    if not ON_VPP:
        assert living == names
        log = (small.run(small.node("node1")) / "log" / "cni.log").read_text()
        assert log.count(BLIND) == 1
        return
    refused = [name for name in names if refusals[name]]
    assert living, refusals
    assert refused, refusals
    assert "the pod's rings need 5120, " in refusals[refused[0]], refusals
    for name in living[1:]:
        assert pings.ping(small.pods[living[0]].netns, small.pods[name].ip4, 5.0) is not None
    pods.delete(small, living[0])
    until(lambda: try_to_add(small, refused[0]) == "", "there is room again")
    assert pings.ping(small.pods[refused[0]].netns, small.pods[living[-1]].ip4, 5.0) is not None
