"""What is easily lost when a link comes back."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import TypeVar

import msgspec
import pytest
from msgspec.structs import replace

from tests.iproute import ip_json
from vppd_guard.linux import clock, namespaces
from vppd_guard.linux.capture import capture_link
from vppd_guard.linux.captured import IFA_F_DADFAILED, CapturedLink, LinuxAddress, LinuxRoute
from vppd_guard.linux.differences import link_differences
from vppd_guard.linux.links import NoSuchLink
from vppd_guard.linux.moving import ensure_netns
from vppd_guard.linux.restore import CannotRestoreLink, restore_captured_link

T = TypeVar("T")
BACK = """
import sys
from msgspec import json
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.moving import bring_link_back
from vppd_guard.linux.restore import CannotRestoreLink, restore_captured_link
captured = json.decode(sys.argv[1], type=CapturedLink)
assert bring_link_back(captured, sys.argv[2])
try:
    restore_captured_link(captured)
except CannotRestoreLink as error:
    print(*error.problems, sep="\\n")
"""


class Pair:
    """Two namespaces, and `e0` with its peer `p0` in the first."""

    def __init__(self) -> None:
        self.home, self.away = f"vgct{os.getpid()}h", f"vgct{os.getpid()}a"

    def ip(self, line: str) -> list[dict[str, object]]:
        return ip_json(line, netns=self.home)

    def inside(self, work: Callable[[], T]) -> T:
        return namespaces.run_inside_netns(self.home, work)

    def capture(self) -> CapturedLink:
        return self.inside(lambda: capture_link("e0"))

    def restore(self, captured: CapturedLink) -> None:
        self.inside(lambda: restore_captured_link(captured))

    def addresses(self) -> list[str]:
        return [a.address for a in self.capture().addresses]

    def routes(self) -> set[str]:
        """Destinations in all tables, of both families."""
        return {str(r["dst"]) for family in ("-4", "-6") for r in self.ip(f"{family} route show table all")}

    def there_and_back(self) -> None:
        self.ip(f"link set e0 netns {self.away}")
        subprocess.run(["ip", "-n", self.away, "link", "set", "e0", "netns", self.home], check=True)


@pytest.fixture
def pair() -> Iterator[Pair]:
    pair = Pair()
    try:
        for name in (pair.home, pair.away):
            ensure_netns(name)
        for line in ("add e0 type veth peer name p0", "set p0 up", "set e0 up"):
            pair.ip(f"link {line}")
        yield pair
    finally:
        for name in (pair.home, pair.away):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def test_a_thousand_routes_are_back(pair: Pair) -> None:
    pair.ip("addr add 192.0.2.7/24 dev e0")
    routes = tuple(LinuxRoute(f"10.{n >> 8}.{n & 255}.0/24", gateway="192.0.2.1") for n in range(1000))
    captured = replace(pair.capture(), routes=routes)
    pair.there_and_back()
    pair.restore(captured)
    assert len(pair.ip("route show via 192.0.2.1")) == len(routes)


def test_routes_are_back_to_whose_gateway_no_route_leads_any_more(pair: Pair) -> None:
    """Linux asks for one only when it takes a route: an administrator may have removed it since."""
    for line in (
        *("addr add 192.0.2.7/24 dev e0 noprefixroute", "route add 192.0.2.0/24 dev e0"),
        *("addr add 2001:db8::7/64 dev e0 noprefixroute", "route add 2001:db8::/64 dev e0"),
        *("route add 10.1.0.0/16 via 192.0.2.1", "route add 2001:db8:1::/48 via 2001:db8::1"),
        "route add 10.2.0.0/16 table 77 nexthop via 192.0.2.1 dev e0 nexthop via 192.0.2.2 dev e0",
        *("nexthop add id 5 via 192.0.2.3 dev e0", "route add 10.3.0.0/16 nhid 5"),
        *("route del 192.0.2.0/24 dev e0", "route del 2001:db8::/64 dev e0"),
    ):
        pair.ip(line)
    before, captured = pair.routes(), pair.capture()
    assert {"10.1.0.0/16", "10.2.0.0/16", "10.3.0.0/16", "2001:db8:1::/48"} <= before
    pair.there_and_back()
    pair.restore(captured)
    assert pair.routes() == before
    assert link_differences(captured, pair.capture()) == []


def test_what_cannot_be_restored_is_told_and_the_rest_is_done(pair: Pair) -> None:
    for line in ("link add br0 type bridge", "addr add 192.0.2.7/24 dev e0", "link set e0 master br0 mtu 1400"):
        pair.ip(line)
    before = pair.capture()
    bad = LinuxRoute("10.1.0.0/16", gateway="192.0.2.1", source="203.0.113.1", table=77)
    captured = replace(before, routes=(bad, LinuxRoute("10.2.0.0/16", gateway="192.0.2.1")))
    pair.ip("link del br0")
    pair.there_and_back()
    with pytest.raises(CannotRestoreLink) as refusal:
        pair.restore(captured)
    assert [problem.partition(":")[0] for problem in refusal.value.problems] == [
        "master br0",
        "route 10.1.0.0/16 table 77",
    ]
    assert str(refusal.value).count("e0: ") == 1
    assert [r["dst"] for r in pair.ip("route show via 192.0.2.1")] == ["10.2.0.0/16"]
    assert pair.capture().mtu == 1400


def test_an_ipv6_address_is_of_use_at_once_and_not_marked_for_it(pair: Pair) -> None:
    pair.ip("addr add 2001:db8::7/64 dev e0 nodad")
    nodad = pair.capture()
    captured = replace(nodad, addresses=tuple(replace(a, flags=0) for a in nodad.addresses))
    pair.there_and_back()
    pair.restore(captured)
    [link] = pair.ip("addr show dev e0")
    flags = [set(a) & {"tentative", "nodad"} for a in link["addr_info"]]  # type: ignore[attr-defined]
    assert flags == [set()] * len(captured.addresses)


def test_a_duplicate_address_is_asked_for_again(pair: Pair) -> None:
    captured = replace(pair.capture(), addresses=(LinuxAddress("2001:db8::7/64", flags=IFA_F_DADFAILED),))
    pair.there_and_back()
    pair.restore(captured)
    [link] = pair.ip("addr show dev e0 to 2001:db8::7")
    assert [a.get("tentative") for a in link["addr_info"]] == [True]  # type: ignore[attr-defined]


def test_a_lease_that_ended_before_a_reboot_does_not_come_back(pair: Pair) -> None:
    pair.ip("addr add 192.0.2.7/24 dev e0 valid_lft 100 preferred_lft 50")
    pair.ip("addr add 192.0.2.8/24 dev e0 valid_lft 1000 preferred_lft 50")
    before, now = pair.capture(), clock.capture_time_now()
    pair.there_and_back()
    pair.restore(replace(before, taken=replace(now, wall_s=now.wall_s - 200, boot="an earlier one")))
    [address] = [a for a in pair.capture().addresses if a.address.startswith("192.")]
    assert (address.address, address.preferred_s) == ("192.0.2.8/24", 0)
    assert 790 <= address.valid_s <= 800


def test_a_link_whose_name_is_taken_returns_under_another_one(pair: Pair) -> None:
    pair.ip("link set e0 mtu 1400")
    pair.ip("addr add 192.0.2.7/24 dev e0")
    captured = pair.capture()
    pair.ip(f"link set e0 netns {pair.away}")
    pair.ip("tuntap add e0 mode tap")
    journal = msgspec.json.encode(captured).decode()
    command = ["ip", "netns", "exec", pair.home, sys.executable, "-c", BACK, journal, pair.away]
    problems = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    assert problems == ["name e0: File exists"]
    [link] = pair.ip("addr show to 192.0.2.7")
    assert (link["mtu"], link["ifname"] != "e0") == (1400, True)
    pair.ip("tuntap del e0 mode tap")
    pair.restore(captured)
    assert pair.addresses() == [a.address for a in captured.addresses]
    assert pair.capture().mtu == 1400


def test_the_capture_of_an_older_guard_takes_nothing_away(pair: Pair) -> None:
    pair.ip("addr add 192.0.2.7/24 dev e0")
    pair.ip("link set e0 alias words")
    mac = pair.capture().mac
    old = f'{{"name":"e0","mac":"{mac}","mtu":1400,"addresses":[{{"address":"192.0.2.7/24","label":"e0"}}]}}'
    pair.restore(msgspec.json.decode(old, type=CapturedLink))
    assert [r["dst"] for r in pair.ip("-4 route show dev e0")] == ["192.0.2.0/24"]
    after = pair.capture()
    assert (after.mtu, after.alias) == (1400, "words")


def test_addresses_that_others_have_added_stay(pair: Pair) -> None:
    pair.ip("addr add 192.0.2.7/24 dev e0")
    captured = pair.capture()
    pair.ip("addr add 192.0.2.9/24 dev e0")
    pair.restore(captured)
    assert {"192.0.2.7/24", "192.0.2.9/24"} <= set(pair.addresses())


def test_offloads_are_as_they_were(pair: Pair) -> None:
    def switch(name: str, to: str) -> None:
        subprocess.run(["ip", "netns", "exec", pair.home, "ethtool", "-K", "e0", name, to], check=True)

    switch("tx-tcp-segmentation", "off")
    before = pair.capture()
    assert dict(before.features)["tx-tcp-segmentation"] is False
    switch("tx-tcp-segmentation", "on")
    pair.restore(before)
    assert pair.capture().features == before.features


def test_a_link_that_is_not_there_is_named(pair: Pair) -> None:
    captured = pair.capture()
    pair.ip("link del e0")
    with pytest.raises(NoSuchLink, match="e0: no such link"):
        pair.restore(captured)
    with pytest.raises(NoSuchLink, match="e0: no such link"):
        pair.capture()


def test_a_link_upon_another_one_returns_upon_it(pair: Pair) -> None:
    pair.ip("link add link p0 name m0 type macvlan mode bridge")
    pair.ip("link set m0 up mtu 1300")
    pair.ip("addr add 192.0.2.7/24 dev m0")
    captured = pair.inside(lambda: capture_link("m0"))
    assert (captured.kind, captured.parent) == ("macvlan", "p0")
    pair.ip(f"link set m0 netns {pair.away}")
    subprocess.run(["ip", "-n", pair.away, "link", "set", "m0", "netns", pair.home], check=True)
    pair.restore(captured)
    assert link_differences(captured, pair.inside(lambda: capture_link("m0"))) == []


def test_rules_and_the_token_are_back_although_somebody_took_them_away(pair: Pair) -> None:
    pair.ip("token set ::7 dev e0")
    for line in ("rule add iif e0 table 77 priority 900", "-6 rule add oif e0 fwmark 3/7 table 1000"):
        pair.ip(line)
    captured, rules = pair.capture(), [pair.ip("rule"), pair.ip("-6 rule")]
    assert (captured.token, len(captured.rules)) == ("::7", 2)
    for line in ("rule del iif e0", "-6 rule del oif e0"):
        pair.ip(line)
    pair.there_and_back()
    assert len(link_differences(captured, pair.capture())) > len(captured.rules)
    subprocess.run(
        ["ip", "netns", "exec", pair.home, "sysctl", "-qw", "net.ipv6.conf.e0.forwarding=1"], check=True
    )  # a router takes no token
    pair.restore(captured)
    assert [pair.ip("rule"), pair.ip("-6 rule")] == rules
    assert link_differences(captured, pair.capture()) == []
