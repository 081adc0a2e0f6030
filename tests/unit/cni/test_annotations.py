"""A pod's annotations that have no effect are named, malformed ones with what is wrong; none keeps a pod away."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.cni.annotations import pod_annotation_problems
from actors.cni.desired import pod_facts
from actors.cni.pods import parse_pod_request
from tests.unit.cni.test_pods import request, workload
from tools.node.view import NodeView

CALICO = "cni.projectcalico.org/"
WELL_FORMED = {
    f"{CALICO}vppExtraMemifPorts": "tcp:1234-1236,UDP:4456",
    f"{CALICO}vppExtraMemifSpec": '{"rx": 1, "rxqsz": 1024}',
    f"{CALICO}vppVcl": "enable",
    f"{CALICO}floatingIPs": '["203.0.113.9"]',
    f"{CALICO}hwAddr": "02:00:00:00:00:09",
    "kubernetes.io/ingress-bandwidth": "10M",
    "kubernetes.io/egress-bandwidth": "10M",
}
MALFORMED = {
    f"{CALICO}vppExtraMemifPorts": ("", "tcp", "tcp:70000", "quic:1", "tcp:1-2-3", "tcp:1, udp:2"),
    f"{CALICO}vppExtraMemifSpec": ("null", "[]", "{", '{"rx": 1.5}', '{"rxqsz": 65536}'),
    f"{CALICO}vppVcl": ("", "true", "Enable", "enabled", "1"),
    f"{CALICO}floatingIPs": ("203.0.113.9", "{}", "[7]", "null", ""),
}


@pytest.mark.parametrize("name", WELL_FORMED)
def test_an_annotation_without_effect_is_named(name: str) -> None:
    [problem] = pod_annotation_problems({name: WELL_FORMED[name]})
    assert problem == f"annotation {name}: has no effect: vppd does not have this"


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in MALFORMED.items() for text in texts])
def test_a_malformed_annotation_is_named_with_what_is_wrong(name: str, text: str) -> None:
    [problem] = pod_annotation_problems({name: text})
    head = f"annotation {name}: malformed, and has no effect: vppd does not have this: "
    assert problem.startswith(head)
    assert problem != head


def test_a_misspelt_annotation_is_named_and_those_of_others_are_not() -> None:
    [problem] = pod_annotation_problems(
        {f"{CALICO}vppInterfaceSpec": "{}", f"{CALICO}podIP": "10.1.0.5/32", "a/b": "c"}
    )
    assert problem.endswith(f"not known, ignored; did you mean {CALICO}vppInterfacesSpec?")


def test_what_is_asked_for_and_so_anyway_is_no_problem() -> None:
    assert pod_annotation_problems({f"{CALICO}vppVcl": "disable"}) == ()


def test_a_pods_status_names_pod_and_annotation() -> None:
    pod = parse_pod_request(request(workload=workload(annotations={f"{CALICO}vppVcl": "yes"})))
    [problem] = NodeView(pods=pod_facts([pod], ())).problems()
    assert problem.startswith(f"pod default/web-0/eth0: annotation {CALICO}vppVcl: malformed")


@given(st.dictionaries(st.sampled_from([*WELL_FORMED, f"{CALICO}vppX"]) | st.text(), st.text()))
def test_whatever_annotations_say_the_answer_is_short(annotations: dict[str, str]) -> None:
    problems = pod_annotation_problems(annotations)
    assert len(problems) <= 17
    assert all(len(problem) <= 240 for problem in problems)


def test_many_long_annotations_are_counted_and_cut() -> None:
    problems = pod_annotation_problems({f"{CALICO}vpp{number}{'x' * 300}": "" for number in range(20)})
    assert (len(problems), problems[-1]) == (17, "4 more annotations")
