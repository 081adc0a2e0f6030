"""The endpoint-slice controller's decisions."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.lab.apiserver.slices import ENDPOINTS_MAX, SliceChanges, slice_changes

Object = dict[str, Any]


def service(**spec: Any) -> Object:
    full = {"selector": {"app": "web"}, "ipFamilies": ["IPv4"], "ports": [{"port": 80, "targetPort": 8080}], **spec}
    return {"metadata": {"name": "web", "namespace": "shop", "uid": "u1", "labels": {"a": "b"}}, "spec": full}


def pod(number: int, ready: bool = True, ports: list[Object] | None = None, **meta: Any) -> Object:
    return {
        "metadata": {"name": f"p{number}", "namespace": "shop", "uid": f"u{number}", "labels": {"app": "web"}, **meta},
        "spec": {"nodeName": "node1", "containers": [{"ports": ports or []}]},
        "status": {
            "phase": "Running",
            "podIPs": [{"ip": f"10.0.0.{number}"}, {"ip": f"fd00::{number}"}],
            "conditions": [{"type": "Ready", "status": str(ready)}],
        },
    }


def applied(changes: SliceChanges, before: list[Object]) -> list[Object]:
    """The slices after the changes."""
    slices = {piece["metadata"]["name"]: piece for piece in before if piece["metadata"]["name"] not in changes.delete}
    slices |= {piece["metadata"]["name"]: piece for piece in changes.update}
    for number, piece in enumerate(changes.create):
        name = f"web-{len(before)}-{number}"
        slices[name] = {**piece, "metadata": {**piece["metadata"], "name": name}}
    return list(slices.values())


def reconciled(of: Object | None, pods: list[Object], before: list[Object] | None = None) -> list[Object]:
    return applied(slice_changes(of, pods, {}, before or []), before or [])


def ips(slices: list[Object]) -> list[str]:
    return sorted(ip for piece in slices for row in piece["endpoints"] for ip in row["addresses"])


def test_a_slice_has_the_controller_s_labels_the_pods_and_the_target_port() -> None:
    (piece,) = reconciled(service(), [pod(1)])
    assert piece["metadata"]["labels"] == {
        "a": "b",
        "kubernetes.io/service-name": "web",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    assert (piece["addressType"], piece["ports"]) == ("IPv4", [{"name": "", "protocol": "TCP", "port": 8080}])
    (endpoint,) = piece["endpoints"]
    assert endpoint["addresses"] == ["10.0.0.1"]
    assert endpoint["conditions"] == {"ready": True, "serving": True, "terminating": False}
    assert endpoint["targetRef"] == {"kind": "Pod", "namespace": "shop", "name": "p1", "uid": "u1"}
    assert endpoint["nodeName"] == "node1"


def test_each_family_of_the_service_has_a_slice_of_its_own() -> None:
    slices = reconciled(service(ipFamilies=["IPv6", "IPv4"]), [pod(1)])
    assert {piece["addressType"]: ips([piece]) for piece in slices} == {"IPv4": ["10.0.0.1"], "IPv6": ["fd00::1"]}


def test_pods_whose_named_port_has_different_numbers_are_in_different_slices() -> None:
    web = service(ports=[{"name": "web", "port": 80, "targetPort": "http"}, {"port": 53, "protocol": "UDP"}])
    pods = [pod(n, ports=[{"name": "http", "containerPort": 8000 + n}]) for n in (1, 2)]
    slices = reconciled(web, [*pods, pod(3, ports=[{"name": "http", "containerPort": 9, "protocol": "UDP"}])])
    ports = {ips([piece])[0]: [(row["name"], row["port"]) for row in piece["ports"]] for piece in slices}
    assert ports == {
        "10.0.0.1": [("web", 8001), ("", 53)],
        "10.0.0.2": [("web", 8002), ("", 53)],
        "10.0.0.3": [("", 53)],
    }


@pytest.mark.parametrize(
    ("body", "spec", "expected"),
    [
        (pod(1, ready=False), {}, (False, False, False)),
        (pod(1, ready=False), {"publishNotReadyAddresses": True}, (True, False, False)),
        (pod(1, deletionTimestamp="2026-01-01T00:00:00Z"), {}, (False, True, True)),
        (pod(1, ready=False, deletionTimestamp="2026-01-01T00:00:00Z"), {}, (False, False, True)),
    ],
)
def test_conditions_follow_readiness_and_termination(body: Object, spec: Object, expected: tuple[bool, ...]) -> None:
    (piece,) = reconciled(service(**spec), [body])
    condition = piece["endpoints"][0]["conditions"]
    assert (condition["ready"], condition["serving"], condition["terminating"]) == expected


def test_pods_without_address_finished_or_unselected_are_no_endpoints() -> None:
    without, finished, unselected = pod(1), pod(2), pod(3)
    without["status"]["podIPs"] = []
    finished["status"]["phase"] = "Succeeded"
    unselected["metadata"]["labels"] = {"app": "db"}
    elsewhere = pod(4, namespace="default")
    assert reconciled(service(), [without, finished, unselected, elsewhere]) == []


def test_an_endpoint_stays_in_its_slice_and_its_neighbours_are_not_touched() -> None:
    pods = [pod(number) for number in range(1, ENDPOINTS_MAX + 11)]
    first, second = reconciled(service(), pods)
    assert (len(first["endpoints"]), len(second["endpoints"])) == (ENDPOINTS_MAX, 10)
    changes = slice_changes(service(), pods[1:], {}, [first, second])
    assert [piece["metadata"]["name"] for piece in changes.update] == [first["metadata"]["name"]]
    assert (changes.create, changes.delete) == ([], [])


def test_without_service_selector_or_pods_nothing_is_left() -> None:
    before = reconciled(service(), [pod(1)])
    name = before[0]["metadata"]["name"]
    assert slice_changes(None, [pod(1)], {}, before).delete == [name]
    assert slice_changes(service(), [], {}, before).delete == [name]
    assert slice_changes(service(type="ExternalName"), [pod(1)], {}, before).delete == [name]


def test_what_is_as_it_should_be_is_left_alone() -> None:
    before = reconciled(service(), [pod(1), pod(2)])
    assert slice_changes(service(), [pod(2), pod(1)], {}, before) == SliceChanges()


def test_an_endpoint_says_its_node_s_zone() -> None:
    (piece,) = slice_changes(service(), [pod(1)], {"node1": "east"}, []).create
    assert piece["endpoints"][0]["zone"] == "east"
    assert "hints" not in piece["endpoints"][0]


@pytest.mark.parametrize(
    ("distribution", "hints"),
    [
        ("PreferClose", {"forZones": [{"name": "east"}]}),
        ("PreferSameZone", {"forZones": [{"name": "east"}]}),
        ("PreferSameNode", {"forZones": [{"name": "east"}], "forNodes": [{"name": "node1"}]}),
    ],
)
def test_an_endpoint_has_the_hints_of_the_service_s_traffic_distribution(distribution: str, hints: Object) -> None:
    (piece,) = slice_changes(service(trafficDistribution=distribution), [pod(1)], {"node1": "east"}, []).create
    assert piece["endpoints"][0]["hints"] == hints


@given(st.lists(st.sets(st.integers(1, 250), max_size=250), min_size=1, max_size=4))
def test_however_pods_come_and_go_every_one_is_in_one_slice_and_none_is_too_long(steps: list[set[int]]) -> None:
    slices: list[Object] = []
    for numbers in steps:
        slices = reconciled(service(), [pod(number) for number in numbers], slices)
        assert ips(slices) == sorted(f"10.0.0.{number}" for number in numbers)
        assert all(0 < len(piece["endpoints"]) <= ENDPOINTS_MAX for piece in slices)
