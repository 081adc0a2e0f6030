"""Every kind of address of a service is answered, from pods, nodes and outside, with the source that it should have."""

import pytest

from tests.lab.services.conftest import APPEARS_S_MAX, EXTERNAL4, EXTERNAL6, OUTSIDE, PROTOCOLS, SPACE, Shop
from tests.waiting import until
from tools.lab import kube
from tools.lab.topology import LAN4, OUTSIDE6
from tools.lab.traffic.agent.words import Probe

CLIENT, FAR_CLIENT = f"{SPACE}/client1", f"{SPACE}/client2"
CLIENTS = (CLIENT, FAR_CLIENT, "node1", "node2")
FLOWS, SHARE_MIN = 300, 55  # of 100 expected for each of three; 55 is more than five standard deviations below
NEAR, FAR = {f"{SPACE}/web1", f"{SPACE}/web2"}, {f"{SPACE}/web3"}
each_family = pytest.mark.parametrize("family", [0, 1], ids=["IPv4", "IPv6"])
protocols = pytest.mark.parametrize("protocol", PROTOCOLS)


@each_family
@protocols
@pytest.mark.parametrize("client", CLIENTS)
def test_a_cluster_ip_spreads_flows_over_the_backends_of_both_nodes(
    shop: Shop, client: str, protocol: str, family: int
) -> None:
    address = shop.serve()["clusterIPs"][family]
    shop.answers(client, address, 8080, protocol)
    counts = shop.count_answers(client, address, 8080, protocol, FLOWS)
    assert set(counts) == set(shop.backends), counts
    assert min(counts.values()) > SHARE_MIN, counts


@each_family
def test_a_pod_s_address_is_seen_by_the_backends_and_a_node_process_s_is_the_node_s(shop: Shop, family: int) -> None:
    address = shop.serve()["clusterIPs"][family]
    for client in CLIENTS:
        shop.answers(client, address, 8080)
        for backend, sources in shop.source_seen(client, address, 8080).items():
            assert sources == {address_of(shop, client, family)}, (client, backend)


def address_of(shop: Shop, name: str, family: int) -> str:
    """The address of a client."""
    if name == OUTSIDE:
        return str((LAN4[1], OUTSIDE6)[family])
    if name.startswith("node"):
        node = shop.lab.node(name)
        return str((node.ip4, node.ip6)[family])
    pod = shop.lab.pods[name]
    return (pod.ip4, pod.ip6)[family]


@each_family
def test_a_pod_that_is_its_own_backend_is_answered_by_itself(shop: Shop, family: int) -> None:
    address = shop.serve()["clusterIPs"][family]
    backend = f"{SPACE}/web1"
    shop.answers(backend, address, 8080)
    counts = shop.count_answers(backend, address, 8080, times=FLOWS)
    assert set(counts) == set(shop.backends), counts
    assert counts[backend] > SHARE_MIN, counts


@each_family
@protocols
def test_a_node_port_is_answered_from_outside_by_every_node(shop: Shop, protocol: str, family: int) -> None:
    port = node_port(shop, shop.serve(type="NodePort"), protocol)
    for node in shop.lab.all_nodes:
        address = str((node.ip4, node.ip6)[family])
        shop.answers(OUTSIDE, address, port, protocol)
        assert set(shop.count_answers(OUTSIDE, address, port, protocol)) == set(shop.backends)


def node_port(shop: Shop, spec: dict[str, list[dict[str, int | str]]], protocol: str) -> int:
    """The node port of that protocol."""
    return next(int(port["nodePort"]) for port in spec["ports"] if port["protocol"] == protocol)


@each_family
def test_local_backends_see_who_is_outside_and_remote_ones_the_node_that_it_came_in_by(shop: Shop, family: int) -> None:
    port = node_port(shop, shop.serve(type="NodePort"), "TCP")
    node1 = address_of(shop, "node1", family)
    shop.answers(OUTSIDE, node1, port)
    sources = shop.source_seen(OUTSIDE, node1, port)
    assert {name: sources[name] for name in NEAR} == {key: {address_of(shop, OUTSIDE, family)} for key in NEAR}
    assert {name: sources[name] for name in FAR} == {key: {node1} for key in FAR}


@each_family
def test_a_node_port_with_policy_local_is_answered_by_the_node_s_own_backends_which_see_the_client(
    shop: Shop, family: int
) -> None:
    port = node_port(shop, shop.serve(type="NodePort", externalTrafficPolicy="Local"), "TCP")
    for node, backends in (("node1", NEAR), ("node2", FAR)):
        address = address_of(shop, node, family)
        shop.answers(OUTSIDE, address, port)
        expected = {key: {address_of(shop, OUTSIDE, family)} for key in backends}
        assert shop.source_seen(OUTSIDE, address, port) == expected


@protocols
@each_family
def test_an_external_ip_is_answered_from_outside_and_from_pods(shop: Shop, protocol: str, family: int) -> None:
    external = (EXTERNAL4, EXTERNAL6)[family]
    shop.serve(externalIPs=[EXTERNAL4, EXTERNAL6])
    for client in (OUTSIDE, CLIENT, FAR_CLIENT):
        shop.answers(client, external, 8080, protocol)
        assert set(shop.count_answers(client, external, 8080, protocol)) == set(shop.backends), client


@each_family
def test_the_backends_behind_an_external_ip_see_the_source_that_a_node_port_s_do(shop: Shop, family: int) -> None:
    external = (EXTERNAL4, EXTERNAL6)[family]
    shop.serve(externalIPs=[EXTERNAL4, EXTERNAL6])
    shop.answers(OUTSIDE, external, 8080)
    sources = shop.source_seen(OUTSIDE, external, 8080)
    assert {name: sources[name] for name in NEAR} == {key: {address_of(shop, OUTSIDE, family)} for key in NEAR}
    assert {name: sources[name] for name in FAR} == {key: {address_of(shop, "node1", family)} for key in FAR}
    shop.answers(CLIENT, external, 8080)
    assert set().union(*shop.source_seen(CLIENT, external, 8080).values()) == {address_of(shop, CLIENT, family)}


@each_family
def test_a_load_balancer_s_address_is_answered_and_with_policy_local_by_the_node_s_own_backends(
    shop: Shop, family: int
) -> None:
    external = (EXTERNAL4, EXTERNAL6)[family]
    shop.serve("lb", type="LoadBalancer", externalTrafficPolicy="Local")
    kube.set_ingress(shop.lab, SPACE, "lb", EXTERNAL4, EXTERNAL6)
    shop.answers(OUTSIDE, external, 8080)
    expected = {key: {address_of(shop, OUTSIDE, family)} for key in NEAR}
    assert shop.source_seen(OUTSIDE, external, 8080) == expected


@each_family
@protocols
def test_a_client_with_affinity_stays_with_one_backend(shop: Shop, protocol: str, family: int) -> None:
    address = shop.serve(sessionAffinity="ClientIP")["clusterIPs"][family]
    for client in CLIENTS:
        shop.answers(client, address, 8080, protocol)
        counts = shop.count_answers(client, address, 8080, protocol)
        assert len(counts) == 1, (client, counts)
        assert set(counts) <= set(shop.backends)


@each_family
@protocols
@pytest.mark.usefixtures("ranges")
def test_pods_reach_a_local_service_s_external_address_from_a_node_that_has_no_backend_and_nobody_else_does(
    shop: Shop, protocol: str, family: int
) -> None:
    """The backend sees the pod's own address. The host outside has its route through that node."""
    external = (EXTERNAL4, EXTERNAL6)[family]
    shop.serve(externalIPs=[EXTERNAL4, EXTERNAL6], externalTrafficPolicy="Local", type="NodePort")
    shop.answers(OUTSIDE, external, 8080, protocol)
    for key in NEAR:
        kube.set_ready(shop.lab, key, False)
    for client in (CLIENT, FAR_CLIENT, "node2"):
        until(
            lambda client=client: set(shop.count_answers(client, external, 8080, protocol, 10)) == FAR,
            lambda client=client: f"{client}: {shop.count_answers(client, external, 8080, protocol, 10)}",
            APPEARS_S_MAX,
        )
        sources = shop.source_seen(client, external, 8080, protocol)
        assert sources == {key: {address_of(shop, client, family)} for key in FAR}, client
    assert not any(answer.ok for answer in shop.ask(OUTSIDE, external, 8080, protocol, 10))
    kube.set_ready(shop.lab, min(NEAR), True)
    for client in (CLIENT, OUTSIDE):
        until(
            lambda client=client: set(shop.count_answers(client, external, 8080, protocol, 10)) == {min(NEAR)},
            lambda client=client: f"{client}: {shop.count_answers(client, external, 8080, protocol, 10)}",
            APPEARS_S_MAX,
        )


@each_family
@pytest.mark.usefixtures("ranges")
def test_a_udp_flow_of_a_pod_goes_on_when_its_node_gets_and_loses_the_local_service_s_backend(
    shop: Shop, family: int
) -> None:
    external = (EXTERNAL4, EXTERNAL6)[family]
    shop.serve(externalIPs=[EXTERNAL4, EXTERNAL6], externalTrafficPolicy="Local", type="NodePort")
    shop.answers(CLIENT, external, 8080, "UDP")
    flow = Probe("UDP", external, 8080, 31999 - family)
    for ready, backends in ((True, NEAR), (False, FAR), (True, NEAR)):
        for key in NEAR:
            kube.set_ready(shop.lab, key, ready)
        until(
            lambda backends=backends: shop.agents.probe(CLIENT, flow).by in backends,
            f"the flow ends at {backends}",
            APPEARS_S_MAX,
        )


@each_family
def test_a_local_service_s_node_port_is_silent_outside_where_there_is_no_backend(shop: Shop, family: int) -> None:
    port = node_port(shop, shop.serve(type="NodePort", externalTrafficPolicy="Local"), "TCP")
    near, far = (address_of(shop, name, family) for name in ("node1", "node2"))
    shop.answers(OUTSIDE, near, port)
    for key in NEAR:
        kube.set_ready(shop.lab, key, False)
    shop.answers(OUTSIDE, far, port)
    until(lambda: not any(a.ok for a in shop.ask(OUTSIDE, near, port, times=10)), "node1 is silent", APPEARS_S_MAX)


def test_sctp_is_served_over_ipv4(shop: Shop) -> None:
    """By one backend for each client and VIP: VPP's hash looks at ports of TCP and UDP alone."""
    ports = [{"name": "sctp", "protocol": "SCTP", "port": 8080, "targetPort": 80}]
    address = shop.serve(ports=ports)["clusterIPs"][0]
    for client in (CLIENT, FAR_CLIENT):
        shop.answers(client, address, 8080, "SCTP")
        assert set(shop.count_answers(client, address, 8080, "SCTP")) <= set(shop.backends)


def test_internal_traffic_policy_local_keeps_clients_on_their_node(shop: Shop) -> None:
    address = shop.serve(internalTrafficPolicy="Local")["clusterIPs"][0]
    for client, backends in ((CLIENT, NEAR), (FAR_CLIENT, FAR)):
        shop.answers(client, address, 8080)
        assert set(shop.count_answers(client, address, 8080)) == backends, client
