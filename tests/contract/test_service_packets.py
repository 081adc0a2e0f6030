"""Packets to service addresses, from pods, from outside, and to the outside: who answers, and whom the server sees."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from schemas.cnat import (
    CnatFeatureIntent,
    SnatAddressesIntent,
    SnatExclusionIntent,
    SnatMemberIntent,
    TranslationBackend,
    TranslationIntent,
)
from schemas.intents import Intent, RouteIntent, RoutePath
from tests.contract import worlds
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp
from tests.contract.talking import Client, ask, serving
from tests.contract.test_packets import attach, dress, wired_node
from tests.waiting import until

NODE, NODE6, OUTSIDE, OUTSIDE6 = "192.0.2.1", "2001:db8:2::1", "192.0.2.9", "2001:db8:2::9"
VIP, VIP6 = "10.96.0.10", "fd96::a"
PODS = {1: ("10.1.0.1", "fd00:1::1"), 2: ("10.1.0.2", "fd00:1::2"), 3: ("10.1.0.3", "fd00:1::3")}
PROTOCOL = {"tcp": 6, "udp": 17}


def tun(number: int) -> str:
    return f"pod/default/web-{number}/eth0/tun"


def service(*numbers: int, vip: str = VIP, port: int = 80, kind: str = "tcp", real: bool = False) -> TranslationIntent:
    """A service in front of the pods of these numbers, which listen on port 8080."""
    column = 1 if ":" in vip else 0
    backends = tuple(TranslationBackend(PODS[number][column], 8080) for number in sorted(numbers))
    return TranslationIntent(vip, port, PROTOCOL[kind], backends, real_ip=real)


class Cluster:
    """A node with three pods that serve, its host, and a machine outside."""

    def __init__(
        self, vpp: Vpp, life: Callable[[], WriterLife], space: Callable[[str], Namespace], stack: ExitStack
    ) -> None:
        self.outside, self.host = space("peer"), space("host")
        self.pods = {number: space(f"pod{number}") for number in PODS}
        self.writer = life()
        node = wired_node(vpp, self.host, self.outside)
        self.base: list[Intent] = [*worlds.guard(node), *snat()]
        for number, pod in self.pods.items():
            self.base += [
                *worlds.pod(number, pod.name),
                CnatFeatureIntent(tun(number)),
                SnatMemberIntent(tun(number), "pod"),
            ]
        self.want()
        dress(self.host)
        for number, pod in self.pods.items():
            attach(pod, number)
            for address in PODS[number]:
                stack.enter_context(serving(pod, f"pod{number}", address, 8080))
        until(lambda: self.outside.pings(NODE), "the node answers the outside")

    def want(self, *more: Intent) -> None:
        self.writer.want(*self.base, *more)
        assert self.writer.unapplied([*self.base, *more]) == {}


def snat() -> list[Intent]:
    return [
        SnatAddressesIntent(NODE, NODE6),
        SnatExclusionIntent("10.1.0.0/16"),
        SnatExclusionIntent("fd00:1::/64"),
        SnatMemberIntent(worlds.HOST, "pod"),
        SnatMemberIntent(worlds.HOST, "host"),
        CnatFeatureIntent(worlds.UPLINK),
        CnatFeatureIntent(worlds.HOST),
    ]


@pytest.fixture
def cluster(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace], stack: ExitStack
) -> Iterator[Cluster]:
    with ExitStack() as servers:
        yield Cluster(vpp, life, namespace, servers)


@pytest.mark.parametrize("kind", ["tcp", "udp"])
@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_a_pod_reaches_a_service_and_keeps_its_address(cluster: Cluster, vip: str, kind: str) -> None:
    cluster.want(service(2, vip=vip, kind=kind))
    source = PODS[1][":" in vip]
    until(lambda: ask(cluster.pods[1], vip, 80, kind) == f"pod2 {source}", "pod 2 answers for the service")
    assert ask(cluster.pods[1], vip, 81, kind) is None


def test_all_backends_of_a_service_are_used(cluster: Cluster) -> None:
    cluster.want(service(2, 3, kind="udp"))
    answers = [ask(cluster.pods[1], VIP, 80, "udp") for _ in range(30)]
    assert {answer.split()[0] for answer in answers if answer} == {"pod2", "pod3"}
    assert None not in answers


@pytest.mark.parametrize("vip", [VIP, VIP6])
def test_a_pod_that_reaches_itself_through_its_service_is_seen_as_the_node(cluster: Cluster, vip: str) -> None:
    cluster.want(service(1, vip=vip))
    node = NODE6 if ":" in vip else NODE
    until(lambda: ask(cluster.pods[1], vip, 80) == f"pod1 {node}", "pod 1 answers itself")


@pytest.mark.parametrize("kind", ["tcp", "udp"])
def test_a_node_port_is_reached_from_outside_and_the_pod_sees_the_client(cluster: Cluster, kind: str) -> None:
    cluster.want(service(3, vip=NODE, port=30080, kind=kind, real=True))
    until(lambda: ask(cluster.outside, NODE, 30080, kind) == f"pod3 {OUTSIDE}", "pod 3 answers for the node port")


def test_pods_of_a_masquerading_pool_are_seen_outside_as_the_node(cluster: Cluster) -> None:
    members = [SnatMemberIntent(tun(1), "include-v4"), SnatMemberIntent(tun(1), "include-v6")]
    cluster.want(*members)
    for address, node in ((OUTSIDE, NODE), (OUTSIDE6, NODE6)):
        with serving(cluster.outside, "outside", address, 9000):
            for kind in ("tcp", "udp"):
                # Of a flow whose first packet waited for a MAC, VPP forgets that it should change the source.
                answers = (ask(cluster.pods[1], address, 9000, kind) for _ in range(5))
                assert next(filter(None, answers), None) == f"outside {node}"
    cluster.outside.ip("route", "add", "10.1.0.0/16", "via", NODE)
    with serving(cluster.outside, "outside", OUTSIDE, 9000):
        assert ask(cluster.pods[2], OUTSIDE, 9000) == f"outside {PODS[2][0]}"
        cluster.want(*members, SnatExclusionIntent("192.0.2.9/32"))
        assert ask(cluster.pods[1], OUTSIDE, 9000) == f"outside {PODS[1][0]}"


def test_a_backend_that_stays_keeps_its_connections_and_one_that_goes_loses_them(cluster: Cluster) -> None:
    cluster.want(service(1, 2))
    client = Client(cluster.pods[3], VIP, 80)
    staying = client.ask()
    assert staying is not None
    number = int(staying[3])
    cluster.want(service(number))
    assert client.ask() == staying
    cluster.want(service(3 - number))
    until(lambda: client.ask() != staying, "the connection to the backend that has gone is cut")
    client.close()


def test_a_flow_that_found_no_service_stays_so_but_a_discarded_one_recovers(cluster: Cluster) -> None:
    """Why a service without backends is given one that drops: "no service" would hold for the flow's whole life."""
    nowhere = TranslationBackend("192.0.0.9", 9)
    drop = RouteIntent("default", "192.0.0.9/32", (RoutePath(),))
    empty = TranslationIntent(VIP, 80, 17, (nowhere,))
    cluster.want(empty, drop)
    assert ask(cluster.pods[1], VIP, 80, "udp", source=5555) is None
    cluster.want(service(2, kind="udp"), drop)
    until(lambda: ask(cluster.pods[1], VIP, 80, "udp", source=5555) is not None, "the same flow is answered")
    cluster.want(drop)
    assert ask(cluster.pods[1], VIP, 80, "udp", source=5556) is None
    cluster.want(service(2, kind="udp"), drop)
    assert ask(cluster.pods[1], VIP, 80, "udp", source=5556) is None  # VPP's verdict lives with the flow
    assert ask(cluster.pods[1], VIP, 80, "udp", source=5557) is not None


def test_what_is_sent_to_a_service_range_leaves_the_node_only_if_a_service_takes_it(cluster: Cluster) -> None:
    """Nobody is told on VPP: its ICMP error is of a flow that it has just begun (docs/vppsim.md, cnat)."""
    cluster.host.ip("route", "add", "10.96.0.0/16", "via", OUTSIDE)
    cluster.outside.ip("addr", "add", f"{VIP}/32", "dev", "lo")
    with serving(cluster.outside, "outside", VIP, 80):
        everywhere = RouteIntent("default", "10.96.0.0/16", (RoutePath(next_hop=OUTSIDE, interface=worlds.UPLINK),))
        cluster.want(everywhere)
        until(lambda: ask(cluster.host, VIP, 80) == f"outside {NODE}", "without more, it leaves by a route")
        nowhere = RouteIntent("default", "10.96.0.0/16", (RoutePath(unreachable=True),))
        cluster.want(nowhere)
        assert ask(cluster.host, VIP, 80) is None
        assert ask(cluster.pods[1], VIP, 80) is None
        cluster.want(nowhere, service(2))
        until(lambda: ask(cluster.pods[1], VIP, 80) == f"pod2 {PODS[1][0]}", "the service is served")
        assert ask(cluster.host, VIP, 80) == f"pod2 {NODE}"
