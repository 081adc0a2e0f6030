"""Objects of the API become facts, or one error that names object and field."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.kube_watch.fields import MalformedKubeObject
from actors.kube_watch.list_watch import (
    BACKOFF_S_MAX,
    BACKOFF_S_MIN,
    CRD_API,
    JITTER,
    NATIVE_API,
    KubeApiRefused,
    KubeWatchLine,
    calico_api_version,
    kube_retry_delay_s,
    kube_watch_event_of,
)
from actors.kube_watch.parse import KUBE_PARSERS, kube_object_key, parse_node_annotations
from schemas.facts import BgpConfigurationFact, BlockAffinityFact, IpPoolFact, NodeFact

NOTE = "projectcalico.org/"


def node(kubernetes_labels: Any = None, **annotation_values: Any) -> Any:
    annotations = {f"{NOTE}{name}": value for name, value in annotation_values.items()}
    return {"metadata": {"name": "n1", "labels": kubernetes_labels, "annotations": annotations}}


def calico(**spec: Any) -> Any:
    return {"metadata": {"name": "x"}, "spec": spec}


@pytest.mark.parametrize(
    ("meta", "spec", "leaving"),
    [
        ({"deletionTimestamp": "2026-01-01T00:00:00Z"}, {}, True),
        ({}, {"taints": [{"key": "ToBeDeletedByClusterAutoscaler", "effect": "NoSchedule"}]}, True),
        ({}, {"taints": [{"key": "node.kubernetes.io/unreachable"}, None]}, False),
        ({}, {}, False),
    ],
)
def test_a_node_that_is_being_deleted_or_about_to_be_is_leaving(meta: Any, spec: Any, leaving: bool) -> None:
    assert KUBE_PARSERS["nodes"]({"metadata": {"name": "n1", **meta}, "spec": spec})[1] == NodeFact(leaving=leaving)


def test_a_node_carries_what_calico_wrote_into_its_annotations() -> None:
    body = node(
        kubernetes_labels={"a": "kubernetes"},
        IPv4Address="192.0.2.7/24",
        IPv6Address="2001:DB8::7/64",
        ASNumber="64513",
        labels='{"a": "calico", "b": "calico"}',
    )
    expected = NodeFact("192.0.2.7/24", "2001:db8::7/64", 64513, {"a": "kubernetes", "b": "calico"})
    assert KUBE_PARSERS["nodes"](body) == ("n1", expected)
    assert KUBE_PARSERS["nodes"]({"metadata": {"name": "n1"}}) == ("n1", NodeFact())


def test_addresses_of_nodes_pools_and_ranges_in_ipv6_s_dress_are_ipv4() -> None:
    assert KUBE_PARSERS["nodes"](node(IPv4Address="::ffff:192.0.2.7/120"))[1] == NodeFact("192.0.2.7/24")
    with pytest.raises(MalformedKubeObject, match="IPv6Address: not an IPv6 address"):
        KUBE_PARSERS["nodes"](node(IPv6Address="::ffff:192.0.2.7/120"))
    mapped = "::ffff:10.1.0.0/112"
    assert KUBE_PARSERS["ippools"](calico(cidr=mapped, ipipMode="Always"))[1] == IpPoolFact("10.1.0.0/16", "Always")
    affinity = KUBE_PARSERS["blockaffinities"](calico(node="n1", cidr=mapped))[1]
    assert affinity == BlockAffinityFact("n1", "10.1.0.0/16")
    ranges = KUBE_PARSERS["bgpconfigurations"](calico(serviceExternalIPs=[{"cidr": "::ffff:192.0.2.51/128"}]))[1]
    assert ranges == BgpConfigurationFact(service_external_ips=("192.0.2.51/32",))


def test_a_nodes_annotations_are_kept_but_for_long_ones() -> None:
    texts = {"example.org/nic": "0000:5e:00.0", "kubectl.kubernetes.io/last-applied-configuration": "{" * 2000}
    name, annotations = parse_node_annotations({"metadata": {"name": "n1", "annotations": texts}})
    assert (name, annotations.annotations) == ("n1", {"example.org/nic": "0000:5e:00.0"})


@pytest.mark.parametrize(("text", "number"), [("64512", 64512), ("1.10", 65546), (64512, 64512), ("", None)])
def test_as_numbers_are_plain_or_dotted(text: object, number: int | None) -> None:
    assert KUBE_PARSERS["bgpconfigurations"](calico(asNumber=text)) == ("x", BgpConfigurationFact(asn=number))


def test_a_bgp_configuration_keeps_unset_apart_from_false() -> None:
    body = calico(
        nodeToNodeMeshEnabled=False,
        listenPort=1790,
        logSeverityScreen="",
        serviceClusterIPs=[{"cidr": "10.96.0.0/12"}],
        serviceExternalIPs=[],
        serviceLoadBalancerIPs=[{"cidr": "192.0.2.9/24"}, {"cidr": "2001:db8::/64"}],
    )
    expected = BgpConfigurationFact(
        node_to_node_mesh=False,
        listen_port=1790,
        service_cluster_ips=("10.96.0.0/12",),
        service_load_balancer_ips=("192.0.2.0/24", "2001:db8::/64"),
    )
    assert KUBE_PARSERS["bgpconfigurations"](body) == ("x", expected)


def test_a_pool_has_its_modes_and_their_defaults() -> None:
    body = calico(cidr="10.1.0.0/16", ipipMode="CrossSubnet", natOutgoing=True)
    assert KUBE_PARSERS["ippools"](body) == ("x", IpPoolFact("10.1.0.0/16", "CrossSubnet", "Never", True))
    assert KUBE_PARSERS["ippools"](calico(cidr="10.1.0.0/16")) == ("x", IpPoolFact("10.1.0.0/16"))


@pytest.mark.parametrize(
    ("value", "deleted"), [("true", True), ("false", False), (True, True), (False, False), (None, False)]
)
def test_an_affinity_is_deleted_by_text_or_by_truth(value: object, deleted: bool) -> None:
    body = calico(node="n1", cidr="10.1.0.0/26", state="pending", deleted=value)
    assert KUBE_PARSERS["blockaffinities"](body) == ("x", BlockAffinityFact("n1", "10.1.0.0/26", "pending", deleted))


def test_an_affinity_to_something_else_than_a_node_is_no_fact() -> None:
    body = calico(node="load-balancer", cidr="10.1.0.0/26", type="virtual")
    assert KUBE_PARSERS["blockaffinities"](body) == ("x", None)


@pytest.mark.parametrize(
    ("plural", "body", "error"),
    [
        ("nodes", 7, "Node: : expected an object, got 7"),
        ("nodes", {"metadata": {}}, "Node: metadata.name: missing"),
        ("nodes", node({"a": 1}), "Node n1: metadata.labels.a: expected text, got 1"),
        (
            "nodes",
            node(IPv4Address="::1/128"),
            "metadata.annotations.projectcalico.org/IPv4Address: not an IPv4",
        ),
        ("nodes", node(IPv6Address="x"), "IPv6Address: not an address: 'x'"),
        ("nodes", node(ASNumber="4294967296"), "ASNumber: not an AS number"),
        ("nodes", node(labels="{"), "metadata.annotations.projectcalico.org/labels: not JSON"),
        ("nodes", node(labels='{"a": 1}'), "projectcalico.org/labels.a: expected text, got 1"),
        (
            "bgpconfigurations",
            calico(asNumber=True),
            "BGPConfiguration x: spec.asNumber: expected an AS number",
        ),
        ("bgpconfigurations", calico(listenPort=0), "spec.listenPort: not a port: 0"),
        ("bgpconfigurations", calico(listenPort="179"), "spec.listenPort: expected a port number, got '179'"),
        ("bgpconfigurations", calico(serviceClusterIPs=[{}]), "spec.serviceClusterIPs[0].cidr: missing"),
        ("ippools", calico(), "IPPool x: spec.cidr: missing"),
        ("ippools", calico(cidr="10.0.0.0/33"), "spec.cidr: not a prefix: '10.0.0.0/33'"),
        ("ippools", calico(cidr="10.0.0.0/8", ipipMode="Maybe"), "spec.ipipMode: expected one of Never"),
        (
            "ippools",
            calico(cidr="10.0.0.0/8", ipipMode="Always", vxlanMode="Always"),
            "spec.vxlanMode: is Always",
        ),
        (
            "ippools",
            calico(cidr="fd00::/48", ipipMode="Always"),
            "spec.ipipMode: is Always, but fd00::/48 is IPv6",
        ),
        ("blockaffinities", calico(cidr="10.0.0.0/26"), "BlockAffinity x: spec.node: missing"),
        (
            "blockaffinities",
            calico(node="n", cidr="10.0.0.0/26", deleted="yes"),
            "spec.deleted: expected true",
        ),
    ],
)
def test_a_malformed_object_is_one_error_naming_object_and_field(plural: str, body: Any, error: str) -> None:
    with pytest.raises(MalformedKubeObject) as raised:
        KUBE_PARSERS[plural](body)
    assert error in str(raised.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.from_regex(r"[0-9.:/]{1,9}"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
SPEC = st.dictionaries(
    st.sampled_from(
        [
            "cidr",
            "ipipMode",
            "vxlanMode",
            "natOutgoing",
            "disabled",
            "node",
            "state",
            "deleted",
            "type",
            "asNumber",
            "listenPort",
            "nodeToNodeMeshEnabled",
            "logSeverityScreen",
            "serviceClusterIPs",
            "serviceExternalIPs",
        ]
    ),
    JSON | st.sampled_from(["10.0.0.0/8", "fd00::/8", "Always", "true", 64512, [{"cidr": 1}]]),
)
NOTES = st.dictionaries(
    st.sampled_from([f"{NOTE}{name}" for name in ("IPv4Address", "IPv6Address", "ASNumber", "labels")]),
    JSON | st.sampled_from(["10.0.0.1/24", "fe80::1%eth0/64", "[" * 5000, "1.2.3", "²"]),
)
META = st.fixed_dictionaries({"name": st.just("x") | JSON}, optional={"annotations": NOTES | JSON, "labels": JSON})
BODY = JSON | st.fixed_dictionaries({"metadata": META | JSON}, optional={"spec": SPEC | JSON})


@given(st.sampled_from(sorted(KUBE_PARSERS)), BODY)
def test_no_json_raises_anything_but_malformed(plural: str, body: Any) -> None:
    try:
        key, _ = KUBE_PARSERS[plural](body)
    except MalformedKubeObject:
        return
    assert key == kube_object_key("X", body)


def test_the_native_api_is_chosen_only_where_it_is_alone() -> None:
    crd, native = "crd.projectcalico.org", "projectcalico.org"
    assert calico_api_version([crd]) == CRD_API
    assert calico_api_version([crd, native]) == CRD_API
    assert calico_api_version([native, "apps"]) == NATIVE_API
    assert calico_api_version([]) == CRD_API
    assert calico_api_version([crd], NATIVE_API) == calico_api_version([crd], native) == NATIVE_API
    with pytest.raises(ValueError, match="CALICO_API_GROUP"):
        calico_api_version([crd], "v3")


@given(st.integers(1, 10**6), st.floats(0, 1, exclude_max=True))
def test_backoff_stays_within_its_bounds(failures: int, chance: float) -> None:
    assert BACKOFF_S_MIN * (1 - JITTER) <= kube_retry_delay_s(failures, chance) <= BACKOFF_S_MAX
    assert kube_retry_delay_s(failures, chance) <= kube_retry_delay_s(failures + 1, chance)


@given(st.text(), JSON)
def test_any_watch_line_is_an_event_nothing_or_a_refusal(kind: str, body: Any) -> None:
    for word in (kind, "ADDED", "BOOKMARK"):
        understood_line = None if word == "ERROR" else kube_watch_event_of(KubeWatchLine(word, body))
        assert (understood_line is not None) is (word in ("ADDED", "MODIFIED", "DELETED"))
    with pytest.raises(KubeApiRefused):
        kube_watch_event_of(KubeWatchLine("ERROR", body))
