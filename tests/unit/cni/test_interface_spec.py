"""Queues and rings that a pod asks for by its annotation, within the node's limits."""

import json

import pytest

from actors.cni import desired
from actors.cni.interface_spec import INTERFACES_SPEC_ANNOTATION
from actors.cni.pods import BadPodRequest, CniPod, parse_pod_request
from schemas.calico_vpp import InterfaceSpec
from schemas.config import CalicoVppInterfaces, NodeConfig
from schemas.intents import RxModeIntent, TapIntent
from tests.unit.cni.test_pods import request, workload

LIMITS = InterfaceSpec(rx=4, tx=4, rxqsz=1024)
NODE = NodeConfig(
    interfaces=CalicoVppInterfaces(defaultPodIfSpec=InterfaceSpec(rx=3, tx=3, rxqsz=256, rxMode="polling"))
)


def pod_asking(text: str, limits: InterfaceSpec | None = LIMITS) -> CniPod:
    return parse_pod_request(request(workload=workload(annotations={INTERFACES_SPEC_ANNOTATION: text})), limits)


def interface_of(pod: CniPod) -> tuple[int, int, int, int, str]:
    """(receive queues, transmit queues, their rings, how they are read)."""
    intents = desired.pod_intents(pod, NODE)
    [tap] = [intent for intent in intents if isinstance(intent, TapIntent)]
    [mode] = [intent.mode for intent in intents if isinstance(intent, RxModeIntent)]
    return tap.rx_queues, tap.tx_queues, tap.rx_ring, tap.tx_ring, mode


def test_a_pod_gets_what_it_asks_for_and_vpps_defaults_for_the_rest() -> None:
    spec = {"rx": 2, "tx": 4, "rxqsz": 512, "txqsz": 2048, "rxMode": "interrupt", "isl3": True}
    assert interface_of(pod_asking(json.dumps({"eth0": spec}))) == (2, 4, 512, 2048, "interrupt")
    assert interface_of(pod_asking('{"eth0": {"rx": 2}}')) == (2, 1, 1024, 1024, "adaptive")


@pytest.mark.parametrize("text", ["{}", "null", '{"net1": {"rx": 2}}'])
def test_a_pod_that_asks_for_nothing_gets_the_node_s_default(text: str) -> None:
    assert interface_of(pod_asking(text)) == (3, 3, 256, 1024, "polling")


def test_a_limit_of_zero_or_none_is_no_limit() -> None:
    assert interface_of(pod_asking('{"eth0": {"rx": 4, "txqsz": 32768}}'))[3] == 32768
    assert interface_of(pod_asking('{"eth0": {"rx": 9}}', None))[0] == 9


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("eth0", "not a JSON map of interfaces: "),
        ("[]", "not a JSON map of interfaces: Expected `object | null`, got `array`"),
        ('{"eth0": 2}', "eth0: expected object, got int"),
        ('{"eth0": {"rx": "2"}}', "eth0.rx: expected int, got str"),
        ('{"eth0": {"rx": -1}}', "eth0.rx: expected int >= 0"),
        ('{"eth0": {"rx": 5}}', "eth0.rx: 5 is more than maxPodIfSpec allows, 4"),
        ('{"eth0": {"rxqsz": 2048}}', "eth0.rxqsz: 2048 is more than maxPodIfSpec allows, 1024"),
        ('{"net1": {"tx": 5}}', "net1.tx: 5 is more than maxPodIfSpec allows, 4"),
        ('{"eth0": {"txqsz": 1000}}', "eth0.txqsz: 1000 is not a power of two up to 32768"),
        ('{"eth0": {"rxMode": "sometimes"}}', "eth0.rxMode: 'sometimes' is not one of "),
    ],
)
def test_what_is_malformed_or_beyond_the_limits_is_refused_by_name(text: str, why: str) -> None:
    with pytest.raises(BadPodRequest) as caught:
        pod_asking(text)
    assert str(caught.value).startswith(f"workload.annotations: {INTERFACES_SPEC_ANNOTATION}: {why}")


def test_what_has_no_effect_is_a_problem_of_the_pod() -> None:
    pod = pod_asking('{"eth0": {"isl3": false, "speed": 9}}')
    head = f"annotation {INTERFACES_SPEC_ANNOTATION}: "
    assert all(problem.startswith(head) for problem in pod.problems)
    told = " ".join(pod.problems)
    assert "eth0.isl3: false has no effect" in told
    assert "speed" in told
