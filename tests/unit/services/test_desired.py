"""Services and slices -> translations, statuses, advertised addresses."""

import random
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.services import desired
from actors.services.cache import ServedServiceCache
from actors.services.desired import (
    DISCARD_NEXT_HOPS,
    ServicesManagerFacts,
    resolve_service_conflicts,
    serve_each_service,
    services_health_problems,
)
from actors.vpp_writer.kinds import kind_of_intent
from schemas.cnat import CNAT_HASH_BITS, SnatAddressesIntent, SnatExclusionIntent, TranslationBackend, TranslationIntent
from schemas.facts import (
    BgpConfigurationFact,
    EndpointSliceFact,
    IpPoolFact,
    LoadBalancerIngress,
    NodeFact,
    ServiceFact,
    ServicePort,
    ServiceStatusFact,
    SliceEndpoint,
    SlicePort,
    UplinkFact,
)
from schemas.intents import RouteIntent, RoutePath
from tests.unit.services.worlds import (
    EXTERNAL,
    ME,
    VIP,
    VIP6,
    cluster,
    endpoint,
    intents_of,
    problems,
    service,
    slice_of,
    translations,
)

TCP, UDP, SCTP = 6, 17, 132
LOCAL, REMOTE, NAMELESS = endpoint("10.0.0.4"), endpoint("10.0.1.7", "n2"), endpoint("10.0.2.9", None)
BACKENDS = [("10.0.0.4", 8080), ("10.0.1.7", 8080)]
MAGLEV = {"cni.projectcalico.org/vppLBType": "Maglev"}


def test_a_cluster_ip_leads_to_all_ready_endpoints_in_order() -> None:
    assert translations(cluster(service(), slice_of(REMOTE, LOCAL))) == {(VIP, 80, TCP): BACKENDS}
    split = cluster(service(), slice_of(REMOTE), slice_of(LOCAL))
    assert translations(split) == {(VIP, 80, TCP): BACKENDS}


def test_both_families_and_all_protocols_are_served() -> None:
    web = service(ServicePort(53, "UDP", "u"), ServicePort(99, "SCTP", "s"), cluster_ips=(VIP, VIP6))
    ports = (SlicePort(5353, "UDP", "u"), SlicePort(9999, "SCTP", "s"))
    six = slice_of(endpoint("fd00::4"), ports=ports, ip_version=6)
    assert translations(cluster(web, slice_of(LOCAL, ports=ports), six)) == {
        (VIP, 53, UDP): [("10.0.0.4", 5353)],
        (VIP, 99, SCTP): [("10.0.0.4", 9999)],
        (VIP6, 53, UDP): [("fd00::4", 5353)],
        (VIP6, 99, SCTP): [("fd00::4", 9999)],
    }


def test_a_named_port_has_the_number_of_each_slice() -> None:
    web = service(ServicePort(80, name="http"))
    slices = [slice_of(e, ports=(SlicePort(n, name="http"),)) for e, n in ((LOCAL, 8080), (REMOTE, 9090))]
    assert translations(cluster(web, *slices)) == {(VIP, 80, TCP): [("10.0.0.4", 8080), ("10.0.1.7", 9090)]}


def test_a_slice_without_that_port_gives_no_endpoints() -> None:
    web = service(ServicePort(80, name="http"))
    assert translations(cluster(web, slice_of(LOCAL, ports=(SlicePort(8080, "UDP", "http"),)))) == {}


@pytest.mark.parametrize(
    ("conditions", "usable"),
    [
        ([{}, {}], [0, 1]),
        ([{"ready": False, "serving": False}, {}], [1]),
        ([{"ready": False, "serving": True, "terminating": True}, {}], [1]),
        ([{"ready": False, "serving": True, "terminating": True}, {"ready": False, "serving": False}], [0]),
        ([{"ready": False, "serving": True}, {"ready": False, "serving": False, "terminating": True}], []),
    ],
)
def test_ready_endpoints_are_used_and_without_any_those_that_serve_while_they_end(
    conditions: list[dict[str, bool]], usable: list[int]
) -> None:
    ends = [endpoint(f"10.0.0.{n}", "n1", **flags) for n, flags in enumerate(conditions)]
    expected = {(VIP, 80, TCP): [(f"10.0.0.{n}", 8080) for n in usable]} if usable else {}
    assert translations(cluster(service(), slice_of(*ends))) == expected


TERMINATING = {"ready": False, "serving": True, "terminating": True}
UNREADY = {"ready": False, "serving": False}


@pytest.mark.parametrize("sizes", [(3,), (1, 2), (2, 1), (1, 1, 1)], ids=str)
@pytest.mark.parametrize("walk", range(6))
def test_an_address_that_is_there_several_times_counts_once_and_as_the_readiest(
    sizes: tuple[int, ...], walk: int
) -> None:
    address = LOCAL.addresses[0]
    states = [endpoint(address, "n2", **TERMINATING), endpoint(address, "n1"), endpoint(address, None)]
    ordered = list(permutations(states))[walk]
    starts = [sum(sizes[:number]) for number in range(len(sizes))]
    slices = [slice_of(*ordered[start : start + size]) for start, size in zip(starts, sizes, strict=True)]
    assert translations(cluster(service(), *slices)) == {(VIP, 80, TCP): BACKENDS[:1]}
    assert translations(cluster(service(internal_local=True), *slices)) == {(VIP, 80, TCP): BACKENDS[:1]}


def test_an_address_whose_pod_has_ended_here_and_begun_elsewhere_is_not_this_nodes() -> None:
    moved = slice_of(endpoint("10.0.0.4", "n1", **TERMINATING), endpoint("10.0.0.4", "n2"))
    assert translations(cluster(service(internal_local=True), moved)) == {}


def test_one_address_with_two_port_numbers_is_two_endpoints_each_once() -> None:
    slices = [slice_of(LOCAL, LOCAL, ports=(SlicePort(number),)) for number in (8080, 9090, 8080)]
    assert translations(cluster(service(), *slices)) == {(VIP, 80, TCP): [("10.0.0.4", 8080), ("10.0.0.4", 9090)]}


def test_an_internal_policy_local_keeps_to_this_node_and_a_nameless_node_is_remote() -> None:
    web = service(internal_local=True)
    assert translations(cluster(web, slice_of(LOCAL, REMOTE, NAMELESS))) == {(VIP, 80, TCP): BACKENDS[:1]}


def test_node_ports_are_served_on_the_own_address_and_external_ones_everywhere() -> None:
    web = service(
        ServicePort(80, node_port=30080),
        type="LoadBalancer",
        external_ips=(EXTERNAL,),
        ingress=(LoadBalancerIngress("203.0.113.200"), LoadBalancerIngress("203.0.113.201", "Proxy")),
    )
    places = {(VIP, 80), ("192.0.2.1", 30080), (EXTERNAL, 80), ("203.0.113.200", 80)}
    assert {(vip, port) for vip, port, _ in translations(cluster(web, slice_of(LOCAL, REMOTE)))} == places


def test_an_external_policy_local_keeps_the_outside_to_this_node_and_tells_of_its_addresses() -> None:
    web = service(ServicePort(80, node_port=30080), type="NodePort", external_ips=(EXTERNAL,), external_local=True)
    local = cluster(web, slice_of(LOCAL, REMOTE))
    backends = translations(local)
    assert (backends[VIP, 80, TCP], backends[EXTERNAL, 80, TCP], backends["192.0.2.1", 30080, TCP]) == (
        BACKENDS,
        BACKENDS[:1],
        BACKENDS[:1],
    )
    assert set(resolve_service_conflicts(local, serve_each_service(local)).addresses) == {f"{EXTERNAL}/32"}
    remote = cluster(web, slice_of(REMOTE))
    assert set(translations(remote)) == {(VIP, 80, TCP), (EXTERNAL, 80, TCP)}
    assert resolve_service_conflicts(remote, serve_each_service(remote)).addresses == {}


def test_node_ports_and_source_nat_go_by_the_address_that_the_uplink_has_now() -> None:
    """Kubernetes learns late, or never, that a node has another address; packets come to the new one at once."""
    web = service(ServicePort(80, node_port=30080), type="NodePort")
    moved = UplinkFact("running", addresses=("192.0.2.9/24", "2001:db8::1/64"))
    changed = cluster(web, slice_of(LOCAL), uplinks={"eth0": moved})
    assert ("192.0.2.9", 30080, TCP) in translations(changed)
    assert ("192.0.2.1", 30080, TCP) not in translations(changed)
    intents = intents_of(changed).values()
    assert SnatAddressesIntent("192.0.2.9", "2001:db8::1") in intents
    assert "192.0.2.9/32" in {i.prefix for i in intents if isinstance(i, SnatExclusionIntent)}
    assert any("192.0.2.9" in problem for problem in services_health_problems(changed))
    assert services_health_problems(cluster(web, uplinks={"eth0": UPLINK})) == []


THE_CLUSTERS = {"default": BgpConfigurationFact(service_external_ips=("203.0.113.0/24",))}
UPLINK = UplinkFact("running", interface="uplink/eth0", addresses=("192.0.2.1/24", "2001:db8::1/64"))


def relayed_routes(facts: ServicesManagerFacts) -> dict[str, tuple[RoutePath, ...]]:
    """Prefix -> paths of the pods' table."""
    return {i.prefix: i.paths for i in intents_of(facts).values() if isinstance(i, RouteIntent) and i.table == "pods"}


def test_pods_of_a_node_without_endpoints_reach_a_local_service_s_external_addresses_by_another_node() -> None:
    """Outside clients are not in the pods' table: for them there is nothing behind the address."""
    web = service(
        ServicePort(80, node_port=30080),
        type="LoadBalancer",
        external_ips=(EXTERNAL,),
        ingress=(LoadBalancerIngress("203.0.113.200"),),
        external_local=True,
    )
    remote = cluster(web, slice_of(REMOTE, NAMELESS), uplinks={"eth0": UPLINK}, bgp=THE_CLUSTERS)
    external = (EXTERNAL, "203.0.113.200")
    assert translations(remote) == {
        (VIP, 80, TCP): [*BACKENDS[1:], ("10.0.2.9", 8080)],
        **{(vip, 80, TCP): [(vip, 80)] for vip in external},
    }
    there = (RoutePath(next_hop="192.0.2.2", interface="uplink/eth0"),)
    assert relayed_routes(remote) == {f"{vip}/32": there for vip in external}
    exclusions = {i.prefix for i in intents_of(remote).values() if isinstance(i, SnatExclusionIntent)}
    assert {f"{vip}/32" for vip in external} <= exclusions, "backends see the pod's own address"
    assert resolve_service_conflicts(remote, serve_each_service(remote)).addresses == {}
    own = cluster(web, slice_of(REMOTE, LOCAL), uplinks={"eth0": UPLINK}, bgp=THE_CLUSTERS)
    assert translations(own)[EXTERNAL, 80, TCP] == BACKENDS[:1]
    assert relayed_routes(own) == {}


def test_pods_are_spread_over_the_nodes_that_serve_every_port() -> None:
    names = [f"n{number}" for number in range(2, 10)]
    nodes = {"n1": ME, **{name: NodeFact(ip4=f"192.0.2.{name[1:]}/24") for name in names}}
    ends = [endpoint(f"10.0.{name[1:]}.7", name) for name in names]
    ports = ServicePort(80, name="a"), ServicePort(81, name="b")

    def hop(*limited: SliceEndpoint) -> str | None:
        web = service(*ports, external_ips=(EXTERNAL,), external_local=True)
        slices = (slice_of(*e, ports=(SlicePort(8080, name=p),)) for e, p in ((ends, "a"), (limited or ends, "b")))
        spread = cluster(web, *slices, nodes=nodes, uplinks={"eth0": UPLINK}, bgp=THE_CLUSTERS)
        [(path,)] = relayed_routes(spread).values()
        return path.next_hop

    for end in ends:
        assert hop(end) == f"192.0.2.{(end.node or '')[1:]}"
    chosen = hop()
    for end in ends:
        if f"192.0.2.{(end.node or '')[1:]}" != chosen:
            assert hop(*(other for other in ends if other != end)) == chosen, "a flow keeps its way"


def test_no_service_turns_away_what_is_sent_to_a_node_a_pod_or_by_a_far_node() -> None:
    own_addresses = ("192.0.2.1", "192.0.2.2", "10.0.0.9")
    pools = {"all": IpPoolFact("10.0.0.0/16")}
    web = service(external_ips=own_addresses, external_local=True)
    ranges = {"default": BgpConfigurationFact(service_external_ips=("192.0.2.0/24", "10.0.0.0/16", f"{EXTERNAL}/32"))}
    assert relayed_routes(cluster(web, slice_of(REMOTE), uplinks={"eth0": UPLINK}, pools=pools, bgp=ranges)) == {}
    far = {"n1": ME, "n2": NodeFact(ip4="198.51.100.2/24")}
    web = service(external_ips=(EXTERNAL,), external_local=True)
    behind_a_router = cluster(web, slice_of(REMOTE), uplinks={"eth0": UPLINK}, nodes=far, bgp=ranges)
    assert relayed_routes(behind_a_router) == {}
    assert problems(behind_a_router) == (
        f"{EXTERNAL}: out of reach for this node's pods: no node with endpoints is in its subnet",
    )
    assert problems(cluster(web, slice_of(REMOTE), uplinks={"eth0": UPLINK}, bgp=ranges)) == ()


def test_an_external_ip_that_may_be_a_machine_s_keeps_its_way_for_its_other_ports() -> None:
    """A route takes all ports along. Pods' connections to port 22 of that machine must not end at a node."""
    web = service(external_ips=(EXTERNAL,), external_local=True)
    remote = cluster(web, slice_of(REMOTE), uplinks={"eth0": UPLINK})
    assert relayed_routes(remote) == {}
    assert f"{EXTERNAL}/32" not in {i.prefix for i in intents_of(remote).values() if isinstance(i, SnatExclusionIntent)}
    [problem] = problems(remote)
    assert problem.startswith(f"externalIPs: {EXTERNAL}: pods of this node reach it by the network alone")
    given = service(external_ips=(EXTERNAL,), ingress=(LoadBalancerIngress(EXTERNAL),), external_local=True)
    assert set(relayed_routes(cluster(given, slice_of(REMOTE), uplinks={"eth0": UPLINK}))) == {f"{EXTERNAL}/32"}


def test_an_internal_policy_local_is_never_short_circuited() -> None:
    assert translations(cluster(service(internal_local=True), slice_of(REMOTE))) == {}


def test_a_local_service_whose_last_endpoint_here_terminates_serves_on_and_asks_for_no_more_traffic() -> None:
    web = service(type="LoadBalancer", external_ips=(EXTERNAL,), external_local=True, health_check_node_port=32000)
    ending = cluster(web, slice_of(endpoint("10.0.0.4", **TERMINATING), REMOTE))
    assert translations(ending)[EXTERNAL, 80, TCP] == BACKENDS[:1]
    served = resolve_service_conflicts(ending, serve_each_service(ending))
    assert (served.addresses, served.checks) == ({}, {32000: ("d/web", 0)})


def test_each_family_of_a_local_service_is_advertised_by_its_own_ready_endpoints() -> None:
    external6 = "2001:db8:5::5"
    web = service(cluster_ips=(VIP, VIP6), external_ips=(EXTERNAL, external6), external_local=True)
    half = cluster(web, slice_of(LOCAL), slice_of(endpoint("fd00::4", **TERMINATING), ip_version=6))
    assert set(resolve_service_conflicts(half, serve_each_service(half)).addresses) == {f"{EXTERNAL}/32"}


@pytest.mark.parametrize(
    "web",
    [
        service(headless=True),
        service(type="ExternalName"),
        service(proxy_name="another"),
        service(cluster_ips=()),
    ],
)
def test_what_is_not_ours_to_serve_is_left_alone(web: ServiceFact) -> None:
    assert translations(cluster(web, slice_of(LOCAL))) == {}


def test_annotations_choose_balancer_and_hash() -> None:
    notes = {**MAGLEV, "cni.projectcalico.org/vppHashConfig": " srcPort, dstaddr ,wrong"}
    web = cluster(service(annotations=notes), slice_of(LOCAL, REMOTE))
    [translation] = [i for i in intents_of(web).values() if isinstance(i, TranslationIntent)]
    assert (translation.load_balancer, translation.hash_bits) == (
        "maglev",
        CNAT_HASH_BITS["srcport"] | CNAT_HASH_BITS["dstaddr"],
    )
    assert any("'wrong'" in problem for problem in problems(web))


def test_direct_return_leaves_packets_to_remote_endpoints_alone_but_not_those_to_node_ports() -> None:
    notes = {"cni.projectcalico.org/vppLBType": "maglevdsr"}
    web = cluster(
        service(ServicePort(80, node_port=30080), type="NodePort", annotations=notes), slice_of(LOCAL, REMOTE)
    )
    by_port = {i.port: i for i in intents_of(web).values() if isinstance(i, TranslationIntent)}
    assert by_port[80].backends == (
        TranslationBackend("10.0.0.4", 8080),
        TranslationBackend("10.0.1.7", 8080, no_nat=True),
    )
    assert not any(backend.no_nat for backend in by_port[30080].backends)


def test_affinity_hashes_the_clients_address_on_equal_tables() -> None:
    [translation] = [
        i
        for i in intents_of(cluster(service(affinity_s=10800), slice_of(LOCAL))).values()
        if isinstance(i, TranslationIntent)
    ]
    assert (translation.load_balancer, translation.hash_bits) == ("maglev", CNAT_HASH_BITS["srcaddr"])


def test_two_services_with_one_address_the_oldest_has_it_and_the_other_says_so() -> None:
    old, new = (
        service(external_ips=(EXTERNAL,)),
        service(cluster_ips=(), external_ips=(EXTERNAL,), created="2026-02-02"),
    )
    shared = cluster(old, slice_of(LOCAL), slice_of(REMOTE, service="a/new"))
    shared.services["a/new"] = new
    assert translations(shared)[EXTERNAL, 80, TCP] == BACKENDS[:1]
    assert problems(shared, "a/new") == (f"{EXTERNAL} port 80 TCP: is served for Service d/web",)
    assert problems(shared) == ()


def test_a_service_without_endpoints_yields_to_one_that_has_some() -> None:
    shared = cluster(service(external_ips=(EXTERNAL,)), slice_of(REMOTE, service="a/new"))
    shared.services["a/new"] = service(cluster_ips=(), external_ips=(EXTERNAL,), created="2026-02-02")
    assert translations(shared)[EXTERNAL, 80, TCP] == BACKENDS[1:]


def test_a_service_whose_endpoints_all_terminate_yields_to_one_that_has_ready_ones() -> None:
    old = service(external_ips=(EXTERNAL,))
    new = service(cluster_ips=(), external_ips=(EXTERNAL,), created="2026-02-02")
    shared = cluster(old, slice_of(endpoint("10.0.0.4", **TERMINATING)), slice_of(REMOTE, service="a/new"))
    shared.services["a/new"] = new
    assert translations(shared)[EXTERNAL, 80, TCP] == BACKENDS[1:]
    assert problems(shared) == (f"{EXTERNAL} port 80 TCP: is served for Service a/new",)
    shared.slices["d/web-1"] = slice_of(endpoint("10.0.1.7", "n2", **TERMINATING), service="a/new")
    assert translations(shared)[EXTERNAL, 80, TCP] == BACKENDS[:1]
    shared.slices["d/web-0"] = slice_of(endpoint("10.0.0.4", **UNREADY))
    assert translations(shared)[EXTERNAL, 80, TCP] == BACKENDS[1:]


def test_a_local_service_with_endpoints_elsewhere_alone_yields_to_one_that_has_its_own() -> None:
    shared = cluster(
        service(external_ips=(EXTERNAL,), external_local=True), slice_of(REMOTE), slice_of(LOCAL, service="a/new")
    )
    shared.services["a/new"] = service(cluster_ips=(), external_ips=(EXTERNAL,), created="2026-02-02")
    assert translations(shared)[EXTERNAL, 80, TCP] == BACKENDS[:1]


def test_udp_to_a_service_without_endpoints_is_discarded_and_tcp_finds_nothing() -> None:
    ports = (ServicePort(53, "UDP", "u"), ServicePort(53, "TCP", "t"))
    empty = cluster(service(*ports, cluster_ips=(VIP, VIP6)))
    assert translations(empty) == {
        (VIP, 53, UDP): [(DISCARD_NEXT_HOPS[4], 53)],
        (VIP6, 53, UDP): [(DISCARD_NEXT_HOPS[6], 53)],
    }
    assert RouteIntent("default", "192.0.0.8/32", (RoutePath(),)) in intents_of(empty).values()


def test_service_ranges_are_unreachable_where_nothing_is_translated() -> None:
    ranges = cluster(
        prefixes=("10.96.0.0/16",), bgp={"default": BgpConfigurationFact(service_external_ips=("203.0.113.0/28",))}
    )
    for prefix in ("10.96.0.0/16", "203.0.113.0/28"):
        assert RouteIntent("default", prefix, (RoutePath(unreachable=True),)) in intents_of(ranges).values()


def test_health_checks_tell_the_endpoints_of_this_node() -> None:
    web = service(type="LoadBalancer", external_local=True, health_check_node_port=32000)
    with_one, without = cluster(web, slice_of(LOCAL, REMOTE)), cluster(web, slice_of(REMOTE))
    assert resolve_service_conflicts(with_one, serve_each_service(with_one)).checks == {32000: ("d/web", 1)}
    assert resolve_service_conflicts(without, serve_each_service(without)).checks == {32000: ("d/web", 0)}


def test_a_health_check_counts_ready_pods_each_once() -> None:
    ports = (ServicePort(80, name="a"), ServicePort(81, name="b"))
    web = service(
        *ports,
        type="LoadBalancer",
        cluster_ips=(VIP, VIP6),
        external_local=True,
        health_check_node_port=32000,
    )
    numbers = (SlicePort(8080, name="a"), SlicePort(8081, name="b"))

    def count(four: list[SliceEndpoint], six: list[SliceEndpoint]) -> int:
        facts = cluster(web, slice_of(*four, ports=numbers), slice_of(*six, ports=numbers, ip_version=6))
        return resolve_service_conflicts(facts, serve_each_service(facts)).checks[32000][1]

    dual = [endpoint("10.0.0.4", pod="d/web-0")], [endpoint("fd00::4", pod="d/web-0")]
    assert count(*dual) == 1
    assert count([*dual[0], endpoint("10.0.0.5", pod="d/web-1")], dual[1]) == 2
    assert count(dual[0], [endpoint("fd00::4", pod="d/web-0", **TERMINATING)]) == 1
    assert count(*([endpoint(e.addresses[0], pod="d/web-0", **TERMINATING)] for [e] in dual)) == 0
    assert count([LOCAL, REMOTE], [endpoint("fd00::4")]) == 1
    assert count([LOCAL, endpoint("10.0.0.4", **TERMINATING)], []) == 1


def test_services_turned_off_leave_source_nat() -> None:
    kinds = {type(i).__name__ for i in intents_of(cluster(service(), slice_of(LOCAL), enabled=False)).values()}
    assert kinds == {"SnatAddressesIntent", "SnatExclusionIntent"}


def test_what_is_not_served_is_said() -> None:
    web = service(ServicePort(80, "SCTP", node_port=30080), type="NodePort", source_ranges=("198.51.100.0/24",))
    problem_text = " ".join(problems(cluster(web, slice_of(LOCAL))))
    assert "loadBalancerSourceRanges" in problem_text
    assert "SCTP" in problem_text
    assert problems(cluster(ServiceFact(cluster_ips=(VIP,)))) == ("ports: there is none",)


ENDPOINTS = st.builds(
    endpoint,
    st.sampled_from([f"10.0.0.{n}" for n in range(4)]),
    st.sampled_from(["n1", "n2", None]),
    ready=st.booleans(),
    terminating=st.booleans(),
)
SERVICES = st.builds(
    service,
    st.builds(
        ServicePort, st.sampled_from([80, 81]), st.sampled_from(["TCP", "UDP"]), node_port=st.sampled_from([0, 3000])
    ),
    type=st.sampled_from(["ClusterIP", "NodePort", "LoadBalancer"]),
    external_ips=st.sampled_from([(), (EXTERNAL,)]),
    external_local=st.booleans(),
    internal_local=st.booleans(),
    created=st.sampled_from(["2026-01-01", "2026-01-02", ""]),
    annotations=st.sampled_from([{}, MAGLEV]),
)
SLICES = st.builds(
    lambda service, endpoints: EndpointSliceFact(service, 4, (SlicePort(8080),), tuple(endpoints)),
    st.sampled_from(["d/a", "d/b", "d/c", ""]),
    st.lists(ENDPOINTS, max_size=4),
)
FACTS = st.lists(
    st.one_of(
        st.tuples(st.just("services"), st.sampled_from(["d/a", "d/b", "d/c"]), st.none() | SERVICES),
        st.tuples(st.just("slices"), st.sampled_from(["d/1", "d/2", "d/3"]), st.none() | SLICES),
    ),
    max_size=12,
)


@given(FACTS, st.randoms(use_true_random=False))
def test_any_order_and_repetition_of_facts_gives_the_same_intents(
    facts: list[tuple[str, str, Any]], chance: random.Random
) -> None:
    last = {(table, key): value for table, key, value in facts}
    quick, cache = cluster(uplinks={"eth0": UPLINK}), ServedServiceCache()
    shuffled = [(table, key, None) for table, key, _ in facts] + facts * 2
    chance.shuffle(shuffled)
    for table, key, value in [
        *shuffled,
        *((t, k, v) for (t, k), v in chance.sample(sorted(last.items(), key=str), len(last))),
    ]:
        rows: dict[str, Any] = getattr(quick, table)
        rows.pop(key, None)
        if value is not None:
            rows[key] = value
        (cache.service_changed if table == "services" else cache.slice_changed)(key, value)
        if chance.random() < 0.2:
            cache.served(quick)
    plain = cluster(uplinks={"eth0": UPLINK})
    for (table, key), value in sorted(last.items(), key=str):
        if value is not None:
            getattr(plain, table)[key] = value
    expected = resolve_service_conflicts(plain, serve_each_service(plain))
    incremental = resolve_service_conflicts(quick, cache.served(quick))
    assert (incremental.translations, incremental.statuses, incremental.addresses) == (
        expected.translations,
        expected.statuses,
        expected.addresses,
    )
    assert intents_of(plain) == {i.key: i for i in desired.service_intents(quick, incremental)}


@given(FACTS)
def test_vpp_is_never_asked_for_what_it_cannot_hold(facts: list[tuple[str, str, Any]]) -> None:
    any_cluster: ServicesManagerFacts = cluster()
    for table, key, value in facts:
        if value is not None:
            getattr(any_cluster, table)[key] = value
    for intent in intents_of(any_cluster).values():
        kind_of_intent(intent).check(intent)
        if isinstance(intent, TranslationIntent):
            places = [(backend.address, backend.port) for backend in intent.backends]
            assert places == sorted(set(places))


def test_a_health_check_that_cannot_be_answered_is_a_problem_of_its_service_alone() -> None:
    statuses = {"d/a": ServiceStatusFact(1, 1), "d/b": ServiceStatusFact(1, 1, ("ports: odd",))}
    checks = {32000: ("d/a", 1), 32001: ("d/b", 0)}
    troubled = desired.with_unanswered_health_checks(
        statuses, checks, {32001: "in use", 32002: "of a check that is not there any more"}
    )
    assert troubled == {"d/a": ServiceStatusFact(1, 1), "d/b": ServiceStatusFact(1, 1, ("ports: odd", "in use"))}
