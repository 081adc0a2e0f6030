"""The words' bytes are pinned by golden samples; malformed rows are named."""

import gc
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import codec, facts, intents, statuses
from schemas.cnat import TranslationBackend
from schemas.npol import PolicyRule, RuleEntityMatch
from schemas.words import BUS_WORDS, INTENT_OWNERS, intent_status_word

SAMPLES = Path(codec.__file__).parent / "samples" / "rows.json"

EXAMPLES: dict[str, list[msgspec.Struct]] = {
    "node": [facts.NodeFact(ip4="192.0.2.7/24", ip6="2001:db8::7/64", asn=64512, labels={"zone": "a"})],
    "node-annotations": [facts.NodeAnnotationsFact(annotations={"example.org/nic": "0000:5e:00.0"})],
    "bgp-configuration": [facts.BgpConfigurationFact(asn=64512, node_to_node_mesh=True, listen_port=179)],
    "ip-pool": [facts.IpPoolFact(cidr="10.0.0.0/16", nat_outgoing=True)],
    "block-affinity": [facts.BlockAffinityFact(node="n1", cidr="10.0.0.0/26")],
    "configuration-status": [facts.ConfigurationStatusFact(("not known, ignored",))],
    "vpp": [facts.VppProcessFact(state="up", pid=17)],
    "uplink": [facts.UplinkFact(state="running", interface="uplink/eth0", host_tap="host/eth0")],
    "epoch": [facts.VppEpochFact(connected=True, epoch=3, pid=17, version="26.10")],
    "bgp-peer": [facts.BgpPeerFact(asn=64512, state="established", node="n2", routes=2)],
    "pod-interface": [facts.PodInterfaceFact(interface="pod/d/w/eth0", netns="/run/netns/w")],
    "service": [
        facts.ServiceFact(
            type="LoadBalancer",
            created="2026-01-01T00:00:00Z",
            cluster_ips=("10.96.0.10",),
            ingress=(facts.LoadBalancerIngress("203.0.113.1"),),
            ports=(facts.ServicePort(53, "UDP", "dns", 30053),),
            external_local=True,
        )
    ],
    "endpoint-slice": [
        facts.EndpointSliceFact(
            "d/dns", 4, (facts.SlicePort(5353, "UDP", "dns"),), (facts.SliceEndpoint(("10.0.0.4",), node="n1"),)
        ),
        facts.EndpointSliceFact("d/dns", 6, endpoints=(facts.SliceEndpoint(("fd00::4",), ready=False, pod="d/dns-0"),)),
    ],
    "service-status": [facts.ServiceStatusFact(1, 1, ('ports[1].protocol: "X" is not TCP, UDP or SCTP',))],
    "service-address": [facts.ServiceAddressFact(("d/dns",))],
    "policy-status": [facts.PolicyStatusFact("error", ("not ready",))],
    "process": [facts.ProcessFact(session=1, pid=2, waiting=("bus: no broker",), counters={"turns": 1})],
    "intent": [
        intents.TableIntent("pods", 4, 2),
        intents.AfPacketIntent("uplink/eth0", "eth0", "02:00:00:00:00:07", "main-eth0"),
        intents.AfXdpIntent("uplink/eth1", "eth1", "02:00:00:00:00:08", "main-eth1", mode="copy"),
        intents.VirtioPciIntent("uplink/eth2", "0000:00:05.0", "02:00:00:00:00:09", "main-eth2"),
        intents.Vmxnet3Intent("uplink/eth3", "0000:0b:00.0", "02:00:00:00:00:0a", "main-eth3", gso=False),
        intents.RdmaIntent("uplink/eth4", "eth4", "02:00:00:00:00:0b", "main-eth4", rx_queues=2),
        intents.DevicePortIntent("uplink/eth5", "0000:3b:02.0", "iavf", "02:00:00:00:00:0c", "main-eth5"),
        intents.PreconfiguredInterfaceIntent("uplink/eth6", "02:00:00:00:00:0d", "main-eth6"),
        intents.TapIntent("pod/d/w/eth0", "eth0", "/run/netns/w", "tag"),
        intents.LoopbackIntent("pod-loop/d/w/eth0", "02:00:00:00:00:01", "tag"),
        intents.InterfaceTableIntent("uplink/eth0", 4, "default"),
        intents.MtuIntent("uplink/eth0", 1500),
        intents.RxModeIntent("uplink/eth0", "adaptive"),
        intents.GsoIntent("uplink/eth0"),
        intents.Ip6Intent("uplink/eth0"),
        intents.AdminUpIntent("uplink/eth0"),
        intents.AddressIntent("uplink/eth0", "192.0.2.7/24", when_up=True),
        intents.UnnumberedIntent("pod/d/w/eth0", "pod-loop/d/w/eth0"),
        intents.NeighbourIntent("host/eth0", "192.0.2.7", "02:00:00:00:00:07"),
        intents.RouteIntent("default", "10.0.1.0/26", (intents.RoutePath(next_hop="192.0.2.8"),)),
        intents.MulticastRouteIntent(
            "host-tap-eth0", "ff02::1/128", (intents.MulticastRoutePath("uplink/eth0", True),)
        ),
        intents.NeighbourLimitsIntent(4),
        intents.PuntIntent(4, "tcp"),
        intents.PuntRedirectIntent(4, "punt"),
        intents.ProxyArpIntent("host-tap-eth0", "0.0.0.0", "255.255.255.255"),
        intents.ProxyArpInterfaceIntent("host/eth0"),
        intents.NdProxyIntent("host/eth0"),
        intents.CnatFeatureIntent("uplink/eth0"),
        intents.SnatAddressesIntent("192.0.2.7", "2001:db8::7"),
        intents.SnatExclusionIntent("10.0.0.0/16"),
        intents.SnatMemberIntent("pod/d/w/eth0", "pod"),
        intents.TranslationIntent("10.96.0.10", 53, 17, (TranslationBackend("10.0.0.4", 5353),)),
        intents.IpSetIntent("s:1", "ip-port", ("10.0.0.4,6,80",)),
        intents.PolicyIntent(
            "p", tx=(PolicyRule("allow", protocol=6, destination=RuleEntityMatch(ports=((80, 81),))),)
        ),
        intents.InterfacePoliciesIntent("pod/d/w/eth0", tx=("p",)),
        intents.UrpfIntent("pod/d/w/eth0", 4, "sources/pod/d/w/eth0"),
    ],
    intent_status_word("cni"): [
        statuses.PendingStatus(1, ("interface/uplink/eth0",)),
        statuses.AppliedStatus(1, 3, {"sw_if_index": 4}),
        statuses.FailedStatus(1, "NO_SUCH_FIB", 1.5),
        statuses.RejectedStatus(1, "mtu: 9 outside 64 to 9216"),
    ],
}


def golden() -> dict[str, list[str]]:
    samples: dict[str, list[str]] = json.loads(SAMPLES.read_text())
    return samples


@pytest.mark.parametrize("word", EXAMPLES)
def test_the_bytes_of_every_word_are_those_of_the_golden_samples(word: str) -> None:
    assert [codec.encode_row_value(example).hex() for example in EXAMPLES[word]] == golden()[word]


@pytest.mark.parametrize("word", EXAMPLES)
def test_golden_samples_are_still_understood(word: str) -> None:
    for number, sample in enumerate(golden()[word]):
        assert codec.decode_row_value(word, "key", bytes.fromhex(sample)) == EXAMPLES[word][number]


def test_every_word_and_every_kind_of_intent_has_a_sample() -> None:
    same_shape = {intent_status_word(owner) for owner in INTENT_OWNERS} - {intent_status_word("cni")}
    assert set(EXAMPLES) == set(BUS_WORDS) - same_shape
    assert {type(i) for i in EXAMPLES["intent"]} == set(intents.AnyIntent.__args__)


def test_keys_of_intents_differ_between_kinds() -> None:
    keys = [intent.key for intent in EXAMPLES["intent"] if isinstance(intent, intents.Intent)]
    assert len(keys) == len(set(keys))


def test_a_field_of_the_wrong_type_is_named_with_its_word_and_key() -> None:
    with pytest.raises(codec.MalformedBusMessage, match="node n1: ip4: Expected `str"):
        codec.decode_row_value("node", "n1", b"\x81\xa3ip4\x05")


@given(st.sampled_from(sorted(BUS_WORDS)), st.binary(max_size=100))
def test_arbitrary_bytes_are_malformed_or_a_value(word: str, data: bytes) -> None:
    value: Any = None
    with suppress(codec.MalformedBusMessage):
        value = codec.decode_row_value(word, "key", data)
    assert value is None or isinstance(value, msgspec.Struct)


@pytest.mark.parametrize("word", EXAMPLES)
def test_a_row_is_not_tracked_by_the_garbage_collector(word: str) -> None:
    """A hundred thousand rows live for long, and none of them can be part of a cycle (docs/bus-performance.md)."""
    assert not any(
        gc.is_tracked(codec.decode_row_value(word, "k", codec.encode_row_value(example))) for example in EXAMPLES[word]
    )
