"""For any policies and any flow: VPP lets pass what Calico means, and never more."""

import random
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.policy.model import FelixHostMetadata, FelixPolicy, FelixRule, FelixSnapshot, FelixTier, FelixWorkload
from actors.vpp_writer.kinds import kind_of_intent
from tests.unit.policy.meaning.npol import Npol
from tests.unit.policy.meaning.reference import Flow, Reference
from tests.unit.policy.worlds import POD, UPLINK, WEB, a_set, enforced, intents, policy, world

OTHERS4, OTHERS6 = ("10.0.0.2", "10.0.1.3", "198.51.100.7"), ("fd00::2", "fd01::3")
NETS = ("10.0.0.0/24", "10.0.0.2/32", "10.0.0.0/8", "198.51.100.7/24", "fd00::/64", "fd01::3/128")
SETS = {
    "near": a_set("10.0.0.0/24", "fd00::2/128"),
    "far": a_set("10.0.1.3/32", "198.51.100.0/24", "fd01::/64"),
    "some": a_set("10.0.0.2/32", "10.0.1.0/24"),
    "ports": a_set("10.0.0.1,tcp:80", "10.0.0.2,udp:81", "10.0.0.2,tcp:80", kind="ip-port"),
    "web": a_set("10.0.0.1,tcp:80", "10.0.1.3,tcp:81", kind="ip-port"),
}
POLICIES = tuple(policy(name) for name in "abcdef")


def subsets(values: tuple[Any, ...], most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    return st.one_of(st.just(()), st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple))


RANGES = subsets(((80, 80), (81, 90), (1, 1000), (1000, 1000)), 1)
ADDRESSED: dict[str, Any] = {
    "action": st.sampled_from(("allow", "deny", "pass", "log", "")),
    "ip_version": st.sampled_from((None, None, 4, 6)),
    "src_net": subsets(NETS),
    "dst_net": subsets(NETS),
    "not_src_net": subsets(NETS, 1),
    "not_dst_net": subsets(NETS, 1),
    "src_ip_set_ids": subsets(("near", "far", "some")),
    "dst_ip_set_ids": subsets(("near", "far", "some"), 1),
    "not_src_ip_set_ids": subsets(("near", "some"), 1),
    "not_dst_ip_set_ids": subsets(("far",), 1),
}
PLAIN = st.builds(
    FelixRule,
    protocol=st.sampled_from((None, "tcp", "udp", 132, "icmp", "icmpv6")),
    not_protocol=st.sampled_from((None, None, "udp")),
    dst_ip_port_set_ids=subsets(("ports", "web")),
    **ADDRESSED,
)
PORTED = st.builds(
    FelixRule,
    protocol=st.sampled_from(("tcp", "udp")),
    src_ports=RANGES,
    dst_ports=RANGES,
    not_src_ports=RANGES,
    not_dst_ports=RANGES,
    dst_named_port_ip_set_ids=subsets(("ports", "web"), 1),
    not_dst_named_port_ip_set_ids=subsets(("web",), 1),
    **ADDRESSED,
)
ICMP = st.builds(
    FelixRule,
    protocol=st.sampled_from(("icmp", "icmpv6")),
    icmp_type=st.sampled_from((None, 8, 128, 3)),
    not_icmp_type=st.sampled_from((None, None, 8, 3)),
    **{key: value for key, value in ADDRESSED.items() if key in ("action", "src_net")},
)
RULES = st.lists(st.one_of(PLAIN, PORTED, ICMP), max_size=3).map(tuple)
RULED = st.builds(FelixPolicy, inbound=RULES, outbound=RULES)
TIERS = st.lists(
    st.builds(
        FelixTier,
        name=st.just("t"),
        ingress=st.lists(st.sampled_from(POLICIES), max_size=2, unique=True).map(tuple),
        egress=st.lists(st.sampled_from(POLICIES), max_size=2, unique=True).map(tuple),
        default_action=st.sampled_from(("Deny", "Deny", "Pass")),
    ),
    max_size=4,
).map(tuple)
PORTS = st.sampled_from((80, 81, 85, 443, 1000))


@st.composite
def flows(draw: Any, direction: str) -> Flow:
    pod_address, peers = draw(st.sampled_from(((POD.addresses[0], OTHERS4), (POD.addresses[1], OTHERS6))))
    peer = draw(st.sampled_from(peers))
    source, destination = (peer, pod_address) if direction == "ingress" else (pod_address, peer)
    protocol = draw(st.sampled_from((6, 17, 132, 1 if pod_address == POD.addresses[0] else 58)))
    if protocol in (1, 58):
        return Flow(source, destination, protocol, 7, 7)
    return Flow(source, destination, protocol, draw(PORTS), draw(PORTS))


@given(st.data(), TIERS, st.lists(RULED, min_size=8, max_size=8), subsets(("p", "q")))
def test_vpp_lets_pass_what_calico_means_and_never_more(
    data: Any, tiers: tuple[FelixTier, ...], ruled: list[FelixPolicy], names: tuple[str, ...]
) -> None:
    snapshot = FelixSnapshot(
        ip_sets=dict(SETS),
        policies=dict(zip(POLICIES, ruled[:6], strict=True)),
        profiles={"p": ruled[6], "q": ruled[7]},
        workloads={WEB: FelixWorkload(tiers=tiers, profiles=names)},
        in_sync=True,
    )
    facts = world(snapshot)
    policy_intents = intents(facts)
    npol, calico = Npol(policy_intents.values()), Reference(snapshot, [POD], [UPLINK])
    for intent in policy_intents.values():
        kind_of_intent(intent).check(intent)
    exact = not any(status.state == "error" for status in enforced(facts).statuses.values())
    for direction, vpp_direction in (("ingress", "tx"), ("egress", "rx")):
        for _ in range(5):
            flow = data.draw(flows(direction))
            calico_passes = calico.pod(snapshot.workloads[WEB], flow, direction)
            vpp_passes = npol.allows(POD.interface, flow, vpp_direction)
            assert vpp_passes == calico_passes or (not exact and not vpp_passes), (
                direction,
                flow,
                enforced(facts).statuses,
            )


CHANGES = st.lists(
    st.one_of(
        st.tuples(st.just("policies"), st.sampled_from(POLICIES), st.none() | RULED),
        st.tuples(st.just("profiles"), st.sampled_from(("p", "q")), st.none() | RULED),
        st.tuples(st.just("ip_sets"), st.sampled_from(sorted(SETS)), st.none() | st.sampled_from(list(SETS.values()))),
        st.tuples(
            st.just("workloads"),
            st.just(WEB),
            st.none() | st.builds(FelixWorkload, tiers=TIERS, profiles=subsets(("p", "q"))),
        ),
        st.tuples(st.just("hosts"), st.just("n2"), st.none() | st.just(FelixHostMetadata("192.0.2.2/24"))),
    ),
    max_size=10,
)


@given(CHANGES, st.randoms(use_true_random=False))
def test_any_road_to_the_same_facts_gives_the_same_intents(
    changes: list[tuple[str, Any, Any]], chance: random.Random
) -> None:
    last = {(table, key): value for table, key, value in changes}
    travelled = world(FelixSnapshot(in_sync=True))
    roads = [(table, key, None) for table, key, _ in changes] + changes * 2
    chance.shuffle(roads)
    ends = chance.sample(sorted(last.items(), key=str), len(last))
    for table, key, value in [*roads, *((table, key, value) for (table, key), value in ends)]:
        rows: dict[Any, Any] = getattr(travelled.snapshot, table)
        rows.pop(key, None)
        if value is not None:
            rows[key] = value
        if chance.random() < 0.3:
            intents(travelled)
    direct = world(FelixSnapshot(in_sync=True))
    for (table, key), value in sorted(last.items(), key=str):
        if value is not None:
            getattr(direct.snapshot, table)[key] = value
    assert intents(travelled) == intents(direct)
    assert enforced(travelled).statuses == enforced(direct).statuses
