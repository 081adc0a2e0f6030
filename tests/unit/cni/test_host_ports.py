"""Host ports: what VPP translates for a pod, and what is said of ports that cannot be had."""

import pytest

from actors.cni import desired
from actors.cni.pods import CniPod, parse_pod_request
from schemas.cnat import TranslationBackend
from schemas.config import NodeConfig
from schemas.facts import UplinkFact
from schemas.intents import TranslationIntent
from schemas.proto import cnibackend_pb2 as pb
from tests.unit.cni.test_pods import ip, refusal, request, workload

NODE = ("192.0.2.7", "192.0.2.8", "2001:db8::7")


def pod_with(*ports: pb.Port, addresses: tuple[str, ...] = ("10.1.0.5", "fd10::5")) -> CniPod:
    ips = [ip(address) for address in addresses]
    return parse_pod_request(request(container_ips=ips, workload=workload(ports=ports)))


def port(host_port: int = 8080, protocol: str = "TCP", host_ip: str = "", container: int = 80) -> pb.Port:
    return pb.Port(name="web", protocol=protocol, port=container, host_port=host_port, host_ip=host_ip)


def translations(pod: CniPod, node: tuple[str, ...] = NODE) -> set[tuple[str, int, int, str, int]]:
    """(address of the node, its port, protocol, address of the pod, its port)."""
    intents = desired.pod_intents(pod, NodeConfig(), node)
    found = [intent for intent in intents if isinstance(intent, TranslationIntent)]
    assert all(intent.real_ip and len(intent.backends) == 1 for intent in found)
    return {(i.vip, i.port, i.protocol, i.backends[0].address, i.backends[0].port) for i in found}


def test_a_host_port_is_on_every_address_of_the_node_by_both_families() -> None:
    assert translations(pod_with(port())) == {
        ("192.0.2.7", 8080, 6, "10.1.0.5", 80),
        ("192.0.2.8", 8080, 6, "10.1.0.5", 80),
        ("2001:db8::7", 8080, 6, "fd10::5", 80),
    }


@pytest.mark.parametrize("anywhere", ["0.0.0.0", "::"])
def test_an_unspecified_host_ip_is_none(anywhere: str) -> None:
    assert translations(pod_with(port(host_ip=anywhere))) == translations(pod_with(port()))


def test_a_host_ip_is_the_only_address_also_one_that_the_node_has_not_yet() -> None:
    for address, backend in (("192.0.2.8", "10.1.0.5"), ("203.0.113.1", "10.1.0.5"), ("2001:DB8::0:9", "fd10::5")):
        [(vip, *_, behind, _)] = translations(pod_with(port(host_ip=address)))
        assert (vip, behind) == (address.lower().replace("::0:", "::"), backend)


@pytest.mark.parametrize(("protocol", "number"), [("TCP", 6), ("tcp", 6), ("", 6), ("UDP", 17), ("SCTP", 132)])
def test_every_protocol_is_the_one_that_is_asked_for(protocol: str, number: int) -> None:
    pod = pod_with(port(protocol=protocol), addresses=("10.1.0.5",))
    assert {protocol for _, _, protocol, _, _ in translations(pod)} == {number}
    assert pod.problems == ()


def test_one_port_of_two_protocols_is_two_translations_and_one_said_twice_is_one() -> None:
    pod = pod_with(port(protocol="TCP"), port(protocol="UDP"), port(protocol="TCP"), port(host_ip="192.0.2.7"))
    assert len(translations(pod)) == 2 * len(NODE)


def test_a_container_port_without_a_host_port_is_none() -> None:
    assert pod_with(pb.Port(name="http", protocol="TCP", port=80)).host_ports == ()


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        (port(protocol="ICMP"), "workload.ports.protocol: 'ICMP' is not TCP, UDP or SCTP"),
        (port(host_port=65536), "workload.ports.host_port: 65536 outside 1 to 65535"),
        (port(container=0), "workload.ports.port: 0 outside 1 to 65535"),
        (port(container=70000), "workload.ports.port: 70000 outside 1 to 65535"),
        (port(host_ip="node1"), "workload.ports.host_ip: 'node1' is not an address"),
        (port(host_ip="192.0.2.7/24"), "workload.ports.host_ip: '192.0.2.7/24' is not an address"),
    ],
)
def test_a_malformed_port_is_refused_by_name(asked: pb.Port, text: str) -> None:
    assert refusal(request(workload=workload(ports=[asked]))) == text


@pytest.mark.parametrize(
    ("asked", "addresses", "text"),
    [
        (port(host_ip="127.0.0.1"), ("10.1.0.5",), "host_ip 127.0.0.1: has no effect: VPP does not see the host's own"),
        (port(host_ip="::1"), ("fd10::5",), "host_ip ::1: has no effect: VPP does not see the host's own loopback"),
        (port(host_ip="192.0.2.7"), ("fd10::5",), "has no effect: the pod has no IPv4 address"),
        (port(host_ip="2001:db8::7", protocol="SCTP"), ("fd10::5",), "VPP does not translate SCTP over IPv6"),
    ],
)
def test_what_cannot_be_had_is_said_and_refuses_no_pod(asked: pb.Port, addresses: tuple[str, ...], text: str) -> None:
    pod = pod_with(asked, addresses=addresses)
    assert translations(pod) == set()
    [problem] = pod.problems
    assert problem.startswith("host port 8080/")
    assert text in problem


def test_sctp_is_had_by_ipv4_alone_which_is_said() -> None:
    pod = pod_with(port(protocol="SCTP"))
    assert {vip for vip, *_ in translations(pod)} == {"192.0.2.7", "192.0.2.8"}
    assert pod.problems == ("host port 8080/SCTP: not by IPv6: VPP does not translate SCTP over IPv6",)


def test_the_node_s_addresses_are_those_of_the_uplinks_that_vpp_has() -> None:
    table = desired.CniPodTable()
    table.uplinks["eth0"] = UplinkFact("running", addresses=("192.0.2.7/24", "fe80::1/64", "2001:db8::7/64"))
    table.uplinks["eth1"] = UplinkFact("linux", addresses=("198.51.100.7/24",))
    assert table.node_addresses() == ["192.0.2.7", "2001:db8::7"]


def test_ports_overlap_by_protocol_number_and_address() -> None:
    def overlap(first: pb.Port, second: pb.Port) -> bool:
        (one,), (other,) = pod_with(first).host_ports, pod_with(second).host_ports
        assert one.overlaps(other) == other.overlaps(one)
        return one.overlaps(other)

    assert overlap(port(), port(container=81))
    assert overlap(port(), port(host_ip="192.0.2.7"))
    assert not overlap(port(), port(protocol="UDP"))
    assert not overlap(port(), port(host_port=8081))
    assert not overlap(port(host_ip="192.0.2.7"), port(host_ip="192.0.2.8"))


def test_the_backend_is_the_pod_s_first_address_of_the_family() -> None:
    pod = pod_with(port(host_ip="192.0.2.7"), addresses=("10.1.0.5", "10.1.0.6"))
    [intent] = [i for i in desired.pod_intents(pod, NodeConfig(), NODE) if isinstance(i, TranslationIntent)]
    assert intent.backends == (TranslationBackend("10.1.0.5", 80),)
