"""The stand-in for Felix computes a node's policies, sets and endpoints as Calico does."""

from typing import Any

import pytest

from tests.unit.lab.felix_world import Cluster, shops
from tools.lab.felix.dataplane_state import DataplaneState

POD_SELECTOR = {"podSelector": {}}
X_A, Y_B = ("k8s", "x/a", "eth0"), ("k8s", "y/b", "eth0")


def the_rule(state: DataplaneState, way: str = "inbound_rules") -> dict[str, Any]:
    """The only rule of the only policy."""
    (policy,) = state.policies.values()
    (rule,) = policy[way]
    return dict(rule)


def members(state: DataplaneState, rule: dict[str, Any], field: str) -> list[str]:
    """The members of the only set that a field of a rule names."""
    (name,) = rule[field]
    return sorted(state.ip_sets[name][1])


def test_without_policies_a_pod_has_its_profiles_and_they_allow() -> None:
    state = shops().desired()
    assert set(state.workloads) == {X_A, Y_B}
    endpoint = state.workloads[X_A]
    assert endpoint["profile_ids"] == ["kns.x", "ksa.x.default"]
    assert (endpoint["ipv4_nets"], endpoint["ipv6_nets"]) == (["10.0.0.1/32"], ["fd00::1/128"])
    assert (endpoint["tiers"], endpoint["state"]) == ([], "active")
    assert endpoint["name"].startswith("cali")
    assert len(endpoint["name"]) == 15
    assert state.profiles["kns.x"]["inbound_rules"] == [{"action": "allow"}]
    assert state.profiles["ksa.x.default"] == {}
    assert (state.policies, state.ip_sets) == ({}, {})


def test_a_kubernetes_policy_is_told_where_it_applies_and_with_what_it_needs() -> None:
    cluster = shops()
    peer = {"namespaceSelector": {"matchLabels": {"team": "b"}}, "podSelector": {"matchLabels": {"pod": "b"}}}
    cluster.policy(
        "in", "x", podSelector={"matchLabels": {"pod": "a"}}, policyTypes=["Ingress"], ingress=[{"from": [peer]}]
    )
    state = cluster.desired()
    (key,) = state.policies
    assert (key.name, key.namespace, key.kind, key.tier) == ("in", "x", "KubernetesNetworkPolicy", "default")
    (tier,) = state.workloads[X_A]["tiers"]
    assert (tier["ingress_policies"], tier["egress_policies"], tier["default_action"]) == ([key], [], "Deny")
    assert state.workloads[Y_B]["tiers"] == []
    rule = the_rule(state)
    assert members(state, rule, "src_ip_set_ids") == ["10.0.0.2/32", "fd00::2/128"]
    elsewhere = cluster.desired(2)
    assert (elsewhere.policies, elsewhere.ip_sets) == ({}, {})


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ({"podSelector": {}}, ["10.0.0.1/32", "10.0.0.3/32", "fd00::1/128", "fd00::3/128"]),
        ({"podSelector": {"matchLabels": {"pod": "b"}}}, []),
        ({"namespaceSelector": {}}, [f"10.0.0.{n}/32" for n in (1, 2, 3)] + [f"fd00::{n}/128" for n in (1, 2, 3)]),
        (
            {"namespaceSelector": {"matchExpressions": [{"key": "team", "operator": "NotIn", "values": ["a"]}]}},
            ["10.0.0.2/32", "fd00::2/128"],
        ),
        (
            {
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "x"}},
                "podSelector": {"matchExpressions": [{"key": "pod", "operator": "In", "values": ["c", "z"]}]},
            },
            ["10.0.0.3/32", "fd00::3/128"],
        ),
        ({"podSelector": {"matchExpressions": [{"key": "pod", "operator": "DoesNotExist"}]}}, []),
    ],
)
def test_peers_are_selected_as_kubernetes_says(peer: dict[str, Any], expected: list[str]) -> None:
    cluster = shops()
    cluster.policy("p", "x", **POD_SELECTOR, ingress=[{"from": [peer]}])
    state = cluster.desired()
    assert members(state, the_rule(state), "src_ip_set_ids") == expected


def test_a_rule_without_peers_and_ports_has_no_conditions_and_a_policy_without_rules_has_none() -> None:
    cluster = shops()
    cluster.policy("open", "x", **POD_SELECTOR, policyTypes=["Ingress", "Egress"], ingress=[{}])
    state = cluster.desired()
    rule = the_rule(state)
    assert {key for key in rule if key != "rule_id"} == {"action"}
    (policy,) = state.policies.values()
    assert policy["outbound_rules"] == []
    (tier,) = state.workloads[X_A]["tiers"]
    assert tier["ingress_policies"] == tier["egress_policies"] != []


def test_an_address_block_becomes_nets_and_excepted_nets() -> None:
    cluster = shops()
    block = {"ipBlock": {"cidr": "10.0.0.0/8", "except": ["10.1.0.0/16"]}}
    cluster.policy("out", "x", **POD_SELECTOR, policyTypes=["Egress"], egress=[{"to": [block]}])
    rule = the_rule(cluster.desired(), "outbound_rules")
    assert (rule["dst_net"], rule["not_dst_net"]) == (["10.0.0.0/8"], ["10.1.0.0/16"])


def test_ports_are_grouped_by_protocol_with_ranges_and_whole_protocols() -> None:
    cluster = shops()
    ports = [{"port": 80}, {"port": 90, "endPort": 95}, {"protocol": "UDP"}, {"protocol": "SCTP", "port": 7}]
    ports += [{"port": 96}, {"port": 443}]
    cluster.policy("in", "x", **POD_SELECTOR, ingress=[{"ports": ports}])
    (policy,) = cluster.desired().policies.values()
    by_protocol = {rule["protocol"]["name"]: rule.get("dst_ports", []) for rule in policy["inbound_rules"]}
    assert by_protocol == {
        "tcp": [{"first": 80, "last": 80}, {"first": 90, "last": 96}, {"first": 443, "last": 443}],
        "udp": [],
        "sctp": [{"first": 7, "last": 7}],
    }


def test_a_named_port_is_a_set_of_addresses_with_the_number_that_each_pod_has() -> None:
    cluster = shops()
    cluster.policy("in", "y", **POD_SELECTOR, ingress=[{"ports": [{"port": "http", "protocol": "UDP"}]}])
    cluster.policy("out", "x", **POD_SELECTOR, policyTypes=["Egress"], egress=[{"ports": [{"port": "http"}]}])
    state = cluster.desired()
    rules = {
        key.name: (policy["inbound_rules"] + policy["outbound_rules"])[0] for key, policy in state.policies.items()
    }
    assert members(state, rules["in"], "dst_named_port_ip_set_ids") == ["10.0.0.2,udp:53", "fd00::2,udp:53"]
    assert members(state, rules["out"], "dst_named_port_ip_set_ids") == [
        "10.0.0.1,tcp:80",
        "10.0.0.2,tcp:8080",
        "fd00::1,tcp:80",
        "fd00::2,tcp:8080",
    ]
    (name,) = rules["in"]["dst_named_port_ip_set_ids"]
    assert state.ip_sets[name][0] == "IP_AND_PORT"


def test_tiers_and_policies_are_in_order_and_staged_ones_are_told() -> None:
    cluster = shops()
    cluster.add("Tier", "late", spec={"order": 50, "defaultAction": "Pass"})
    cluster.add("Tier", "early", spec={"order": 1})
    rules = {"selector": "has(pod)", "ingress": [{"action": "Pass"}]}
    for name, tier, order in (("z", "early", 1), ("a", "early", None), ("m", "early", 1), ("l", "late", 3)):
        cluster.add("GlobalNetworkPolicy", name, spec={**rules, "tier": tier, "order": order})
    cluster.add("StagedNetworkPolicy", "s", "x", spec={"tier": "default", "selector": "all()", "types": ["Egress"]})
    tiers = cluster.desired().workloads[X_A]["tiers"]
    names = [
        (t["name"], [p.name for p in t["ingress_policies"]], [p.name for p in t["egress_policies"]]) for t in tiers
    ]
    assert names == [("early", ["m", "z", "a"], []), ("late", ["l"], []), ("default", [], ["s"])]
    assert [tier["default_action"] for tier in tiers] == ["Deny", "Pass", "Deny"]
    assert tiers[2]["egress_policies"][0].staged


def test_a_rule_of_calico_keeps_every_condition() -> None:
    cluster = shops()
    cluster.add("GlobalNetworkSet", "bad", labels={"role": "bad"}, spec={"nets": ["192.0.2.7/24"]})
    cluster.add("NetworkSet", "near", "y", labels={"role": "bad"}, spec={"nets": ["198.51.100.0/24"]})
    rule = {
        "action": "Log",
        "ipVersion": 4,
        "notProtocol": "ICMP",
        "source": {"notNets": ["10.2.3.4/16"], "notPorts": [1, "2:3"], "notSelector": "pod == 'c'"},
        "destination": {"selector": "role == 'bad'", "namespaceSelector": "global()", "ports": ["80:81", 443]},
    }
    cluster.add("GlobalNetworkPolicy", "p", spec={"selector": "pod == 'a'", "egress": [rule]})
    state = cluster.desired()
    outbound = the_rule(state, "outbound_rules")
    assert (outbound["action"], outbound["ip_version"], outbound["not_protocol"]) == ("log", 4, {"name": "icmp"})
    assert outbound["not_src_net"] == ["10.2.0.0/16"]
    assert outbound["not_src_ports"] == [{"first": 1, "last": 1}, {"first": 2, "last": 3}]
    assert outbound["dst_ports"] == [{"first": 80, "last": 81}, {"first": 443, "last": 443}]
    assert members(state, outbound, "not_src_ip_set_ids") == ["10.0.0.3/32", "fd00::3/128"]
    assert members(state, outbound, "dst_ip_set_ids") == ["192.0.2.0/24"]
    (tier,) = state.workloads[X_A]["tiers"]
    assert (tier["ingress_policies"], len(tier["egress_policies"])) == ([], 1)


def test_icmp_protocol_numbers_and_pass_are_felix_s_words() -> None:
    cluster = shops()
    rules = [
        {"action": "Pass", "protocol": 47},
        {"action": "Deny", "protocol": "ICMP", "icmp": {"type": 8}, "notICMP": {"type": 3, "code": 1}},
    ]
    cluster.add("NetworkPolicy", "p", "x", spec={"selector": "all()", "ingress": rules})
    (policy,) = cluster.desired().policies.values()
    first, second = policy["inbound_rules"]
    assert (first["action"], first["protocol"]) == ("next-tier", {"number": 47})
    assert (second["icmp_type"], second["not_icmp_type_code"]) == (8, {"type": 3, "code": 1})


def test_service_accounts_select_by_name_and_by_their_labels() -> None:
    cluster = shops()
    cluster.objects["Pod"]["x", "a"]["spec"]["serviceAccountName"] = "robot"
    cluster.add("ServiceAccount", "robot", "x", labels={"kind": "machine"})
    for name, accounts in (("n", {"names": ["robot"]}), ("s", {"selector": "kind == 'machine'"})):
        rule = {"action": "Allow", "source": {"serviceAccounts": accounts}}
        cluster.add("GlobalNetworkPolicy", name, spec={"selector": "all()", "ingress": [rule]})
    state = cluster.desired()
    for policy in state.policies.values():
        assert members(state, policy["inbound_rules"][0], "src_ip_set_ids") == ["10.0.0.1/32", "fd00::1/128"]
    assert state.workloads[X_A]["profile_ids"] == ["kns.x", "ksa.x.robot"]


def test_services_are_sets_of_their_endpoints() -> None:
    cluster = shops()
    piece = {"endpoints": [{"addresses": ["10.0.0.2"]}], "ports": [{"port": 8080, "protocol": "TCP"}]}
    cluster.add("EndpointSlice", "web-1", "y", labels={"kubernetes.io/service-name": "web"}, **piece)
    service = {"services": {"name": "web", "namespace": "y"}}
    spec = {"selector": "pod == 'a'", "egress": [{"action": "Allow", "destination": service}]}
    cluster.add("NetworkPolicy", "p", "x", spec={**spec, "ingress": [{"action": "Allow", "source": service}]})
    state = cluster.desired()
    assert members(state, the_rule(state, "outbound_rules"), "dst_ip_port_set_ids") == ["10.0.0.2,tcp:8080"]
    assert members(state, the_rule(state), "src_ip_set_ids") == ["10.0.0.2/32"]


def test_a_host_endpoint_has_four_lists_of_tiers() -> None:
    cluster = shops()
    spec = {"node": "node1", "interfaceName": "eth0", "expectedIPs": ["10.90.0.11"], "profiles": ["open"]}
    cluster.add("HostEndpoint", "h1", labels={"host": "yes"}, spec=spec)
    cluster.add("HostEndpoint", "h2", labels={"host": "yes"}, spec={"node": "node2", "interfaceName": "*"})
    for name, more in (
        ("normal", {}),
        ("forward", {"applyOnForward": True}),
        ("raw", {"doNotTrack": True}),
        ("early", {"preDNAT": True}),
    ):
        types = {"types": ["Ingress", "Egress"] if name != "early" else ["Ingress"]}
        cluster.add("GlobalNetworkPolicy", name, spec={"selector": "host == 'yes'", "order": 1, **types, **more})
    state = cluster.desired()
    assert set(state.host_endpoints) == {"h1"}
    endpoint = state.host_endpoints["h1"]
    lists = {
        field: [key.name for tier in endpoint[field] for key in tier["ingress_policies"]]
        for field in ("tiers", "forward_tiers", "untracked_tiers", "pre_dnat_tiers")
    }
    assert lists == {
        "tiers": ["forward", "normal"],
        "forward_tiers": ["forward"],
        "untracked_tiers": ["raw"],
        "pre_dnat_tiers": ["early"],
    }
    assert endpoint["pre_dnat_tiers"][0]["default_action"] == "Pass"
    assert endpoint["expected_ipv4_addrs"] == ["10.90.0.11"]
    assert state.profiles["open"]["inbound_rules"] == [{"action": "deny"}], "a profile that is not there denies"
    assert state.workloads[X_A]["tiers"] == []


def test_a_pod_without_network_is_no_workload() -> None:
    cluster = shops()
    for name, change in (
        ("host", {"hostNetwork": True}),
        ("unscheduled", {"nodeName": ""}),
    ):
        cluster.pod(f"x/{name}", 1, "10.0.0.9", pod=name)["spec"].update(change)
    cluster.pod("x/done", 1, "10.0.0.9")["status"]["phase"] = "Succeeded"
    ending = cluster.pod("x/ending", 1, "10.0.0.9")["metadata"]
    ending |= {"deletionTimestamp": "2026-01-01T00:00:00Z", "annotations": {"cni.projectcalico.org/podIP": ""}}
    cluster.pod("x/early", 1, "10.0.0.9")["status"] = {}
    assert set(cluster.desired().workloads) == {X_A, Y_B}
    notes = {"cni.projectcalico.org/podIPs": "10.0.0.9/32,fd00::9/128"}
    cluster.objects["Pod"]["x", "early"]["metadata"]["annotations"] = notes
    assert ("k8s", "x/early", "eth0") in cluster.desired().workloads


def test_of_annotations_the_secondary_networks_and_allowed_sources_are_told() -> None:
    cluster = shops()
    notes = {
        "k8s.v1.cni.cncf.io/network-status": "[]",
        "cni.projectcalico.org/allowedSourcePrefixes": '["10.9.0.0/16"]',
    }
    cluster.objects["Pod"]["x", "a"]["metadata"]["annotations"] = {**notes, "other": "x"}
    endpoint = cluster.desired().workloads[X_A]
    assert endpoint["annotations"] == {"k8s.v1.cni.cncf.io/network-status": "[]"}
    assert endpoint["allow_spoofed_source_prefixes"] == ["10.9.0.0/16"]


def test_the_cluster_is_told_too() -> None:
    cluster = shops()
    notes = {"projectcalico.org/IPv4Address": "10.90.0.11/24", "projectcalico.org/IPv6Address": "fd90::11/64"}
    cluster.add("Node", "node1", annotations=notes)
    cluster.add("IPPool", "p4", spec={"cidr": "10.48.0.0/16", "natOutgoing": True, "vxlanMode": "CrossSubnet"})
    cluster.add("BGPConfiguration", "default", spec={"serviceClusterIPs": [{"cidr": "10.96.0.0/16"}]})
    ports = [{"protocol": "TCP", "port": 22}, {"protocol": "UDP", "net": "fd00::/64", "port": 68}]
    cluster.add("FelixConfiguration", "default", spec={"failsafeInboundHostPorts": ports, "vxlanVNI": 7})
    cluster.add("FelixConfiguration", "node.node1", spec={"failsafeOutboundHostPorts": [], "wireguardEnabled": True})
    state = cluster.desired()
    assert state.hosts["node1"]["ipv4_addr"] == "10.90.0.11/24"
    assert state.pools["10.48.0.0-16"] == {
        "cidr": "10.48.0.0/16",
        "masquerade": True,
        "ipip_mode": "",
        "vxlan_mode": "CrossSubnet",
    }
    assert state.encapsulation == {"ipip_enabled": False, "vxlan_enabled": True}
    assert state.bgp["service_cluster_cidrs"] == ["10.96.0.0/16"]
    assert state.config["FailsafeInboundHostPorts"] == "tcp:22,udp:[fd00::/64]:68"
    assert state.config["FailsafeOutboundHostPorts"] == "none"
    assert (state.config["VXLANVNI"], state.config["WireguardEnabled"]) == ("7", "true")


BAD_POLICIES = [
    ("GlobalNetworkPolicy", {"selector": "pod =="}, "selector 'pod =='"),
    ("GlobalNetworkPolicy", {"ingress": [{"action": "Maybe"}]}, "action 'Maybe'"),
    ("GlobalNetworkPolicy", {"ingress": [{"action": "Allow", "source": {"nets": ["10.0.0.0/64"]}}]}, "nets"),
    ("GlobalNetworkPolicy", {"ingress": [{"action": "Allow", "source": {"ports": ["9:8"]}}]}, "ports"),
    ("GlobalNetworkPolicy", {"order": "first"}, "order"),
    ("GlobalNetworkPolicy", "spec", "spec"),
    ("KubernetesNetworkPolicy", {"podSelector": {"matchExpressions": [{"key": "a", "operator": "Is"}]}}, "spec"),
]


@pytest.mark.parametrize(("kind", "spec", "field"), BAD_POLICIES)
def test_an_object_that_cannot_be_read_is_named_and_costs_nothing_else(kind: str, spec: Any, field: str) -> None:
    cluster: Cluster = shops()
    cluster.add(kind, "bad", "x" if kind.startswith("Kub") else "", spec=spec)
    cluster.policy("good", "x", **POD_SELECTOR)
    state = cluster.desired()
    ((name, why),) = state.problems.items()
    assert name.startswith(f"{kind}/")
    assert field in why
    assert [key.name for key in state.policies] == ["good"]
