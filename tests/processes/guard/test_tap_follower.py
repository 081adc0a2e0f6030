"""The guard's follower on taps of a namespace of its own: what is followed, and what only looks like a change."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.iproute import ip, ip_json

FOLLOW = """
import asyncio, json, subprocess, sys
from types import SimpleNamespace
from schemas.config import NodeConfig, UplinkSpec
from vppd_guard.drivers.registry import uplink_driver_named
from vppd_guard.linux.captured import CapturedLink, LinuxAddress, LinuxRoute
from vppd_guard.states.tap_follower import TapFollower
from vppd_guard.undo.executor import LinuxStepExecutor
from vppd_guard.uplink.uplinks import driven_uplink

def ip(line):
    subprocess.run(["ip", *line.split()], check=True)

class Log:
    def info(self, *words, **more): pass
    warning = error = info

async def main():
    full = False
    config, records, pools = NodeConfig(node="n1"), [], {}
    async def replace_captured(record):
        if full:
            raise OSError(28, "No space left on device")
        records.append(record)
    peer = SimpleNamespace(rows=lambda word, owner: pools, in_sync=lambda word, owner: True)
    context = SimpleNamespace(config=config, peer=peer, executor=LinuxStepExecutor(), log=Log(), note=lambda text: None,
                              warn_once=lambda text: None, replace_captured=replace_captured)
    link = CapturedLink(
        name="eth0", mac="02:90:00:00:00:01", mtu=1500,
        addresses=(LinuxAddress(address="192.0.2.7/24"), LinuxAddress(address="2001:db8::7/64")),
        routes=(LinuxRoute(prefix="0.0.0.0/0", gateway="192.0.2.1"), LinuxRoute(prefix="::/0", gateway="2001:db8::1")),
    )
    spec = UplinkSpec(interfaceName="eth0")
    uplink = driven_uplink(link, spec, 0, uplink_driver_named("af_packet"), config, None)
    follower = TapFollower(context, [uplink])
    await follower.configure(0)
    seen = []
    for line in sys.argv[1:]:
        full = line.startswith("full:")
        if line.startswith("pools:"):
            pools = {cidr: SimpleNamespace(cidr=cidr) for cidr in line.removeprefix("pools:").split()}
        else:
            ip(line.removeprefix("full:"))
        followed = await follower.look()
        await follower.configure_new_taps()
        await follower.correct()
        captured = records[-1].uplink
        prefixes = [r.prefix for r in captured.routes if r.gateway]
        assert bool(follower.problem) == full, follower.problem
        seen.append([followed, [a.address for a in captured.addresses], prefixes])
    print(json.dumps(seen))

asyncio.run(main())
"""
BOTH = ["192.0.2.7/24", "2001:db8::7/64"]
DEFAULTS = ["0.0.0.0/0", "::/0"]
NEW_TAP = "tuntap add eth0 mode tap"


@pytest.fixture
def netns() -> Iterator[str]:
    name = f"vgfol{os.getpid()}"
    try:
        for line in (f"netns add {name}", f"-n {name} {NEW_TAP}", f"-n {name} link set lo up"):
            subprocess.run(["ip", *line.split()], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def follow(netns: str, *changes: str) -> list[list[object]]:
    """After each change by ip(8): has anything been followed, the addresses and routes of the journal."""
    line = ["ip", "netns", "exec", netns, sys.executable, "-c", FOLLOW, *changes]
    return list(json.loads(subprocess.run(line, check=True, capture_output=True, text=True).stdout))


def test_an_address_that_comes_or_goes_is_in_the_journal(netns: str) -> None:
    assert follow(
        netns, "addr add 192.0.2.100/32 dev eth0", "addr del 192.0.2.100/32 dev eth0", "link set eth0 up"
    ) == [
        [True, ["192.0.2.7/24", "192.0.2.100/32", "2001:db8::7/64"], DEFAULTS],
        [True, BOTH, DEFAULTS],
        [False, BOTH, DEFAULTS],
    ]


def test_a_tap_that_is_made_anew_has_lost_nothing_and_gets_everything_back(netns: str) -> None:
    assert follow(netns, "link del eth0", NEW_TAP, "link set eth0 up") == [[False, BOTH, DEFAULTS]] * 3
    assert "192.0.2.7/24" in ip("addr show dev eth0", netns=netns)
    assert "2001:db8::7/64" in ip("addr show dev eth0", netns=netns)
    assert "default via 192.0.2.1" in ip("route", netns=netns)


def test_a_tap_that_is_set_down_has_lost_nothing(netns: str) -> None:
    assert follow(netns, "link set eth0 down") == [[False, BOTH, DEFAULTS]]


def test_what_a_full_disk_has_not_taken_is_written_as_soon_as_it_can_be(netns: str) -> None:
    changes = "full:addr add 192.0.2.100/32 dev eth0", "link set eth0 up"
    assert follow(netns, *changes) == [
        [True, BOTH, DEFAULTS],
        [False, ["192.0.2.7/24", "192.0.2.100/32", "2001:db8::7/64"], DEFAULTS],
    ]


def test_a_route_that_is_removed_is_not_put_back_by_the_guard(netns: str) -> None:
    assert follow(netns, "route del default", "link set eth0 up") == [[True, BOTH, ["::/0"]], [False, BOTH, ["::/0"]]]
    assert "default" not in ip("route", netns=netns)


def test_routes_to_pools_come_and_go_with_them_and_are_not_given_back(netns: str) -> None:
    pools = "pools:10.48.0.0/16 fd48::/112", "route del 10.48.0.0/16", "-6 route del fd48::/112"
    assert follow(netns, *pools) == [[False, BOTH, DEFAULTS]] * 3
    [route4] = ip_json("route show 10.48.0.0/16", netns=netns)
    [route6] = ip_json("-6 route show fd48::/112", netns=netns)
    assert [(r["gateway"], r["metrics"]) for r in (route4, route6)] == [
        ("192.0.2.1", [{"mtu": 1440}]),
        ("2001:db8::1", [{"mtu": 1440}]),
    ]
    assert follow(netns, pools[0], "pools:") == [[False, BOTH, DEFAULTS]] * 2
    assert ip("route show 10.48.0.0/16", netns=netns) + ip("-6 route show fd48::/112", netns=netns) == ""
