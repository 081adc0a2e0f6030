"""What VPP should hold for a pod: the whole of it, named by the pod, and nothing that two pods share."""

from ipaddress import ip_network

import msgspec
import pytest

from actors.cni import desired
from actors.cni.allowed_sources import ALLOWED_SOURCES_ANNOTATION
from actors.cni.pods import CniPod, parse_pod_request, pod_with_mtu
from actors.vpp_writer.kinds import kind_of_intent
from schemas.config import CalicoVppDebugConfig, CalicoVppInterfaces, InterfaceSpec, NodeConfig
from schemas.facts import PodInterfaceFact
from schemas.intents import (
    AddressIntent,
    AdminUpIntent,
    CnatFeatureIntent,
    Intent,
    InterfaceTableIntent,
    LoopbackIntent,
    MtuIntent,
    RouteIntent,
    RxModeIntent,
    TableIntent,
    TapIntent,
    UnnumberedIntent,
    UrpfIntent,
)
from schemas.proto.cnibackend_pb2 import AddRequest
from tests.unit.cni.test_pods import LONGEST_NETNS, ip, request, workload

CONFIG = NodeConfig()
MTU = 1450
TUN, LOOPBACK = "pod/default/web-0/eth0", "pod-loop/default/web-0/eth0"
SOURCES = f"sources/{TUN}"


def pod_of(requested: AddRequest) -> CniPod:
    return pod_with_mtu(parse_pod_request(requested), [MTU])


def of(pod: CniPod, config: NodeConfig = CONFIG) -> dict[str, Intent]:
    return {intent.key: intent for intent in desired.pod_intents(pod, config)}


def tap(pod: CniPod, config: NodeConfig = CONFIG) -> TapIntent:
    return next(i for i in of(pod, config).values() if isinstance(i, TapIntent))


def test_a_word_that_is_no_receive_mode_does_not_keep_a_pod_from_starting() -> None:
    config = NodeConfig(interfaces=CalicoVppInterfaces(defaultPodIfSpec=InterfaceSpec(rxMode="fast")))
    assert of(pod_of(request()), config)[f"rx-mode/{TUN}"] == RxModeIntent(TUN, "adaptive")


def test_a_pod_has_a_tun_that_borrows_its_addresses_from_a_loopback() -> None:
    objects = of(pod_of(request()))
    device = tap(pod_of(request()))
    assert (device.name, device.host_interface, device.tun, device.persist) == (TUN, "eth0", True, True)
    assert device.netns == "/var/run/netns/cni-75e26661-4119-90a4-b9d2-0b00489f76f3"
    assert objects[f"unnumbered/{TUN}"] == UnnumberedIntent(TUN, LOOPBACK, when_policed=True)
    assert objects[f"mtu/{TUN}"] == MtuIntent(TUN, 9216)
    assert objects[f"rx-mode/{TUN}"] == RxModeIntent(TUN, "adaptive")
    assert objects[f"admin-up/{TUN}"] == AdminUpIntent(TUN, when_policed=True, gated=True, when_checked=True)
    loopback = objects[f"interface/{LOOPBACK}"]
    assert isinstance(loopback, LoopbackIntent)
    assert loopback.mac == "02:00:00:00:00:01"
    assert {i.address for i in objects.values() if isinstance(i, AddressIntent)} == {"10.1.0.5/32", "fd10::5/128"}


def test_both_interfaces_are_in_the_pods_own_tables_of_both_families() -> None:
    only4 = pod_of(request(container_ips=[ip("10.1.0.5/32")]))
    objects = of(only4).values()
    tables = {(i.name, i.ip_version) for i in objects if isinstance(i, TableIntent)}
    assert tables >= {(TUN, 4), (TUN, 6)}
    bound = {(i.interface, i.ip_version, i.table) for i in objects if isinstance(i, InterfaceTableIntent)}
    assert bound == {(name, version, TUN) for name in (TUN, LOOPBACK) for version in (4, 6)}


def test_a_pods_packets_are_looked_up_in_the_table_of_pods() -> None:
    defaults = {
        i.prefix: i.paths for i in of(pod_of(request())).values() if isinstance(i, RouteIntent) and i.table == TUN
    }
    assert {prefix: [path.table for path in paths] for prefix, paths in defaults.items()} == {
        "0.0.0.0/0": ["pods"],
        "::/0": ["pods"],
    }


def test_the_main_table_leads_to_the_tun_for_each_address() -> None:
    routes = [i for i in of(pod_of(request())).values() if isinstance(i, RouteIntent) and i.table == "default"]
    assert {r.prefix: [(p.interface, p.next_hop) for p in r.paths] for r in routes} == {
        "10.1.0.5/32": [(TUN, None)],
        "fd10::5/128": [(TUN, None)],
    }


def sources(pod: CniPod) -> set[tuple[str, str]]:
    """(prefix, way) of all that the pod may send from."""
    return {
        (route.prefix, str(route.paths[0].interface))
        for route in of(pod).values()
        if isinstance(route, RouteIntent) and route.table == SOURCES
    }


def test_a_pod_may_send_from_its_own_addresses_alone() -> None:
    objects = of(pod_of(request()))
    assert sources(pod_of(request())) == {("10.1.0.5/32", TUN), ("fd10::5/128", TUN)}
    for version in (4, 6):
        assert objects[f"table/{SOURCES}/ip{version}"] == TableIntent(SOURCES, version)
        assert objects[f"urpf/{TUN}/ip{version}"] == UrpfIntent(TUN, version, SOURCES)


def test_a_pod_without_a_family_may_not_send_by_it() -> None:
    only4 = pod_of(request(container_ips=[ip("10.1.0.5/32")]))
    assert f"urpf/{TUN}/ip6" in of(only4)
    assert sources(only4) == {("10.1.0.5/32", TUN)}


def test_the_annotation_adds_sources_of_either_family_once_each() -> None:
    text = '["203.0.113.9", "203.0.113.0/24", "2001:db8::/32", "203.0.113.7/24", "10.1.0.5"]'
    pod = pod_of(request(workload=workload(annotations={ALLOWED_SOURCES_ANNOTATION: text})))
    own = {("10.1.0.5/32", TUN), ("fd10::5/128", TUN)}
    assert sources(pod) == {("203.0.113.9/32", TUN), ("203.0.113.0/24", TUN), ("2001:db8::/32", TUN)} | own
    assert desired.pod_facts([pod], set())[pod.key].allowed_sources == pod.allowed_sources


def test_the_mtu_asked_for_counts_before_the_nodes() -> None:
    assert tap(pod_of(request())).mtu == MTU
    requested = request(container_ips=[ip("10.1.0.5/32")])
    requested.settings.mtu = 1400
    assert tap(pod_of(requested)).mtu == 1400


def test_gso_queues_and_rings_are_the_configurations() -> None:
    spec = InterfaceSpec(rx=2, tx=3, rxqsz=256, txqsz=512)
    config = NodeConfig(
        debug=CalicoVppDebugConfig(gsoEnabled=False), interfaces=CalicoVppInterfaces(defaultPodIfSpec=spec)
    )
    device = tap(pod_of(request()), config)
    assert (device.gso, device.rx_queues, device.tx_queues, device.rx_ring, device.tx_ring) == (False, 2, 3, 256, 512)
    assert tap(pod_of(request())).gso is True


@pytest.mark.parametrize("name", ["web-0", "p" * 253])
def test_the_writer_takes_every_intent_of_a_pod_with_the_longest_names(name: str) -> None:
    longest = pod_of(request(netns=LONGEST_NETNS, interface_name="i" * 15, workload=workload("n" * 63, name)))
    for intent in of(longest).values():
        kind_of_intent(intent).check(intent)


def test_two_pods_share_no_object() -> None:
    pods = [
        pod_of(request(container_ips=[ip(f"10.1.0.{n}/32")], netns=f"/var/run/netns/{n}", workload=workload(pod=pod)))
        for n, pod in enumerate(("p" * 253, "p" * 252 + "q", "web-0", "web-1"), start=1)
    ]
    keys = [key for pod in pods for key in of(pod)]
    assert len(keys) == len(set(keys))
    tags = [i.tag for pod in pods for i in of(pod).values() if isinstance(i, TapIntent | LoopbackIntent)]
    assert len(tags) == len(set(tags))


def test_a_new_sandbox_of_a_pod_has_a_tag_of_its_own() -> None:
    """By it the device of the old sandbox is not taken for the new one's."""
    old, new = (pod_of(request(netns=f"/var/run/netns/{name}")) for name in ("old", "new"))
    assert tap(old).tag != tap(new).tag


def test_prefixes_are_whole_and_intents_survive_the_wire() -> None:
    for intent in of(pod_of(request())).values():
        if isinstance(intent, RouteIntent):
            ip_network(intent.prefix)
        assert msgspec.msgpack.decode(msgspec.msgpack.encode(intent), type=type(intent)) == intent


def test_a_pod_is_told_of_with_its_interface_and_its_addresses() -> None:
    fact = desired.pod_facts([pod_of(request())], set())["default/web-0/eth0"]
    assert isinstance(fact, PodInterfaceFact)
    assert fact.interface == TUN
    assert {address.partition("/")[0] for address in fact.addresses} == {"10.1.0.5", "fd10::5"}


def test_where_policies_are_said_a_pod_is_closed_and_sends_nothing_until_they_hold() -> None:
    for source, waits in (("none", False), ("felix", True)):
        objects = desired.pod_intents(pod_of(request()), NodeConfig(node="n1", policy_source=source))
        assert AdminUpIntent(TUN, when_policed=waits, gated=True, when_checked=True) in objects
        assert {o.when_policed for o in objects if isinstance(o, UnnumberedIntent)} == {waits}


def test_translation_and_policies_act_on_a_pods_interface() -> None:
    assert CnatFeatureIntent(TUN) in desired.pod_intents(pod_of(request()), NodeConfig(node="n1"))
