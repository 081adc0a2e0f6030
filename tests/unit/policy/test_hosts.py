"""Host endpoints: what holds on the host's tap and on the uplink, case by case."""

import pytest

from actors.policy import wellknown
from actors.policy.model import FelixPolicy, FelixRule, HostEndpoint, Snapshot, Tier
from schemas.npol import EntityMatch, Rule
from tests.unit.policy.meaning.npol import Npol
from tests.unit.policy.meaning.reference import Flow
from tests.unit.policy.worlds import UPLINK, found, intents, policy, world

TAP, WIRE = UPLINK.host_tap, UPLINK.interface
OUTSIDE, HOST, POD_ADDRESS = "198.51.100.7", "192.0.2.1", "10.0.0.1"
SSH, WEB = Flow(OUTSIDE, HOST, 6, 40000, 22), Flow(OUTSIDE, HOST, 6, 40000, 80)
FROM_POD, TO_POD = Flow(POD_ADDRESS, HOST, 6, 40000, 22), Flow(HOST, POD_ADDRESS, 6, 40000, 80)
FORWARDED = Flow(OUTSIDE, POD_ADDRESS, 6, 40000, 80)


def told(host: HostEndpoint | None = None, action: str = "DROP", **policies: FelixPolicy) -> Snapshot:
    return Snapshot(
        config={"DefaultEndpointToHostAction": action},
        host_endpoints={} if host is None else {"hep": host},
        policies={policy(name): each for name, each in policies.items()},
        in_sync=True,
    )


def passes(snapshot: Snapshot, interface: str, flow: Flow, way: str = "tx") -> bool:
    return Npol(intents(world(snapshot)).values()).allows(interface, flow, way)


@pytest.mark.parametrize(("action", "open_"), [("DROP", False), ("Accept", True), ("RETURN", True)])
def test_without_a_host_endpoint_only_pods_are_judged(action: str, open_: bool) -> None:
    snapshot = told(action=action)
    assert passes(snapshot, TAP, FROM_POD) is open_
    assert passes(snapshot, TAP, WEB)
    assert passes(snapshot, WIRE, FORWARDED)


@pytest.mark.parametrize(("action", "open_"), [("DROP", False), ("ACCEPT", True), ("RETURN", True)])
def test_an_empty_host_endpoint_leaves_the_failsafe_ports_open(action: str, open_: bool) -> None:
    snapshot = told(HostEndpoint("eth0"), action)
    assert passes(snapshot, TAP, SSH)
    assert not passes(snapshot, TAP, WEB)
    assert passes(snapshot, TAP, FROM_POD) is open_  # returned to the host endpoint, port 22 is a failsafe port
    assert passes(snapshot, TAP, TO_POD, "rx")
    assert passes(snapshot, WIRE, FORWARDED)


def test_forwarded_traffic_is_judged_by_forward_tiers_alone() -> None:
    tiers = (Tier("default", ingress=(policy("a"),)),)
    snapshot = told(HostEndpoint("eth0", forward_tiers=tiers), a=FelixPolicy((FelixRule("allow", protocol=17),)))
    assert not passes(snapshot, WIRE, FORWARDED)
    assert passes(snapshot, WIRE, WEB)  # what ends at the host is judged at its tap
    assert passes(snapshot, WIRE, Flow(POD_ADDRESS, OUTSIDE, 6, 1, 2), "rx")


def test_the_world_is_behind_the_uplink() -> None:
    tiers = (Tier("default", ingress=(policy("a"),)),)
    held = Npol(intents(world(told(HostEndpoint("eth0", forward_tiers=tiers), a=FelixPolicy()))).values())
    assert held.interfaces[WIRE].invert
    assert not held.interfaces[TAP].invert


def test_untracked_policies_decide_first_and_never_end() -> None:
    untracked = (Tier("default", ingress=(policy("a"),)),)
    denying = FelixPolicy((FelixRule("deny", dst_net=("10.0.0.1/32",)),))
    snapshot = told(HostEndpoint("eth0", untracked_tiers=untracked), a=denying)
    assert not passes(snapshot, WIRE, FORWARDED)
    assert passes(snapshot, WIRE, Flow(OUTSIDE, "10.0.0.2", 6, 1, 2))


def test_pre_dnat_policies_are_reported_as_not_enforced() -> None:
    host = HostEndpoint("eth0", pre_dnat_tiers=(Tier("default", ingress=(policy("a"),)),))
    status = found(world(told(host, a=FelixPolicy()))).statuses["host/hep"]
    assert status.state == "error"
    assert "pre_dnat_tiers" in status.problems[0]


@pytest.mark.parametrize(
    ("endpoints", "winner"),
    [
        ({"a": HostEndpoint("*"), "b": HostEndpoint("eth0")}, "b"),
        ({"a": HostEndpoint("*"), "b": HostEndpoint("", expected_ips=(HOST,))}, "b"),
        ({"b": HostEndpoint("eth0"), "a": HostEndpoint("eth0")}, "a"),
        ({"a": HostEndpoint("eth9", expected_ips=(HOST,))}, None),
    ],
)
def test_one_host_endpoint_holds_on_an_interface(endpoints: dict[str, HostEndpoint], winner: str | None) -> None:
    result = found(world(Snapshot(host_endpoints=endpoints, in_sync=True)))
    assert list(result.hosts) == ([winner] if winner else [])
    assert {key for key in endpoints if result.statuses[f"host/{key}"].state != "up"} == set(endpoints) - {winner}


def test_an_endpoint_of_an_unknown_interface_is_an_error() -> None:
    assert found(world(told(HostEndpoint("eth9")))).statuses["host/hep"].state == "error"


def test_failsafe_ports_have_a_grammar() -> None:
    known = wellknown.config({"FailsafeInboundHostPorts": "22, udp:68,tcp:10.0.0.0/8:80,tcp:[fd00::/64]:443"})
    assert known.inbound == (
        Rule("allow", 6, destination=EntityMatch(ports=((22, 22),))),
        Rule("allow", 17, destination=EntityMatch(ports=((68, 68),))),
        Rule("allow", 6, source=EntityMatch(("10.0.0.0/8",)), destination=EntityMatch(ports=((80, 80),))),
        Rule("allow", 6, source=EntityMatch(("fd00::/64",)), destination=EntityMatch(ports=((443, 443),))),
    )
    assert len(known.outbound) == 9
    assert wellknown.config({"FailsafeOutboundHostPorts": "none"}).outbound == ()


@pytest.mark.parametrize("text", ["sctp:1", "tcp:x", "tcp:70000", "tcp:10.0.0.0/40:1"])
def test_failsafe_ports_that_cannot_be_read_are_named_and_the_default_holds(text: str) -> None:
    known = wellknown.config({"FailsafeInboundHostPorts": text})
    assert known.inbound == wellknown.config({}).inbound
    assert known.problems[0].startswith("FailsafeInboundHostPorts: ")
