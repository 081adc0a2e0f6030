"""What holds on a pod's interface, case by case."""

import pytest
from msgspec.structs import replace

from actors.policy.model import FelixPolicy, FelixRule, FelixSnapshot, FelixTier, FelixWorkload
from schemas.facts import PodInterfaceFact, PolicyStatusFact
from schemas.intents import RouteIntent
from schemas.npol import InterfacePoliciesIntent, PolicyIntent, PolicyRule
from tests.unit.policy.meaning.npol import Npol
from tests.unit.policy.meaning.reference import Flow
from tests.unit.policy.worlds import KEY, POD, WEB, a_set, enforced, intents, policy, world

IN = Flow("10.0.0.9", "10.0.0.1", 6, 40000, 80)
OUT = Flow("10.0.0.1", "10.0.0.9", 6, 40000, 80)
FROM_HOST = Flow("192.0.2.1", "10.0.0.1", 6, 40000, 80)
OPEN = FelixPolicy((FelixRule("allow"),), (FelixRule("allow"),))
SHUT = FelixPolicy((FelixRule("deny"),), (FelixRule("deny"),))


def snapshot_of(workload: FelixWorkload, **tables: object) -> FelixSnapshot:
    return FelixSnapshot(workloads={WEB: workload}, in_sync=True, **tables)  # type: ignore[arg-type]


def passes(snapshot: FelixSnapshot | None, flow: Flow) -> bool:
    direction = "tx" if flow.destination in POD.addresses else "rx"
    return Npol(intents(world(snapshot)).values()).allows(POD.interface, flow, direction)


@pytest.mark.parametrize(
    "snapshot",
    [
        pytest.param(None, id="felix has not spoken"),
        pytest.param(FelixSnapshot(in_sync=True), id="felix does not know the pod"),
        pytest.param(snapshot_of(FelixWorkload("disabled", profiles=("p",)), profiles={"p": OPEN}), id="not active"),
        pytest.param(snapshot_of(FelixWorkload()), id="neither policies nor profiles"),
        pytest.param(snapshot_of(FelixWorkload(profiles=("p",))), id="its profile is missing"),
        pytest.param(
            snapshot_of(FelixWorkload(tiers=(FelixTier("t", (policy("a"),), (policy("a"),)),))),
            id="its policy is missing",
        ),
        pytest.param(snapshot_of(FelixWorkload(profiles=("p",)), profiles={"p": SHUT}), id="denied"),
        pytest.param(
            snapshot_of(
                FelixWorkload(profiles=("p",), ip4_nets=("10.0.0.8/32",), ip6_nets=("?",)), profiles={"p": OPEN}
            ),
            id="felix speaks of the pod that had its name before",
        ),
    ],
)
def test_a_closed_pod_is_reached_by_its_host_alone(snapshot: FelixSnapshot | None) -> None:
    assert not passes(snapshot, IN)
    assert not passes(snapshot, OUT)
    assert passes(snapshot, FROM_HOST)


def test_a_workload_is_the_pods_if_one_address_fits_or_none_is_told() -> None:
    for nets in ((), ("10.0.0.1/32",), ("10.0.0.8/32", "10.0.0.1/32"), ("::ffff:10.0.0.1/128",)):
        snapshot = snapshot_of(FelixWorkload(profiles=("p",), ip4_nets=nets), profiles={"p": OPEN})
        assert passes(snapshot, IN)
        assert enforced(world(snapshot)).statuses[f"workload/{KEY}"].state == "up"


def test_a_pod_that_is_coming_is_closed_already() -> None:
    facts = world(None)
    facts.pods = {"default/new/eth0": PodInterfaceFact("tun-new", "/ns", coming=True)}
    interface_policies = intents(facts)["interface-policies/tun-new"]
    assert interface_policies == InterfacePoliciesIntent("tun-new", tx=("vppd/from-host",))


def test_before_felix_has_spoken_the_host_is_left_alone() -> None:
    assert {name for name in intents(world(None)) if name.startswith("interface-policies/")} == {
        f"interface-policies/{POD.interface}"
    }


def test_while_no_address_of_the_host_is_known_none_is_let_in() -> None:
    facts = world(None)
    facts.uplinks = {}
    assert not Npol(intents(facts).values()).allows(POD.interface, FROM_HOST, "tx")


def test_a_profile_alone_decides() -> None:
    snapshot = snapshot_of(FelixWorkload(profiles=("p",)), profiles={"p": OPEN})
    assert passes(snapshot, IN)
    assert passes(snapshot, OUT)


def test_a_policy_of_one_direction_leaves_the_other_to_the_profiles() -> None:
    tiers = (FelixTier("default", ingress=(policy("a"),)),)
    snapshot = snapshot_of(
        FelixWorkload(profiles=("p",), tiers=tiers), policies={policy("a"): FelixPolicy()}, profiles={"p": OPEN}
    )
    assert not passes(snapshot, IN)
    assert passes(snapshot, OUT)


def test_pods_do_not_send_vxlan_unless_the_configuration_lets_them() -> None:
    vxlan = Flow("10.0.0.1", "10.0.0.9", 17, 40000, 4789)
    snapshot = snapshot_of(FelixWorkload(profiles=("p",)), profiles={"p": OPEN})
    assert not passes(snapshot, vxlan)
    snapshot.config = {"VXLANPort": "4790"}
    assert passes(snapshot, vxlan)
    snapshot.config = {"AllowVXLANPacketsFromWorkloads": "true"}
    assert passes(snapshot, vxlan)


def test_staged_policies_have_no_effect() -> None:
    staged = replace(policy("a"), staged=True)
    tiers = (FelixTier("default", (staged,), (staged,)),)
    snapshot = snapshot_of(FelixWorkload(profiles=("p",), tiers=tiers), policies={staged: SHUT}, profiles={"p": OPEN})
    assert passes(snapshot, IN)
    assert not any(name.startswith("policy/calico/") for name in intents(world(snapshot)))


def test_the_ingress_of_calico_is_what_vpp_sends() -> None:
    inbound, outbound = FelixRule("allow", protocol="tcp"), FelixRule("deny", protocol=17)
    tiers = (FelixTier("default", (policy("a"),), (policy("a"),)),)
    snapshot = snapshot_of(FelixWorkload(tiers=tiers), policies={policy("a"): FelixPolicy((inbound,), (outbound,))})
    name = "calico/NetworkPolicy/default/a"
    assert intents(world(snapshot))[f"policy/{name}"] == PolicyIntent(
        name, rx=(PolicyRule("deny", 17),), tx=(PolicyRule("allow", 6),)
    )


def test_a_change_of_a_set_touches_the_set_alone() -> None:
    rule = FelixRule("allow", src_ip_set_ids=("s",))
    tiers = (FelixTier("default", (policy("a"),)),)
    facts = world(snapshot_of(FelixWorkload(tiers=tiers), policies={policy("a"): FelixPolicy((rule,))}))
    assert facts.snapshot is not None
    facts.snapshot.ip_sets["s"] = a_set("10.0.0.9/32")
    before = intents(facts)
    facts.snapshot.ip_sets["s"] = a_set("10.0.0.9/32", "10.0.0.10/32")
    after = intents(facts)
    assert {key for key in before | after if before.get(key) != after.get(key)} == {"ip-set/s:s"}


def test_an_exception_that_becomes_unreadable_closes_the_rule_and_one_made_whole_opens_it() -> None:
    rule = FelixRule("allow", not_src_ip_set_ids=("s",))
    tiers = (FelixTier("default", (policy("a"),)),)
    snapshot = snapshot_of(
        FelixWorkload(tiers=tiers), policies={policy("a"): FelixPolicy((rule,))}, ip_sets={"s": a_set()}
    )
    facts = world(snapshot)
    for members, open_ in (((), True), (("what?",), False), (("10.0.0.8/32",), True), (("10.0.0.9/32",), False)):
        snapshot.ip_sets["s"] = a_set(*members)
        assert Npol(intents(facts).values()).allows(POD.interface, IN, "tx") is open_, members


def test_statuses_name_what_is_wrong() -> None:
    tiers = (FelixTier("default", (policy("a"), policy("gone"))),)
    rule = FelixRule("allow", src_ip_set_ids=("s", "t"))
    snapshot = snapshot_of(
        FelixWorkload(tiers=tiers), policies={policy("a"): FelixPolicy((rule,))}, ip_sets={"s": a_set("what?")}
    )
    snapshot.config["VXLANPort"] = "many"
    statuses = enforced(world(snapshot)).statuses
    assert {key for key, status in statuses.items() if status.state == "error"} == {
        f"workload/{KEY}",
        "policy/NetworkPolicy/default/a",
        "ip-set/s",
        "config/VXLANPort",
    }
    assert "set t is not known" in statuses["policy/NetworkPolicy/default/a"].problems[0]
    assert "'what?'" in statuses["ip-set/s"].problems[0]


def test_attachments_tell_whose_interface_is_whose() -> None:
    result = enforced(world(snapshot_of(FelixWorkload())))
    assert result.workloads == {WEB: f"interface-policies/{POD.interface}"}
    assert result.statuses[f"workload/{KEY}"].state == "up"


SPOOFING = {"WorkloadSourceSpoofing": "Any"}


def sources(snapshot: FelixSnapshot) -> list[tuple[str, str, str | None]]:
    """(table, prefix, way) of what Felix lets the pod send from."""
    routes = (intent for intent in intents(world(snapshot)).values() if isinstance(intent, RouteIntent))
    return sorted((route.table, route.prefix, route.paths[0].interface) for route in routes)


def test_a_pod_sends_from_what_felix_allows_beside_its_own_addresses() -> None:
    allowed = ("203.0.113.7/24", "2001:db8::/32", "203.0.113.0/24", "10.0.0.1", "fd00::1/128")
    snapshot = snapshot_of(FelixWorkload(allowed_sources=allowed), config=SPOOFING)
    assert sources(snapshot) == [
        ("sources/tun-web", "2001:db8::/32", "tun-web"),
        ("sources/tun-web", "203.0.113.0/24", "tun-web"),
    ]


def test_what_the_pods_own_annotation_allows_already_is_not_said_twice() -> None:
    snapshot = snapshot_of(FelixWorkload(allowed_sources=("203.0.113.0/24", "192.0.2.0/24")), config=SPOOFING)
    facts = world(snapshot)
    facts.pods[KEY] = replace(POD, allowed_sources=("203.0.113.0/24",))
    assert [intent.prefix for intent in intents(facts).values() if isinstance(intent, RouteIntent)] == ["192.0.2.0/24"]


@pytest.mark.parametrize("config", [{}, {"WorkloadSourceSpoofing": "Disabled"}, {"WorkloadSourceSpoofing": "Some"}])
def test_where_spoofing_is_disabled_it_is_said_that_allowed_sources_have_no_effect(config: dict[str, str]) -> None:
    snapshot = snapshot_of(FelixWorkload(allowed_sources=("203.0.113.0/24",)), config=config)
    assert sources(snapshot) == []
    statuses = enforced(world(snapshot)).statuses
    assert statuses[f"workload/{KEY}"] == PolicyStatusFact(
        "up", ("allow_spoofed_source_prefixes: have no effect: Felix's WorkloadSourceSpoofing is Disabled",)
    )
    assert ("config/WorkloadSourceSpoofing" in statuses) is (config.get("WorkloadSourceSpoofing") == "Some")


def test_an_unreadable_source_is_named_and_the_others_count() -> None:
    snapshot = snapshot_of(FelixWorkload(allowed_sources=("10.0.0.0/33", "203.0.113.0/24")), config=SPOOFING)
    assert [prefix for _, prefix, _ in sources(snapshot)] == ["203.0.113.0/24"]
    status = enforced(world(snapshot)).statuses[f"workload/{KEY}"]
    assert status == PolicyStatusFact("up", ("allow_spoofed_source_prefixes: not a prefix: '10.0.0.0/33'",))


def test_an_endpoint_of_an_earlier_pod_allows_nothing() -> None:
    endpoint = FelixWorkload(ip4_nets=("10.0.0.8/32",), allowed_sources=("203.0.113.0/24",))
    assert sources(snapshot_of(endpoint, config=SPOOFING)) == []
