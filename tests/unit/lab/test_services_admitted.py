"""Services and Namespaces as the API server stores them: defaults, addresses, ports."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.lab.apiserver.admission import admit
from tools.lab.apiserver.controller import EndpointSliceController
from tools.lab.apiserver.resources import BY_ID, NAMESPACES, resource_by_kind
from tools.lab.apiserver.status import ApiError
from tools.lab.apiserver.store import ObjectStore

NOW = "2026-01-01T00:00:00Z"
SERVICES, SLICES, PODS = BY_ID["services"], BY_ID["endpointslices.discovery.k8s.io"], BY_ID["pods"]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["IPv4", "None", "10.96.0.1", "NodePort", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["port", "name", "nodePort", "a"]), inner, max_size=3)
    ),
    max_leaves=8,
)
FIELDS = (
    "type",
    "ports",
    "selector",
    "clusterIP",
    "clusterIPs",
    "ipFamilies",
    "ipFamilyPolicy",
    "externalTrafficPolicy",
)


class World:
    """A store with namespace `default`, and the server's way to put Services there."""

    def __init__(self) -> None:
        self.store = ObjectStore()
        self.store.create(NAMESPACES, "", {"metadata": {"name": "default"}}, NOW)

    def make(self, name: str, **spec: Any) -> dict[str, Any]:
        body = admit(self.store, SERVICES, None, {"metadata": {"name": name}, "spec": spec})
        return dict(self.store.create(SERVICES, "default", body, NOW)["spec"])  # type: ignore[arg-type]

    def replace(self, name: str, **spec: Any) -> dict[str, Any]:
        before = self.store.get(SERVICES, "default", name)
        body = admit(self.store, SERVICES, before, {"metadata": {"name": name}, "spec": spec})
        return dict(self.store.update(SERVICES, "default", name, body, "main")["spec"])  # type: ignore[arg-type]


@pytest.fixture
def world() -> World:
    return World()


def test_a_service_gets_an_address_of_its_own_and_the_defaults(world: World) -> None:
    first, second = world.make("one", ports=[{"port": 80}]), world.make("two", ports=[{"port": 80}])
    assert first["clusterIP"].startswith("10.96.")
    assert first["clusterIPs"] == [first["clusterIP"]]
    assert first["clusterIP"] != second["clusterIP"]
    assert (first["ipFamilies"], first["ipFamilyPolicy"], first["type"]) == (["IPv4"], "SingleStack", "ClusterIP")
    assert (first["internalTrafficPolicy"], first["sessionAffinity"]) == ("Cluster", "None")
    assert first["ports"] == [{"port": 80, "protocol": "TCP", "targetPort": 80}]


@pytest.mark.parametrize(
    ("spec", "families"),
    [
        ({"ipFamilyPolicy": "PreferDualStack"}, ["IPv4", "IPv6"]),
        ({"ipFamilyPolicy": "RequireDualStack", "ipFamilies": ["IPv6"]}, ["IPv6", "IPv4"]),
        ({"ipFamilies": ["IPv6"]}, ["IPv6"]),
        ({"ipFamilies": ["IPv6", "IPv4"], "ipFamilyPolicy": "SingleStack"}, ["IPv6"]),
        ({"clusterIP": "fd96::77"}, ["IPv6"]),
    ],
)
def test_families_follow_policy_and_given_addresses(world: World, spec: dict[str, Any], families: list[str]) -> None:
    service = world.make("web", ports=[{"port": 80}], **spec)
    assert service["ipFamilies"] == families
    assert ["IPv6" if ":" in ip else "IPv4" for ip in service["clusterIPs"]] == families
    assert service["clusterIP"] == service["clusterIPs"][0]
    assert service["clusterIP"] == spec.get("clusterIP", service["clusterIP"])


def test_headless_and_external_name_services_get_no_address(world: World) -> None:
    assert world.make("headless", clusterIP="None", ports=[{"port": 80}])["clusterIPs"] == ["None"]
    assert "clusterIP" not in world.make("elsewhere", type="ExternalName", externalName="example.org")


def test_node_ports_are_allocated_kept_and_given_up(world: World) -> None:
    service = world.make(
        "web", type="NodePort", ports=[{"port": 80, "name": "a"}, {"port": 53, "protocol": "UDP", "name": "b"}]
    )
    first, second = (port["nodePort"] for port in service["ports"])
    assert first != second
    assert {first, second} <= set(range(30000, 32768))
    changed = world.replace("web", type="NodePort", ports=[{"port": 80, "name": "renamed"}])
    assert changed["ports"][0]["nodePort"] == first
    assert changed["clusterIP"] == service["clusterIP"]
    assert "nodePort" not in world.replace("web", type="ClusterIP", ports=changed["ports"])["ports"][0]


def test_a_load_balancer_has_node_ports_unless_told_otherwise_and_a_health_port_when_local(world: World) -> None:
    spec = {"type": "LoadBalancer", "ports": [{"port": 80}]}
    assert world.make("one", **spec)["ports"][0]["nodePort"]
    assert "nodePort" not in world.make("two", allocateLoadBalancerNodePorts=False, **spec)["ports"][0]
    local = world.make("three", externalTrafficPolicy="Local", **spec)
    assert local["healthCheckNodePort"] not in (0, local["ports"][0]["nodePort"])
    assert (
        world.replace("three", externalTrafficPolicy="Local", **spec)["healthCheckNodePort"]
        == local["healthCheckNodePort"]
    )


def test_what_another_service_has_is_refused(world: World) -> None:
    first = world.make("one", type="NodePort", ports=[{"port": 80}])
    with pytest.raises(ApiError, match=r"clusterIPs: .* already allocated"):
        world.make("two", clusterIP=first["clusterIP"], ports=[{"port": 80}])
    node_port = first["ports"][0]["nodePort"]
    with pytest.raises(ApiError, match=r"ports: .* already allocated"):
        world.make("two", type="NodePort", ports=[{"port": 80, "nodePort": node_port}])
    again = world.make("two", type="NodePort", ports=[{"port": 80, "nodePort": node_port, "protocol": "UDP"}])
    assert again["ports"][0]["nodePort"] == node_port, "another protocol, another port"


def test_affinity_has_a_default_timeout(world: World) -> None:
    service = world.make("web", sessionAffinity="ClientIP", ports=[{"port": 80}])
    assert service["sessionAffinityConfig"] == {"clientIP": {"timeoutSeconds": 10800}}


def test_a_namespace_has_its_name_as_a_label_whatever_is_applied() -> None:
    for labels in ({}, {"a": "b"}, {"kubernetes.io/metadata.name": "other"}):
        body = {"metadata": {"name": "x", "labels": labels}}
        stored: Any = admit(ObjectStore(), NAMESPACES, None, body)
        assert stored["metadata"]["labels"] == {**labels, "kubernetes.io/metadata.name": "x"}
        assert stored["status"] == {"phase": "Active"}


@given(st.lists(st.dictionaries(st.sampled_from(FIELDS), JSON), min_size=1, max_size=3), JSON)
def test_services_and_slices_of_any_shape_are_kept_or_refused_and_break_nothing(specs: list[Any], odd: Any) -> None:
    world = World()
    controller = EndpointSliceController(world.store)
    bodies: list[Any] = [{"metadata": {"name": "odd"}, "spec": odd}, {"metadata": odd}]
    bodies += [{"metadata": {"name": f"s{number}"}, "spec": spec} for number, spec in enumerate(specs)]
    world.store.create(PODS, "default", {"metadata": {"name": "p"}, "spec": odd, "status": odd}, NOW)
    for body in bodies:
        with contextlib.suppress(ApiError):
            world.store.create(SERVICES, "default", admit(world.store, SERVICES, None, body), NOW)  # type: ignore[arg-type]
        controller.update_slices(NOW)
    labels = {
        "kubernetes.io/service-name": "s0",
        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
    }
    world.store.create(SLICES, "default", {"metadata": {"name": "x", "labels": labels}, "endpoints": odd}, NOW)
    controller.update_slices(NOW)


@pytest.mark.parametrize(
    ("word", "expected"),
    [
        ("svc", "services"),
        ("Service", "services"),
        ("netpol", "networkpolicies.networking.k8s.io"),
        ("NetworkPolicy", "networkpolicies.networking.k8s.io"),
        ("networkpolicies.crd.projectcalico.org", "networkpolicies.crd.projectcalico.org"),
        ("NetworkPolicy.crd.projectcalico.org", "networkpolicies.crd.projectcalico.org"),
    ],
)
def test_kinds_are_found_by_the_words_of_kubectl(word: str, expected: str) -> None:
    resource = resource_by_kind(word)
    assert resource is not None
    assert resource.id == expected
