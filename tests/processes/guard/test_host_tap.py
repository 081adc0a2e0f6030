"""Linux's side of the host tap: the uplink's addresses and routes, and in IPv6 one way out of it."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.iproute import ip_json

CONFIGURE_TAP = """
from vppd_guard.linux.captured import CapturedLink, LinuxAddress, LinuxRoute
from vppd_guard.linux.tap import configure_host_tap
from vppd_guard.linux.tap_plan import TapPlan
from vppd_guard.uplink.host_routes import host_routes_to_vpp
captured = CapturedLink(
    name="eth0", mac="02:90:00:00:00:01", mtu=1500,
    addresses=(LinuxAddress(address="192.0.2.7/24"), LinuxAddress(address="2001:db8::7/64"),
               LinuxAddress(address="fe80::90ff:fe00:1/64", scope=253)),
    routes=(LinuxRoute(prefix="0.0.0.0/0", gateway="192.0.2.1"), LinuxRoute(prefix="::/0", gateway="2001:db8::1")),
)
for _ in range(2):  # said twice, it changes nothing
    services = host_routes_to_vpp(captured, ("10.96.0.0/16", "fd96::/112"), 1400)
    configure_host_tap(TapPlan(captured=captured, mtu=1400, vpp_mac="02:ca:11:c0:fd:00", vpp_routes=services))
"""


@pytest.fixture
def netns() -> Iterator[str]:
    name = f"vgtap{os.getpid()}"
    try:
        for line in (f"netns add {name}", f"-n {name} tuntap add eth0 mode tap", f"-n {name} link set lo up"):
            subprocess.run(["ip", *line.split()], check=True)
        subprocess.run(["ip", "netns", "exec", name, sys.executable, "-c", CONFIGURE_TAP], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def test_the_tap_has_the_uplinks_addresses_and_mtu(netns: str) -> None:
    [link] = ip_json("addr show dev eth0", netns=netns)
    addresses = {(a["local"], a["prefixlen"]) for a in link["addr_info"]}  # type: ignore[attr-defined]
    assert addresses == {("192.0.2.7", 24), ("2001:db8::7", 64), ("fe80::90ff:fe00:1", 64)}
    assert link["mtu"] == 1400


def test_no_ipv6_neighbour_is_asked_for_but_one_that_is_known(netns: str) -> None:
    routes = {r["dst"]: r.get("gateway") for r in ip_json("-6 route show dev eth0", netns=netns)}
    hop = "2001:db8::1"
    assert {dst: routes.get(dst, "none") for dst in ("2001:db8::/64", "default", hop)} == {
        "2001:db8::/64": hop,
        "default": hop,
        hop: None,
    }
    [neighbour] = ip_json("-6 neigh show dev eth0", netns=netns)
    assert (neighbour["dst"], neighbour["lladdr"], neighbour["state"]) == (hop, "02:ca:11:c0:fd:00", ["PERMANENT"])


def test_ipv4_is_on_link_as_it_was(netns: str) -> None:
    routes = {r["dst"]: r.get("gateway") for r in ip_json("-4 route show dev eth0", netns=netns)}
    assert routes == {"192.0.2.0/24": None, "default": "192.0.2.1", "10.96.0.0/16": "192.0.2.1"}


def test_service_addresses_are_reached_through_vpp(netns: str) -> None:
    for version, prefix, hop in (("-4", "10.96.0.0/16", "192.0.2.1"), ("-6", "fd96::/112", "2001:db8::1")):
        assert [r.get("gateway") for r in ip_json(f"{version} route show {prefix}", netns=netns)] == [hop]


READ_TAP = """
from vppd_guard.linux.tap import read_tap
tap = read_tap("eth0")
print([a.address for a in tap.addresses] if tap else None)
"""


def read_addresses(netns: str) -> object:
    line = ["ip", "netns", "exec", netns, sys.executable, "-c", READ_TAP]
    return ast.literal_eval(subprocess.run(line, check=True, capture_output=True, text=True).stdout)


def test_a_tap_that_is_down_or_gone_tells_nothing_and_so_loses_nothing(netns: str) -> None:
    assert read_addresses(netns) == ["192.0.2.7/24", "2001:db8::7/64", "fe80::90ff:fe00:1/64"]
    subprocess.run(["ip", "-n", netns, "link", "set", "eth0", "down"], check=True)
    assert read_addresses(netns) is None
    subprocess.run(["ip", "-n", netns, "link", "del", "eth0"], check=True)
    assert read_addresses(netns) is None
    subprocess.run(["ip", "-n", netns, "link", "add", "eth0", "up", "type", "veth"], check=True)
    assert read_addresses(netns) is None, "a link that has come back is no tap"
