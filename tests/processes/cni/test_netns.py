"""The pod's side of its tun, in a real namespace: what a Calico user expects to see there, put or mended."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from actors.cni import netns
from actors.cni.pods import CniPod, parse_pod_request
from tests.unit.cni.test_pods import ip, request

NAME = f"cni-test-{os.getpid()}"
PATH = f"/var/run/netns/{NAME}"


def run(command: str) -> str:
    return subprocess.run(command.split(), check=True, capture_output=True, text=True).stdout


def inside(command: str) -> str:
    return run(f"ip netns exec {NAME} {command}")


def ip_json(command: str) -> Any:
    return json.loads(run(f"ip -n {NAME} -json {command}") or "[]")


def addresses() -> set[str]:
    (link,) = ip_json("address show dev eth0")
    return {f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"] if a["scope"] == "global"}


def next_hops(version: int) -> dict[str, str]:
    return {r["dst"]: r["gateway"] for r in ip_json(f"-{version} route show dev eth0") if "gateway" in r}


@pytest.fixture
def namespace() -> Iterator[str]:
    """A namespace, gone afterwards."""
    run(f"ip netns add {NAME}")
    yield PATH
    run(f"ip netns del {NAME}")


@pytest.fixture
def pod(namespace: str) -> CniPod:
    """A pod of both families whose tun is there, as VPP leaves it."""
    run(f"ip -n {NAME} tuntap add mode tun name eth0")
    return parse_pod_request(request(netns=namespace))


def test_a_pod_gets_its_addresses_alone_and_a_way_out_by_a_link_local_next_hop(pod: CniPod) -> None:
    netns.configure_pod_side(pod)
    assert addresses() == {"10.1.0.5/32", "fd10::5/128"}
    assert next_hops(4) == {"default": "169.254.1.1"}
    assert next_hops(6) == {"default": "fe80::1"}
    (link,) = ip_json("link show dev eth0")
    assert "UP" in link["flags"]


def test_an_ip6_address_is_usable_at_once(pod: CniPod) -> None:
    netns.configure_pod_side(pod)
    (link,) = ip_json("-6 address show dev eth0 scope global")
    assert [address.get("tentative", False) for address in link["addr_info"]] == [False]
    assert link["addr_info"][0]["nodad"] is True


def test_doing_it_again_changes_nothing(pod: CniPod) -> None:
    netns.configure_pod_side(pod)
    before = [ip_json(f"-{version} route show table all") for version in (4, 6)]
    netns.configure_pod_side(pod)
    assert [ip_json(f"-{version} route show table all") for version in (4, 6)] == before
    assert addresses() == {"10.1.0.5/32", "fd10::5/128"}


def test_a_device_that_was_made_anew_is_mended(pod: CniPod) -> None:
    netns.configure_pod_side(pod)
    run(f"ip -n {NAME} link del eth0")
    run(f"ip -n {NAME} tuntap add mode tun name eth0")
    netns.configure_pod_side(pod)
    assert addresses() == {"10.1.0.5/32", "fd10::5/128"}
    assert next_hops(4) == {"default": "169.254.1.1"}
    assert next_hops(6) == {"default": "fe80::1"}


def test_a_wrong_next_hop_is_replaced(pod: CniPod) -> None:
    netns.configure_pod_side(pod)
    run(f"ip -n {NAME} route replace default via 192.0.2.1 dev eth0 onlink")
    netns.configure_pod_side(pod)
    assert next_hops(4) == {"default": "169.254.1.1"}


def test_other_routes_leave_by_the_same_next_hop(pod: CniPod) -> None:
    netns.configure_pod_side(
        parse_pod_request(request(netns=pod.netns, container_routes=["192.0.2.0/24", "2001:db8::/32"]))
    )
    assert next_hops(4) == {"192.0.2.0/24": "169.254.1.1"}
    assert next_hops(6) == {"2001:db8::/32": "fe80::1"}


def test_routes_of_a_family_that_the_pod_lacks_are_left_out(pod: CniPod) -> None:
    netns.configure_pod_side(parse_pod_request(request(netns=pod.netns, container_ips=[ip("10.1.0.5/32")])))
    assert next_hops(4) == {"default": "169.254.1.1"}
    assert next_hops(6) == {}


def test_ip6_is_turned_on_where_the_runtime_turned_it_off(pod: CniPod) -> None:
    inside("sysctl -q -w net.ipv6.conf.all.disable_ipv6=1")
    inside("sysctl -q -w net.ipv6.conf.default.disable_ipv6=1")
    netns.configure_pod_side(pod)
    assert addresses() == {"10.1.0.5/32", "fd10::5/128"}
    assert inside("sysctl -n net.ipv6.conf.default.disable_ipv6").strip() == "0"


@pytest.mark.parametrize("forwarding", [True, False])
def test_the_pod_forwards_only_if_it_may(pod: CniPod, forwarding: bool) -> None:
    requested = request(netns=pod.netns)
    requested.settings.allow_ip_forwarding = forwarding
    netns.configure_pod_side(parse_pod_request(requested))
    for name in ("net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"):
        assert inside(f"sysctl -n {name}").strip() == str(int(forwarding))


def test_the_host_is_left_as_it_was(pod: CniPod) -> None:
    def host() -> tuple[str, ...]:
        words = (Path("/proc/sys/net") / n for n in ("ipv4/ip_forward", "ipv6/conf/all/forwarding"))
        return (str(os.stat("/proc/thread-self/ns/net").st_ino), *(word.read_text() for word in words))

    before = host()
    requested = request(netns=pod.netns)
    requested.settings.allow_ip_forwarding = before[1].strip() == "0"
    netns.configure_pod_side(parse_pod_request(requested))
    assert host() == before


def test_a_missing_namespace_is_named(tmp_path: Path) -> None:
    with pytest.raises(netns.NoPodNamespace, match="/var/run/netns/nowhere"):
        netns.configure_pod_side(parse_pod_request(request(netns="/var/run/netns/nowhere")))


def test_a_missing_device_is_named(namespace: str) -> None:
    with pytest.raises(OSError, match=f"{namespace}.*eth0"):
        netns.configure_pod_side(parse_pod_request(request(netns=namespace)))


def test_what_is_no_namespace_does_not_exist(namespace: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert netns.is_network_namespace(namespace)
    assert not netns.is_network_namespace(str(tmp_path / "file"))
    assert not netns.is_network_namespace("/var/run/netns/nowhere")


def test_a_namespace_has_vanished_if_its_directory_is_there_and_it_is_not(namespace: str, tmp_path: Path) -> None:
    """A directory that is missing as a whole is not mounted: no pod of it is taken for gone."""
    assert netns.has_netns_vanished(str(tmp_path / "gone"))
    assert netns.has_netns_vanished("/proc/4194305/ns/net"), "above the highest process id"
    assert not netns.has_netns_vanished(str(tmp_path / "not-mounted" / "web"))
    assert not netns.has_netns_vanished(namespace)
