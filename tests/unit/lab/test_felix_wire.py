"""Messages in the encodings of several versions of Calico."""

import pytest

from schemas.proto import felixbackend_pb2, felixbackend_v331_pb2
from tools.lab.felix.policies import PolicyKey
from tools.lab.felix.wire import FelixEncoding, old_name, version_of

HOST = {
    "hostname": "node1",
    "ipv4_addr": "10.90.0.11/24",
    "ipv6_addr": "fd90::11/64",
    "asnumber": "64512",
    "labels": {},
}
BARE = {"hostname": "node1", "ipv4_addr": "10.90.0.11"}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        (PolicyKey("p", "x", "KubernetesNetworkPolicy", "default"), "x/knp.default.p"),
        (PolicyKey("p", "x", "NetworkPolicy", "secure"), "x/secure.p"),
        (PolicyKey("secure.p", "", "GlobalNetworkPolicy", "secure"), "secure.p"),
        (PolicyKey("p", "x", "StagedNetworkPolicy", "default"), "x/staged:default.p"),
        (PolicyKey("p", "x", "StagedKubernetesNetworkPolicy", "default"), "x/staged:knp.default.p"),
    ],
)
def test_up_to_3_31_a_policy_has_one_name_with_tier_namespace_and_staged(key: PolicyKey, expected: str) -> None:
    assert old_name(key) == expected
    data = FelixEncoding("v3.31.2").encode("active_policy_remove", {"id": key}, 0)
    assert data is not None
    policy_id = felixbackend_v331_pb2.ToDataplane.FromString(data).active_policy_remove.id
    assert (policy_id.tier, policy_id.name) == (key.tier, expected)


def test_from_3_32_on_a_policy_has_name_namespace_and_kind() -> None:
    key = PolicyKey("p", "x", "NetworkPolicy", "secure")
    tier = {"name": "secure", "ingress_policies": [key], "default_action": "Deny"}
    data = FelixEncoding("v3.32.0").encode("workload_endpoint_update", {"endpoint": {"tiers": [tier]}}, 7)
    assert data is not None
    message = felixbackend_pb2.ToDataplane.FromString(data)
    (policy_id,) = message.workload_endpoint_update.endpoint.tiers[0].ingress_policies
    assert (policy_id.name, policy_id.namespace, policy_id.kind) == ("p", "x", "NetworkPolicy")
    assert message.sequence_number == 7


def test_up_to_3_32_nodes_are_told_twice_and_later_once_and_whole() -> None:
    now, later = FelixEncoding("v3.32.0"), FelixEncoding("v3.33.0")
    whole = now.encode("host_metadata_v4v6_update", HOST, 0)
    bare = now.encode("host_metadata_update", BARE, 0)
    assert whole is not None
    assert bare is not None
    assert felixbackend_pb2.ToDataplane.FromString(whole).WhichOneof("payload") == "host_metadata_v4v6_update"
    assert felixbackend_pb2.ToDataplane.FromString(bare).host_metadata_update.ipv4_addr == "10.90.0.11"
    assert later.encode("host_metadata_update", BARE, 0) is None
    only = later.encode("host_metadata_v4v6_update", HOST, 0)
    assert only is not None
    update = felixbackend_pb2.ToDataplane.FromString(only).host_metadata_update
    assert (update.ipv4_addr, update.ipv6_addr) == ("10.90.0.11/24", "fd90::11/64")


def test_a_version_is_two_numbers() -> None:
    assert version_of("v3.32.0") == (3, 32)
    with pytest.raises(ValueError, match="x"):
        version_of("v3.x")
