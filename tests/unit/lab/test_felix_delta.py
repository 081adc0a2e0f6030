"""Whatever changes, a dataplane that applies the messages one by one never misses what it needs, and ends up right."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.lab.felix_world import Cluster
from tools.lab.felix.dataplane_state import DataplaneState
from tools.lab.felix.delta import messages
from tools.lab.felix.policies import PolicyKey

SET_FIELDS = [
    f"{sign}{way}_{kind}"
    for sign in ("", "not_")
    for way in ("src", "dst")
    for kind in ("ip_set_ids", "named_port_ip_set_ids")
]
TIER_FIELDS = ("tiers", "forward_tiers", "untracked_tiers", "pre_dnat_tiers")


class Dataplane:
    """Holds what it is told, and checks after each message that nothing points nowhere."""

    def __init__(self) -> None:
        self.state = DataplaneState()

    def apply(self, kind: str, body: dict[str, Any]) -> None:
        state = self.state
        match kind:
            case "ipset_update":
                state.ip_sets[body["id"]] = body["type"], frozenset(body["members"])
            case "ipset_delta_update":
                form, members = state.ip_sets[body["id"]]
                assert not members & set(body["added_members"])
                assert members >= set(body["removed_members"])
                state.ip_sets[body["id"]] = form, members - {*body["removed_members"]} | {*body["added_members"]}
            case "ipset_remove":
                del state.ip_sets[body["id"]]
            case "active_policy_update":
                state.policies[body["id"]] = body["policy"]
            case "active_policy_remove":
                del state.policies[body["id"]]
            case "active_profile_update":
                state.profiles[body["id"]["name"]] = body["profile"]
            case "active_profile_remove":
                del state.profiles[body["id"]["name"]]
            case "workload_endpoint_update":
                state.workloads["k8s", body["id"]["workload_id"], "eth0"] = body["endpoint"]
            case "workload_endpoint_remove":
                del state.workloads["k8s", body["id"]["workload_id"], "eth0"]
            case "host_endpoint_update":
                state.host_endpoints[body["id"]["endpoint_id"]] = body["endpoint"]
            case "host_endpoint_remove":
                del state.host_endpoints[body["id"]["endpoint_id"]]
        self.check()

    def check(self) -> None:
        """Every set, policy and profile that something names is there."""
        state = self.state
        rules = [
            rule for policy in state.policies.values() for rule in policy["inbound_rules"] + policy["outbound_rules"]
        ]
        assert {name for rule in rules for field in SET_FIELDS for name in rule.get(field, [])} <= set(state.ip_sets)
        for endpoint in (*state.workloads.values(), *state.host_endpoints.values()):
            assert set(endpoint["profile_ids"]) <= set(state.profiles)
            assert set(policies_of(endpoint)) <= set(state.policies)


def policies_of(endpoint: dict[str, Any]) -> list[PolicyKey]:
    tiers = [tier for field in TIER_FIELDS for tier in endpoint.get(field, [])]
    return [key for tier in tiers for key in tier["ingress_policies"] + tier["egress_policies"]]


SELECTORS = st.sampled_from(["all()", "a == '1'", "a == '2'", "has(b)", "!has(a)"])
RULES = st.fixed_dictionaries(
    {"action": st.sampled_from(["Allow", "Deny"])},
    optional={
        "source": st.fixed_dictionaries({"selector": SELECTORS}, optional={"ports": st.just(["http"])}),
        "destination": st.fixed_dictionaries({"notSelector": SELECTORS}),
    },
)


@st.composite
def clusters(draw: st.DrawFn) -> Cluster:
    """A few pods, a host endpoint, a few policies."""
    cluster = Cluster()
    for name in draw(st.sets(st.sampled_from("xy"))):
        cluster.namespace(name)
    for number in draw(st.sets(st.integers(1, 4))):
        labels = draw(st.dictionaries(st.sampled_from("ab"), st.sampled_from("12"), max_size=2))
        cluster.pod(
            f"{'xy'[number % 2]}/p{number}", 1 + number // 4, f"10.0.0.{number}", (("http", 80, "TCP"),), **labels
        )
    if draw(st.booleans()):
        cluster.add("HostEndpoint", "h", labels={"a": "1"}, spec={"node": "node1", "profiles": ["kns.x"]})
    for name in draw(st.sets(st.sampled_from("pqr"))):
        spec = {"selector": draw(SELECTORS), "applyOnForward": draw(st.booleans()), "order": draw(st.integers(0, 1))}
        spec |= {"ingress": draw(st.lists(RULES, max_size=2)), "egress": draw(st.lists(RULES, max_size=1))}
        cluster.add("GlobalNetworkPolicy", name, spec=spec)
    return cluster


@given(st.lists(clusters(), min_size=1, max_size=4))
def test_every_step_of_every_flush_is_whole_and_its_end_is_what_is_wanted(steps: list[Cluster]) -> None:
    dataplane, before = Dataplane(), DataplaneState()
    for cluster in steps:
        after = cluster.desired()
        for kind, body in messages(before, after):
            dataplane.apply(kind, body)
        for part in ("ip_sets", "policies", "profiles", "workloads", "host_endpoints"):
            assert getattr(dataplane.state, part) == getattr(after, part), part
        before = after
        assert list(messages(before, after)) == []


def test_a_change_of_members_is_told_as_a_difference() -> None:
    before, after = DataplaneState(), DataplaneState()
    before.ip_sets = {"s": ("NET", frozenset({"10.0.0.1/32", "10.0.0.2/32"}))}
    after.ip_sets = {"s": ("NET", frozenset({"10.0.0.2/32", "10.0.0.3/32"}))}
    assert list(messages(before, after)) == [
        ("ipset_delta_update", {"id": "s", "added_members": ["10.0.0.3/32"], "removed_members": ["10.0.0.1/32"]})
    ]


def test_a_flush_begins_with_the_configuration() -> None:
    cluster = Cluster()
    cluster.add("Node", "node1", annotations={"projectcalico.org/IPv4Address": "10.90.0.11/24"})
    kinds = [kind for kind, _ in messages(DataplaneState(), cluster.desired())]
    assert kinds[0] == "config_update"
    assert kinds.index("host_metadata_v4v6_update") < kinds.index("host_metadata_update")
