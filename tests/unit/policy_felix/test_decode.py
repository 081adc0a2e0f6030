"""Felix's messages of all versions -> one model."""

from collections import Counter
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.policy import model
from actors.policy.felix.apply import apply_felix_event
from actors.policy.felix.decode import FelixDecoder, FelixEvent, FelixIpSetDelta, MalformedFelixMessage
from actors.policy.model import FelixHostMetadata, FelixIpSet, FelixPolicyId, FelixSnapshot, FelixTier, FelixWorkloadId
from schemas.proto import felixbackend_pb2 as new
from schemas.proto import felixbackend_v331_pb2 as old

WEB = FelixWorkloadId("k8s", "d/web", "eth0")


def decoder(version: str = "v3.32.0") -> FelixDecoder:
    fresh = FelixDecoder(Counter())
    fresh.decode(new.ToDataplane(config_update=new.ConfigUpdate(config={"CalicoVersion": version})).SerializeToString())
    return fresh


def read(message: Any, version: str = "v3.32.0") -> FelixEvent | None:
    return decoder(version).decode(message.SerializeToString())


@pytest.mark.parametrize("version", ["v3.28.1", "v3.29.0", "v3.30.2", "v3.31.0"])
def test_up_to_3_31_policies_are_called_by_tier_and_one_name(version: str) -> None:
    names = ["d/default.allow", "d/staged:default.try"]
    tier = old.TierInfo(name="default", ingress_policies=names, default_action="Deny")
    update = old.WorkloadEndpointUpdate(
        id=old.WorkloadEndpointID(orchestrator_id="k8s", workload_id="d/web", endpoint_id="eth0"),
        endpoint=old.WorkloadEndpoint(state="active", tiers=[tier]),
    )
    event = read(old.ToDataplane(workload_endpoint_update=update), version)
    assert event is not None
    ids = (FelixPolicyId(names[0], tier="default"), FelixPolicyId(names[1], tier="default", staged=True))
    assert event.value.tiers == (FelixTier("default", ids),)
    policy = old.ActivePolicyUpdate(id=old.PolicyID(tier="default", name=names[0]))
    policy_event = read(old.ToDataplane(active_policy_update=policy), version)
    assert policy_event is not None
    assert policy_event.key == ids[0]


@pytest.mark.parametrize("version", ["v3.32.0", "v3.33.1"])
def test_from_3_32_on_policies_are_called_by_name_namespace_and_kind(version: str) -> None:
    ids = [new.PolicyID(name="allow", namespace="d", kind=kind) for kind in ("NetworkPolicy", "StagedNetworkPolicy")]
    tier = new.TierInfo(name="default", egress_policies=ids, default_action="Pass")
    update = new.HostEndpointUpdate(
        id=new.HostEndpointID(endpoint_id="h"), endpoint=new.HostEndpoint(name="*", forward_tiers=[tier])
    )
    event = read(new.ToDataplane(host_endpoint_update=update), version)
    policy_ids = (
        FelixPolicyId("allow", "d", "NetworkPolicy"),
        FelixPolicyId("allow", "d", "StagedNetworkPolicy", staged=True),
    )
    assert event == FelixEvent(
        "host_endpoints",
        "h",
        model.FelixHostEndpoint(name="*", forward_tiers=(FelixTier("default", (), policy_ids, "Pass"),)),
    )


def decode_old_policy(felix: FelixDecoder) -> FelixEvent | None:
    policy = old.ActivePolicyUpdate(id=old.PolicyID(tier="default", name="d/default.allow"))
    return felix.decode(old.ToDataplane(active_policy_update=policy).SerializeToString())


def decode_new_policy(felix: FelixDecoder) -> FelixEvent | None:
    policy = new.ActivePolicyUpdate(id=new.PolicyID(name="allow", namespace="d", kind="NetworkPolicy"))
    return felix.decode(new.ToDataplane(active_policy_update=policy).SerializeToString())


def test_while_a_cluster_is_upgraded_an_older_felix_is_still_understood() -> None:
    felix = decoder("v3.31.4")
    upgraded = new.ConfigUpdate(config={"CalicoVersion": "v3.32.0"})
    felix.decode(new.ToDataplane(config_update=upgraded).SerializeToString())
    endpoint = old.WorkloadEndpoint(tiers=[old.TierInfo(name="default", ingress_policies=["d/default.allow"])])
    update = old.WorkloadEndpointUpdate(endpoint=endpoint)
    event = felix.decode(old.ToDataplane(workload_endpoint_update=update).SerializeToString())
    assert event is not None
    assert event.value.tiers[0].ingress == (FelixPolicyId("d/default.allow", tier="default"),)


def test_what_policies_are_called_like_counts_for_more_than_the_version_of_the_cluster() -> None:
    behind, ahead = decoder("v3.32.0"), decoder("v3.31.4")
    assert decode_old_policy(behind) == FelixEvent(
        "policies", FelixPolicyId("d/default.allow", tier="default"), model.FelixPolicy()
    )
    assert decode_new_policy(ahead) == FelixEvent(
        "policies", FelixPolicyId("allow", "d", "NetworkPolicy"), model.FelixPolicy()
    )
    assert (behind.old_names, ahead.old_names) == (True, False)


def test_a_rule_is_read_with_all_its_fields() -> None:
    rule = new.Rule(
        action="Allow",
        ip_version=new.IPV4,
        protocol=new.Protocol(name="tcp"),
        src_net=["10.0.0.0/8"],
        dst_ports=[new.PortRange(first=80, last=90)],
        icmp_type_code=new.IcmpTypeAndCode(type=8, code=0),
        src_ip_set_ids=["s"],
        not_protocol=new.Protocol(number=17),
        not_icmp_type=3,
        http_match=new.HTTPMatch(methods=["GET"]),
        rule_id="r",
    )
    profile = new.ActiveProfileUpdate(id=new.ProfileID(name="p"), profile=new.Profile(inbound_rules=[rule]))
    expected = model.FelixRule(
        action="allow",
        ip_version=4,
        protocol="tcp",
        src_net=("10.0.0.0/8",),
        dst_ports=((80, 90),),
        icmp_type=8,
        icmp_code=0,
        src_ip_set_ids=("s",),
        not_protocol=17,
        not_icmp_type=3,
        http_match=True,
        rule_id="r",
    )
    assert read(new.ToDataplane(active_profile_update=profile)) == FelixEvent(
        "profiles", "p", model.FelixPolicy((expected,))
    )


def test_full_host_data_is_taken_as_37_or_as_14_but_not_both() -> None:
    full: dict[str, Any] = {"hostname": "n", "ipv4_addr": "192.0.2.1/24", "asnumber": "1.1", "labels": {"a": "b"}}
    expected = FelixEvent("hosts", "n", FelixHostMetadata("192.0.2.1/24", asn=65537, labels={"a": "b"}))
    felix = decoder()
    v37 = new.ToDataplane(host_metadata_v4v6_update=new.HostMetadataV4V6Update(**full))
    bare = new.ToDataplane(host_metadata_update=new.HostMetadataUpdate(hostname="n", ipv4_addr="192.0.2.1"))
    assert felix.decode(v37.SerializeToString()) == expected
    assert felix.decode(bare.SerializeToString()) is None
    assert read(new.ToDataplane(host_metadata_update=new.HostMetadataUpdate(**full)), "v3.33.0") == expected
    assert read(bare) is None


def test_a_bare_address_of_full_data_stands_alone() -> None:
    update = new.HostMetadataUpdate(hostname="n", ipv4_addr="192.0.2.1", ipv6_addr="fd00::1")
    event = read(new.ToDataplane(host_metadata_update=update), "v3.33.0")
    assert event == FelixEvent("hosts", "n", FelixHostMetadata("192.0.2.1/32", "fd00::1/128"))


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("asnumber", "99999999999999999999"),
        ("asnumber", "-5"),
        ("asnumber", "AS1"),
        ("asnumber", "70000.70000"),
        ("ipv4_addr", "192.0.2.1/99"),
        ("ipv4_addr", "fd00::1/64"),
        ("ipv6_addr", "192.0.2.1/24"),
    ],
)
def test_host_data_that_cannot_be_is_malformed_and_names_host_and_field(field: str, text: str) -> None:
    update = new.HostMetadataV4V6Update(hostname="n", **{field: text})  # type: ignore[arg-type]
    with pytest.raises(MalformedFelixMessage, match=f"host n: {field}: not an .*{text}"):
        read(new.ToDataplane(host_metadata_v4v6_update=update))


@pytest.mark.parametrize("cidr", ["", "10.0.0.0/99", "pool"])
def test_a_pool_without_a_prefix_is_malformed(cidr: str) -> None:
    update = new.IPAMPoolUpdate(id="p", pool=new.IPAMPool(cidr=cidr))
    with pytest.raises(MalformedFelixMessage, match="pool p: cidr: not a prefix"):
        read(new.ToDataplane(ipam_pool_update=update))


def test_what_means_nothing_here_is_counted_and_lost_messages_too() -> None:
    felix = decoder()
    felix.decode(new.ToDataplane(sequence_number=1, encapsulation=new.Encapsulation()).SerializeToString())
    felix.decode(b"\xa2\x06\x00")  # a payload of a later version
    assert felix.counters["felix_ignored"] == 2
    felix.decode(new.ToDataplane(sequence_number=9, in_sync=new.InSync()).SerializeToString())
    assert felix.counters["felix_gaps"] >= 1


def test_a_set_of_an_unknown_type_is_malformed() -> None:
    with pytest.raises(MalformedFelixMessage, match="type 9"):
        read(new.ToDataplane(ipset_update=new.IPSetUpdate(id="s", type=9)))  # type: ignore[arg-type]


@given(st.binary(max_size=300), st.sampled_from(["v3.28.0", "v3.32.0"]))
def test_arbitrary_bytes_are_an_event_or_malformed(data: bytes, version: str) -> None:
    with suppress(MalformedFelixMessage):
        assert isinstance(decoder(version).decode(data), FelixEvent | None)


WHOLE = new.ToDataplane(
    workload_endpoint_update=new.WorkloadEndpointUpdate(
        id=new.WorkloadEndpointID(workload_id="d/web"),
        endpoint=new.WorkloadEndpoint(
            tiers=[new.TierInfo(name="t", ingress_policies=[new.PolicyID(name="p", kind="k")])], profile_ids=["kns.d"]
        ),
    )
).SerializeToString()


@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 255), st.booleans(), st.sampled_from(["v3.31.0", "v3.32.0"]))
def test_a_damaged_message_is_an_event_or_malformed(at: int, byte: int, cut: bool, version: str) -> None:
    damaged = WHOLE[:at] if cut else WHOLE[:at] + bytes([byte]) + WHOLE[at + 1 :]
    snapshot = FelixSnapshot()
    with suppress(MalformedFelixMessage):
        event = decoder(version).decode(damaged)
        if event is not None:
            apply_felix_event(snapshot, event)


def test_events_build_a_snapshot_and_what_cannot_be_is_named() -> None:
    snapshot = FelixSnapshot()
    assert apply_felix_event(snapshot, FelixEvent("ip_sets", "s", FelixIpSet("ip", frozenset({"10.0.0.1"})))) is None
    assert (
        apply_felix_event(
            snapshot,
            FelixEvent("ip_set_deltas", "s", FelixIpSetDelta(frozenset({"10.0.0.2"}), frozenset({"10.0.0.1"}))),
        )
        is None
    )
    assert snapshot.ip_sets["s"].members == {"10.0.0.2"}
    assert apply_felix_event(snapshot, FelixEvent("ip_set_deltas", "t", FelixIpSetDelta(frozenset(), frozenset()))) == (
        "ip_sets: t: changed, but it is not known"
    )
    assert apply_felix_event(snapshot, FelixEvent("workloads", WEB)) is not None
    assert apply_felix_event(snapshot, FelixEvent("in_sync")) is None
    assert apply_felix_event(snapshot, FelixEvent("in_sync")) == "InSync: said twice"
    assert apply_felix_event(snapshot, FelixEvent("config", None, {"a": "b"})) is None
    assert snapshot.config == {"a": "b"}
