"""Host endpoints: what holds on the host's tap and on the uplink, case by case."""

import pytest

from actors.policy import wellknown
from actors.policy.model import FelixHostEndpoint, FelixPolicy, FelixRule, FelixSnapshot, FelixTier
from schemas.npol import PolicyRule, RuleEntityMatch
from tests.unit.policy.meaning.npol import Npol
from tests.unit.policy.meaning.reference import Flow
from tests.unit.policy.worlds import UPLINK, enforced, intents, policy, world

TAP, WIRE = UPLINK.host_tap, UPLINK.interface
OUTSIDE, HOST, POD_ADDRESS = "198.51.100.7", "192.0.2.1", "10.0.0.1"
SSH, WEB = Flow(OUTSIDE, HOST, 6, 40000, 22), Flow(OUTSIDE, HOST, 6, 40000, 80)
FROM_POD, TO_POD = Flow(POD_ADDRESS, HOST, 6, 40000, 22), Flow(HOST, POD_ADDRESS, 6, 40000, 80)
FORWARDED = Flow(OUTSIDE, POD_ADDRESS, 6, 40000, 80)


def snapshot_with(
    host: FelixHostEndpoint | None = None, action: str = "DROP", **policies: FelixPolicy
) -> FelixSnapshot:
    return FelixSnapshot(
        config={"DefaultEndpointToHostAction": action},
        host_endpoints={} if host is None else {"hep": host},
        policies={policy(name): felix_policy for name, felix_policy in policies.items()},
        in_sync=True,
    )


def passes(snapshot: FelixSnapshot, interface: str, flow: Flow, direction: str = "tx") -> bool:
    return Npol(intents(world(snapshot)).values()).allows(interface, flow, direction)


@pytest.mark.parametrize(("action", "open_"), [("DROP", False), ("Accept", True), ("RETURN", True)])
def test_without_a_host_endpoint_only_pods_are_judged(action: str, open_: bool) -> None:
    snapshot = snapshot_with(action=action)
    assert passes(snapshot, TAP, FROM_POD) is open_
    assert passes(snapshot, TAP, WEB)
    assert passes(snapshot, WIRE, FORWARDED)


@pytest.mark.parametrize(("action", "open_"), [("DROP", False), ("ACCEPT", True), ("RETURN", True)])
def test_an_empty_host_endpoint_leaves_the_failsafe_ports_open(action: str, open_: bool) -> None:
    snapshot = snapshot_with(FelixHostEndpoint("eth0"), action)
    assert passes(snapshot, TAP, SSH)
    assert not passes(snapshot, TAP, WEB)
    assert passes(snapshot, TAP, FROM_POD) is open_  # returned to the host endpoint, port 22 is a failsafe port
    assert passes(snapshot, TAP, TO_POD, "rx")
    assert passes(snapshot, WIRE, FORWARDED)


def test_forwarded_traffic_is_judged_by_forward_tiers_alone() -> None:
    tiers = (FelixTier("default", ingress=(policy("a"),)),)
    snapshot = snapshot_with(
        FelixHostEndpoint("eth0", forward_tiers=tiers), a=FelixPolicy((FelixRule("allow", protocol=17),))
    )
    assert not passes(snapshot, WIRE, FORWARDED)
    assert passes(snapshot, WIRE, WEB)  # what ends at the host is judged at its tap
    assert passes(snapshot, WIRE, Flow(POD_ADDRESS, OUTSIDE, 6, 1, 2), "rx")


def test_the_world_is_behind_the_uplink() -> None:
    tiers = (FelixTier("default", ingress=(policy("a"),)),)
    npol = Npol(intents(world(snapshot_with(FelixHostEndpoint("eth0", forward_tiers=tiers), a=FelixPolicy()))).values())
    assert npol.interfaces[WIRE].invert
    assert not npol.interfaces[TAP].invert


def test_untracked_policies_decide_first_and_never_end() -> None:
    untracked = (FelixTier("default", ingress=(policy("a"),)),)
    denying = FelixPolicy((FelixRule("deny", dst_net=("10.0.0.1/32",)),))
    snapshot = snapshot_with(FelixHostEndpoint("eth0", untracked_tiers=untracked), a=denying)
    assert not passes(snapshot, WIRE, FORWARDED)
    assert passes(snapshot, WIRE, Flow(OUTSIDE, "10.0.0.2", 6, 1, 2))


def test_pre_dnat_policies_are_reported_as_not_enforced() -> None:
    host = FelixHostEndpoint("eth0", pre_dnat_tiers=(FelixTier("default", ingress=(policy("a"),)),))
    status = enforced(world(snapshot_with(host, a=FelixPolicy()))).statuses["host/hep"]
    assert status.state == "error"
    assert "pre_dnat_tiers" in status.problems[0]


@pytest.mark.parametrize(
    ("endpoints", "winner"),
    [
        ({"a": FelixHostEndpoint("*"), "b": FelixHostEndpoint("eth0")}, "b"),
        ({"a": FelixHostEndpoint("*"), "b": FelixHostEndpoint("", expected_ips=(HOST,))}, "b"),
        ({"a": FelixHostEndpoint("", expected_ips=("?", f"::ffff:{HOST}"))}, "a"),
        ({"b": FelixHostEndpoint("eth0"), "a": FelixHostEndpoint("eth0")}, "a"),
        ({"a": FelixHostEndpoint("eth9", expected_ips=(HOST,))}, None),
    ],
)
def test_one_host_endpoint_holds_on_an_interface(endpoints: dict[str, FelixHostEndpoint], winner: str | None) -> None:
    result = enforced(world(FelixSnapshot(host_endpoints=endpoints, in_sync=True)))
    assert list(result.hosts) == ([winner] if winner else [])
    assert {key for key in endpoints if result.statuses[f"host/{key}"].state != "up"} == set(endpoints) - {winner}


def test_an_endpoint_of_an_unknown_interface_is_an_error() -> None:
    assert enforced(world(snapshot_with(FelixHostEndpoint("eth9")))).statuses["host/hep"].state == "error"


def test_failsafe_ports_have_a_grammar() -> None:
    config = wellknown.parse_felix_config(
        {"FailsafeInboundHostPorts": "22, udp:68,tcp:10.0.0.0/8:80,tcp:[fd00::/64]:443"}
    )
    assert config.inbound == (
        PolicyRule("allow", 6, destination=RuleEntityMatch(ports=((22, 22),))),
        PolicyRule("allow", 17, destination=RuleEntityMatch(ports=((68, 68),))),
        PolicyRule("allow", 6, source=RuleEntityMatch(("10.0.0.0/8",)), destination=RuleEntityMatch(ports=((80, 80),))),
        PolicyRule(
            "allow", 6, source=RuleEntityMatch(("fd00::/64",)), destination=RuleEntityMatch(ports=((443, 443),))
        ),
    )
    assert len(config.outbound) == 9
    assert wellknown.parse_felix_config({"FailsafeOutboundHostPorts": "none"}).outbound == ()


@pytest.mark.parametrize("text", ["sctp:1", "tcp:x", "tcp:70000", "tcp:10.0.0.0/40:1"])
def test_failsafe_ports_that_cannot_be_read_are_named_and_the_default_holds(text: str) -> None:
    config = wellknown.parse_felix_config({"FailsafeInboundHostPorts": text})
    assert config.inbound == wellknown.parse_felix_config({}).inbound
    assert config.problems[0].startswith("FailsafeInboundHostPorts: ")
