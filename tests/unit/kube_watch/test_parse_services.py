"""Services and EndpointSlices as the API has them -> facts, with what is wrong in them left out and named."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kube_watch.fields import MalformedKubeObject
from actors.kube_watch.parse_services import parse_endpoint_slice, parse_kube_service
from schemas.facts import EndpointSliceFact, LoadBalancerIngress, ServiceFact, ServicePort, SliceEndpoint, SlicePort

META = {"namespace": "d", "name": "web", "creationTimestamp": "2026-01-01T00:00:00Z"}
POD = {"kind": "Pod", "namespace": "d", "name": "web-0", "uid": "1"}


def a_service(status: Any = None, **spec: Any) -> dict[str, Any]:
    return {"metadata": META, "spec": {"clusterIP": "10.96.0.1", **spec}, "status": status or {}}


def a_slice(**fields: Any) -> dict[str, Any]:
    meta = {**META, "labels": {"kubernetes.io/service-name": "web"}}
    ports = [{"name": "http", "port": 8080, "protocol": "TCP"}]
    return {"metadata": meta, "addressType": "IPv4", "ports": ports, "endpoints": [], **fields}


def endpoints(*addresses: Any, **more: Any) -> list[dict[str, Any]]:
    return [{"addresses": [address], **more} for address in addresses]


def test_a_service_is_read_with_all_that_it_says() -> None:
    spec = {
        "type": "LoadBalancer",
        "clusterIPs": ["10.96.0.1", "fd96::1"],
        "externalIPs": ["203.0.113.5"],
        "ports": [{"name": "http", "port": 80, "nodePort": 30080}, {"port": 53, "protocol": "UDP", "name": "dns"}],
        "sessionAffinity": "ClientIP",
        "externalTrafficPolicy": "Local",
        "internalTrafficPolicy": "Local",
        "healthCheckNodePort": 32000,
        "loadBalancerSourceRanges": ["198.51.100.7/24"],
        "allocateLoadBalancerNodePorts": False,
    }
    ingress = [{"ip": "203.0.113.9"}, {"ip": "203.0.113.10", "ipMode": "Proxy"}]
    assert parse_kube_service(a_service({"loadBalancer": {"ingress": ingress}}, **spec)) == (
        "d/web",
        ServiceFact(
            type="LoadBalancer",
            created="2026-01-01T00:00:00Z",
            cluster_ips=("10.96.0.1", "fd96::1"),
            external_ips=("203.0.113.5",),
            ingress=(LoadBalancerIngress("203.0.113.9"), LoadBalancerIngress("203.0.113.10", "Proxy")),
            ports=(ServicePort(80, name="http", node_port=30080), ServicePort(53, "UDP", "dns")),
            internal_local=True,
            external_local=True,
            affinity_s=10800,
            node_ports=False,
            health_check_node_port=32000,
            source_ranges=("198.51.100.0/24",),
        ),
    )


def test_addresses_are_read_as_kubernetes_reads_them_ipv4_in_ipv6_s_dress_is_ipv4() -> None:
    ingress = [{"ip": "::ffff:203.0.113.9"}]
    spec = {
        "clusterIPs": ["::ffff:10.96.0.1", "fd96::1"],
        "externalIPs": ["::ffff:192.0.2.51", "192.000.002.052", "fe80::1%eth0"],
        "loadBalancerSourceRanges": ["::ffff:198.51.100.0/120"],
    }
    parsed = parse_kube_service(a_service({"loadBalancer": {"ingress": ingress}}, **spec))[1]
    assert parsed.cluster_ips == ("10.96.0.1", "fd96::1")
    assert parsed.external_ips == ("192.0.2.51", "192.0.2.52")
    assert parsed.ingress == (LoadBalancerIngress("203.0.113.9"),)
    assert parsed.source_ranges == ("198.51.100.0/24",)
    assert parsed.problems == ("externalIPs[2]: not an address: 'fe80::1%eth0'",)


def test_an_endpoint_in_ipv6_s_dress_belongs_into_a_slice_of_ipv4() -> None:
    mapped = endpoints("::ffff:10.0.0.1")
    four, six = (parse_endpoint_slice(a_slice(endpoints=mapped, addressType=family))[1] for family in ("IPv4", "IPv6"))
    assert four is not None
    assert six is not None
    assert [endpoint.addresses for endpoint in four.endpoints] == [("10.0.0.1",)]
    assert six.problems == ("endpoints[0].addresses[0]: not an IPv6 address: '::ffff:10.0.0.1'",)
    assert six.endpoints == ()


def test_a_headless_service_has_no_address() -> None:
    fact = parse_kube_service(a_service(clusterIP="None", clusterIPs=["None"]))[1]
    assert (fact.headless, fact.cluster_ips, fact.problems) == (True, (), ())


@pytest.mark.parametrize(
    ("spec", "problem_start"),
    [
        ({"ports": [{"port": 0}]}, "ports[0].port: not a port: 0"),
        ({"ports": [{"port": 80, "protocol": "DCCP"}]}, "ports[0].protocol: expected one of TCP, UDP, SCTP"),
        ({"ports": ["80"]}, "ports[0]: expected an object"),
        ({"ports": [{}]}, "ports[0].port: missing"),
        ({"externalIPs": ["nowhere"]}, "externalIPs[0]: not an address"),
        ({"loadBalancerSourceRanges": ["10.0.0.0/99"]}, "loadBalancerSourceRanges[0]: not a prefix"),
    ],
)
def test_what_is_wrong_in_a_service_is_named_and_the_rest_serves(spec: dict[str, Any], problem_start: str) -> None:
    field = next(iter(spec))
    good = {
        "ports": {"port": 81, "name": "good"},
        "externalIPs": "203.0.113.5",
        "loadBalancerSourceRanges": "10.0.0.0/8",
    }
    fact = parse_kube_service(a_service(**{field: [*spec[field], good[field]]}))[1]
    [problem] = fact.problems
    assert problem.startswith(problem_start)
    assert len(fact.ports) + len(fact.external_ips) + len(fact.source_ranges) == 1


def test_a_slice_is_read_with_conditions_as_the_api_means_them() -> None:
    endpoint_objects = [
        {"addresses": ["10.0.0.1"], "nodeName": "n1", "targetRef": POD},
        {"addresses": ["10.0.0.2"], "conditions": {"ready": False, "serving": True, "terminating": True}},
        {"addresses": ["10.0.0.3"], "conditions": {"ready": False}, "hints": {"forZones": [{"name": "a"}]}},
    ]
    assert parse_endpoint_slice(a_slice(endpoints=endpoint_objects)) == (
        "d/web",
        EndpointSliceFact(
            "d/web",
            4,
            (SlicePort(8080, name="http"),),
            (
                SliceEndpoint(("10.0.0.1",), node="n1", pod="d/web-0"),
                SliceEndpoint(("10.0.0.2",), ready=False, serving=True, terminating=True),
                SliceEndpoint(("10.0.0.3",), ready=False, serving=False, zone_hints=("a",)),
            ),
        ),
    )


def test_an_address_that_is_there_twice_stays_so_whoever_serves_judges_by_readiness() -> None:
    ending = {"ready": False, "serving": True, "terminating": True}
    both = [*endpoints("10.0.0.1", conditions=ending), *endpoints("10.0.0.1")]
    fact = parse_endpoint_slice(a_slice(endpoints=both))[1]
    assert fact is not None
    assert [endpoint.ready for endpoint in fact.endpoints] == [False, True]
    assert fact.problems == ()


def test_an_endpoint_that_is_no_pod_names_none() -> None:
    fact = parse_endpoint_slice(a_slice(endpoints=endpoints("10.0.0.1", targetRef={"kind": "Node", "name": "n1"})))[1]
    assert fact is not None
    assert [endpoint.pod for endpoint in fact.endpoints] == [""]


def test_bad_endpoints_are_named_and_the_others_serve() -> None:
    fact = parse_endpoint_slice(a_slice(endpoints=endpoints("10.0.0.1", "fd00::1", 7, "10.0.0.2")))[1]
    assert fact is not None
    assert [e.addresses for e in fact.endpoints] == [("10.0.0.1",), ("10.0.0.2",)]
    problem_start = {problem.partition(":")[0] for problem in fact.problems}
    assert problem_start == {"endpoints[1].addresses[0]", "endpoints[2].addresses[0]"}


def test_a_slice_of_names_is_no_fact() -> None:
    assert parse_endpoint_slice(a_slice(addressType="FQDN")) == ("d/web", None)


@pytest.mark.parametrize("body", [None, [], {}, {"metadata": {"name": "web"}}, {"metadata": META, "spec": []}])
def test_an_object_of_the_wrong_shape_is_malformed(body: Any) -> None:
    with pytest.raises(MalformedKubeObject):
        parse_kube_service(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
FIELDS = (
    "type",
    "clusterIPs",
    "externalIPs",
    "ports",
    "sessionAffinity",
    "sessionAffinityConfig",
    "healthCheckNodePort",
)


@given(st.dictionaries(st.sampled_from(FIELDS), JSON), JSON, JSON, JSON)
def test_whatever_the_api_says_is_a_fact_or_malformed(spec: Any, status: Any, ports: Any, ends: Any) -> None:
    for read, body in (
        (parse_kube_service, {"metadata": META, "spec": spec, "status": status}),
        (parse_endpoint_slice, a_slice(ports=ports, endpoints=ends)),
    ):
        try:
            assert read(body)[0] == "d/web"
        except MalformedKubeObject as error:
            assert error.subject  # noqa: PT017 - the error is one of two good ends
