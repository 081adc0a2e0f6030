"""Whatever a link was set to: after it was disturbed and restored, `ip` says of it what it said before."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.waiting import until
from vppd_guard.linux import links, namespaces
from vppd_guard.linux.capture import capture_link
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.differences import link_differences
from vppd_guard.linux.moving import ensure_netns
from vppd_guard.linux.netlink import NetlinkSocket
from vppd_guard.linux.restore import restore_captured_link
from vppd_guard.linux.settings import IF_READY

HOME, AWAY = f"vgcr{os.getpid()}h", f"vgcr{os.getpid()}a"
DEADLINE_S = 3.0
TOLERANCE_S = 3
LIFETIMES = {"valid_life_time", "preferred_life_time", "expires"}
VOLATILE = {
    "qdisc",
    "ifindex",
    "link_index",
    "operstate",
    "cache",
    "age",
    "used",
    "confirmed",
    "updated",
    "refcnt",
    "probes",
}
JSON = dict[str, object]
QUESTIONS = {
    "": [
        "link show dev e0",
        "addr show dev e0",
        "nexthop show",
        "token show dev e0",
        "route show table all",
        "rule show",
        "neigh show dev e0",
        "neigh show proxy",
    ],
    "-6": ["rule show"],
}


@pytest.fixture(scope="module", autouse=True)
def two_namespaces() -> Iterator[None]:
    try:
        for name in (HOME, AWAY):
            ensure_netns(name)
        quiet = "net.ipv6.conf.default.accept_dad=0"  # addresses are of use at once
        subprocess.run(["ip", "netns", "exec", HOME, "sysctl", "-qw", quiet], check=True)
        yield
    finally:
        for name in (HOME, AWAY):
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def batch(netns: str, lines: list[str]) -> None:
    """Whatever of these commands the kernel accepts."""
    command = ["ip", "-n", netns, "-force", "-batch", "-"]
    subprocess.run(command, input="\n".join(lines).encode(), check=False, capture_output=True)


# --- what is compared


def state() -> dict[str, list[JSON]]:
    """All that `ip` says about the link `e0` in HOME, by question."""
    answers = ask("") | ask("-6")
    for link in answers[" addr show dev e0"]:
        # Nobody but the kernel can say of an address that it made it.
        permanent = [a for a in infos(link) if not a.get("temporary")]
        link["addr_info"] = [{key: a[key] for key in a if key != "stable-privacy"} for a in permanent]
    addresses = {a.get("local") for link in answers[" addr show dev e0"] for a in infos(link)}
    for question in answers:
        if "route" in question:
            routes = [r for r in answers[question] if '"e0"' in json.dumps(r) and not is_of_temporary(r, addresses)]
            answers[question] = sorted(routes, key=place)
        if "neigh" in question:
            answers[question] = sorted(answers[question], key=str)
    return answers | {"sysctls": [namespaces.run_inside_netns(HOME, read_sysctls)]}


def ask(family: str) -> dict[str, list[JSON]]:
    """Answers by question, with one process for all questions of a family."""
    text = "\n".join(QUESTIONS[family]).encode()
    command = ["ip", *family.split(), "-n", HOME, "-d", "-j", "-force", "-batch", "-"]
    process = subprocess.run(command, input=text, check=False, capture_output=True)
    answers = [json.loads(answer) for answer in process.stdout.splitlines() if answer.strip()]
    assert len(answers) == len(QUESTIONS[family]), process
    by_question = {f"{family} {question}": answer for question, answer in zip(QUESTIONS[family], answers, strict=True)}
    return {question: [one for one in map(strip, answer) if one] for question, answer in by_question.items()}


def place(route: JSON) -> list[str]:
    """Among routes of one place the order counts; but not of those that the kernel makes as it does addresses."""
    key = [str(route.get(name)) for name in ("table", "dst", "tos", "metric", "protocol")]
    return [*key, str(route.get("prefsrc")) if route.get("protocol") == "kernel" else ""]


def strip(answer: JSON) -> JSON:
    """Without what changes by itself; what is learned, and temporary addresses, are the kernel's business."""
    learned = "state" in answer and answer["state"] not in (["PERMANENT"], [])
    if learned or answer.get("type") == "anycast":
        return {}
    if isinstance(info := answer.get("linkinfo"), dict):  # the bridge's timers
        answer = answer | {"linkinfo": {key: value for key, value in info.items() if key != "info_slave_data"}}
    return {key: value for key, value in answer.items() if key not in VOLATILE}


def is_of_temporary(route: JSON, addresses: set[object]) -> bool:
    """Is it the local route of an IPv6 address that is not shown? A temporary one may come between two questions."""
    kernel_made = route.get("type") == "local" and route.get("protocol") == "kernel"
    return kernel_made and ":" in str(route["dst"]) and route["dst"] not in addresses


def infos(link: JSON) -> list[JSON]:
    addresses = link.get("addr_info", [])
    assert isinstance(addresses, list)
    return addresses


def read_sysctls() -> dict[str, object]:
    values: dict[str, object] = {}
    for family in ("ipv4", "ipv6"):
        for kind in ("conf", "neigh"):
            for path in sorted(Path(f"/proc/sys/net/{family}/{kind}/e0").glob("*")):
                try:
                    values[f"{family}/{kind}/{path.name}"] = path.read_text()
                except OSError:
                    values[f"{family}/{kind}/{path.name}"] = None
    return values


def unlike(before: object, after: object, elapsed_s: float, path: str = "") -> list[str]:
    """Where the two differ, lifetimes apart that have gone on."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = sorted(before.keys() | after.keys())
        return [w for k in keys for w in unlike(before.get(k), after.get(k), elapsed_s, f"{path}/{k}")]
    if isinstance(before, list) and isinstance(after, list) and len(before) == len(after):
        return [w for at in range(len(before)) for w in unlike(before[at], after[at], elapsed_s, f"{path}/{at}")]
    if path.rpartition("/")[2] in LIFETIMES and isinstance(before, int) and isinstance(after, int):
        forever = 0xFFFFFFFF
        remaining = before if before in (0, forever) else max(0, before - elapsed_s)
        return [] if abs(remaining - after) <= TOLERANCE_S else [f"{path}: {before} -> {after} after {elapsed_s:.0f} s"]
    if before is None and path.endswith("stable_secret"):
        return []  # made by the kernel when it needs one
    return [] if before == after else [f"{path}: {before} -> {after}"]


# --- what is generated

V4 = [f"10.{net}.0.{host}" for net in (0, 1) for host in range(1, 6)]
V6 = [f"2001:db8:{net}::{host}" for net in (0, 1) for host in range(1, 6)]
LOCAL = ["fe80::77", "fe80::78"]
MAC = st.integers(1, 0xFFFF).map(lambda n: f"02:90:00:00:{n >> 8:02x}:{n & 255:02x}")


def optional(*choices: str) -> st.SearchStrategy[str]:
    """One of these words, or none."""
    return st.sampled_from(["", "", *choices])


def line(*parts: st.SearchStrategy[str] | str) -> st.SearchStrategy[str]:
    strategies = [st.just(part) if isinstance(part, str) else part for part in parts]
    return st.tuples(*strategies).map(lambda words: " ".join(word for word in words if word))


LIFETIME = optional("valid_lft 5000 preferred_lft 4000", "valid_lft 700 preferred_lft 0", "preferred_lft 0")
ADDRESS = st.one_of(
    line(
        "addr add",
        st.sampled_from([f"{a}/{n}" for a in V4 for n in (16, 24, 32)] + [f"{a} peer 10.9.0.{a[-1]}/32" for a in V4]),
        optional("brd +", "broadcast 10.0.0.99"),
        "dev e0",
        optional("label e0:one", "label e0:two"),
        optional("scope link", "scope host", "scope 200"),
        optional("metric 77"),
        LIFETIME,
        optional("noprefixroute"),
    ),
    line(
        "addr add",
        st.sampled_from(
            [f"{a}/{n}" for a in V6 for n in (48, 64, 128)]
            + [f"{a}/64" for a in LOCAL]
            + [f"{a} peer 2001:db8:9::{a[-1]}/128" for a in V6]
        ),
        "dev e0",
        optional("metric 78"),
        LIFETIME,
        optional("nodad"),
        optional("home"),
        optional("noprefixroute"),
        optional("mngtmpaddr"),
    ),
)
ROUTE_OPTIONS = line(
    optional("table 77", "table 1000", "table local"),
    optional("proto dhcp", "proto static", "proto 77"),
    optional("metric 5", "metric 100"),
    optional("mtu 1300", "mtu lock 1290", "advmss 1200 hoplimit 9", "quickack 1", "rto_min 5ms", "congctl cubic"),
)
# Not an address of our own: the kernel takes such a gateway at one time and refuses it at another.
HOP4 = st.sampled_from([f"via 10.{n}.0.{h} dev e0" for n in (0, 1) for h in (8, 9)] + ["via 10.8.0.1 dev e0 onlink"])
HOP6 = st.sampled_from(["via fe80::1 dev e0", "via fe80::2 dev e0", "via 2001:db8:0::9 dev e0"])
WEIGHT = optional("weight 3", "weight 7")
OTHER_HOP = st.one_of(line("nexthop", HOP4, WEIGHT), st.just("nexthop via 10.200.0.9 dev p0"))
ROUTE = st.one_of(
    line(
        st.sampled_from(["route add", "route append", "route prepend"]),
        optional("unicast", "local", "broadcast", "multicast"),
        st.sampled_from(["default", "10.50.0.0/16", "10.51.0.0/24", "10.52.0.1/32"]),
        st.one_of(HOP4, st.just("dev e0"), st.just("via inet6 fe80::5 dev e0")),
        ROUTE_OPTIONS,
        optional("scope link", "scope global"),
        optional("src 10.0.0.1", "src 10.1.0.2"),
        optional("tos 8"),
        optional("realm 5"),
    ),
    line("route add 10.60.0.0/16", ROUTE_OPTIONS, line("nexthop", HOP4, WEIGHT), OTHER_HOP),
    line(
        st.sampled_from(["route add", "route append"]),
        st.sampled_from(["::/0", "2001:db8:50::/48", "2001:db8:51::1/128"]),
        optional("from 2001:db8::/32"),
        st.one_of(HOP6, st.just("dev e0")),
        ROUTE_OPTIONS,
        optional("pref high", "pref low"),
        optional("expires 600"),
        optional("src 2001:db8:0::1"),
    ),
    line("route add 2001:db8:60::/48", ROUTE_OPTIONS, line("nexthop", HOP6, WEIGHT), line("nexthop", HOP6, WEIGHT)),
    st.sampled_from(
        [
            "route add 10.70.0.0/16 nhid 10",
            "route add 2001:db8:70::/48 nhid 6",
            "route del 10.0.0.0/24 dev e0",
            "route del 10.1.0.0/16 dev e0",
            "route del 2001:db8:0::/64 dev e0",
            "route del fe80::/64 dev e0",
            "route replace 10.0.0.0/24 dev e0 proto kernel scope link metric 100",
            "addr flush dev e0 scope link",
        ]
    ),
)
LINK = st.one_of(
    line("link set dev e0 address", MAC),
    st.integers(1280, 1500).map(lambda n: f"link set dev e0 mtu {n}"),
    st.sampled_from(
        [
            "link set dev e0 promisc on",
            "link set dev e0 allmulticast on",
            "link set dev e0 multicast off",
            "link set dev e0 arp off",
            "link set dev e0 txqueuelen 333",
            "link set dev e0 group 42",
            "link set dev e0 alias some words",
            "link set dev e0 gso_max_size 20000",
            "link set dev e0 master br0",
            "link property add dev e0 altname uplink-of-the-first-rack altname other",
            "link set dev e0 addrgenmode none",
            "link set dev e0 addrgenmode random",
            "link set dev e0 down",
            "token set ::7 dev e0",
        ]
    ),
)
SYSCTL = st.sampled_from(
    [
        ("ipv4/conf/e0/rp_filter", "2"),
        ("ipv4/conf/e0/forwarding", "1"),
        ("ipv4/conf/e0/promote_secondaries", "1"),
        ("ipv4/conf/e0/arp_ignore", "2"),
        ("ipv4/neigh/e0/base_reachable_time_ms", "12345"),
        ("ipv4/neigh/e0/unres_qlen_bytes", "99999"),
        ("ipv6/conf/e0/accept_ra", "2"),
        ("ipv6/conf/e0/accept_ra", "0"),
        ("ipv6/conf/e0/forwarding", "1"),
        ("ipv6/conf/e0/use_tempaddr", "2"),
        ("ipv6/conf/e0/mtu", "1280"),
        ("ipv6/conf/e0/disable_ipv6", "1"),
        ("ipv6/conf/e0/keep_addr_on_down", "1"),
        ("ipv6/conf/e0/stable_secret", "2001:db8::1"),
        ("ipv6/neigh/e0/app_solicit", "3"),
    ]
)
OTHER_SETTING = st.sampled_from(
    [
        "rule add iif e0 table 77 priority 900",
        "rule add not oif e0 fwmark 3/7 table 1000",
        "rule add iif e0 from 2001:db8::/32 table 77",
        "neigh add 10.0.0.9 lladdr 02:00:00:00:00:01 dev e0 nud permanent",
        "neigh add 2001:db8::9 lladdr 02:00:00:00:00:02 router dev e0 nud permanent",
        "neigh add proxy 10.0.0.77 dev e0",
        "neigh add proxy 2001:db8::77 dev e0",
    ]
)
CONFIGURATION = st.tuples(
    st.lists(LINK, max_size=4),
    st.lists(SYSCTL, max_size=4),
    st.lists(ADDRESS, max_size=8),
    st.lists(ROUTE, max_size=6),
    st.lists(OTHER_SETTING, max_size=3),
)
NEXTHOPS = [
    "nexthop add id 5 via 10.0.0.9 dev e0",
    "nexthop add id 6 via fe80::9 dev e0",
    "nexthop add id 7 via 10.1.0.9 dev e0",
    "nexthop add id 10 group 5/7,3",
]
CLEAR = [
    *("link del e0", "link del dev7", "link del br0", "nexthop flush"),
    *("route flush table 77", "route flush table 1000"),
    *("rule del iif e0", "rule del not oif e0", "rule del from 2001:db8::/32 iif e0"),
]
BUILD = [
    *("link add br0 type bridge", "link set dev br0 up", "link add e0 type veth peer name p0"),
    *("link set dev p0 up", "addr add 10.200.0.1/24 dev p0", "link set dev e0 up"),
]
MOVED = ["link set dev e0 netns " + AWAY]
BACK = ["link set dev e0 up", "link set dev e0 promisc on", "link set dev e0 netns " + HOME]
DISTURBANCES: dict[str, tuple[list[str], list[str]]] = {
    "moved": (MOVED, BACK),
    "moved, with another MAC and MTU": (MOVED, ["link set dev e0 address 02:90:00:00:ff:ff mtu 1299", *BACK]),
    "moved, back under another name": (MOVED, ["link set dev e0 name dev7", "link set dev dev7 netns " + HOME]),
    "down": (["link set dev e0 down"], []),
    "down and up": (["link set dev e0 down", "link set dev e0 up"], []),
    "emptied": (
        [
            "addr flush dev e0",
            "route flush table all dev e0",
            "neigh flush dev e0 nud permanent",
            "link set dev e0 mtu 1333 txqueuelen 77 promisc off allmulticast off multicast on arp on alias x group 1",
            "link property del dev e0 altname other",
            "link set dev e0 nomaster",
            "token set ::9 dev e0",
        ],
        [],
    ),
    "filled": (
        [
            "route replace default via 10.0.0.77 dev e0 onlink metric 5",
            "addr add 10.0.0.3/24 dev e0 label e0:new",
            "route add 10.50.0.0/16 dev e0 mtu 1111",
        ],
        [],
    ),
    "nothing": ([], []),
}


def build(link: list[str], sysctls: list[tuple[str, str]], *command_lists: list[str]) -> None:
    batch(HOME, [*CLEAR, *BUILD, *(one for one in link if not one.endswith("down"))])
    namespaces.run_inside_netns(HOME, lambda: write_sysctls(sysctls))
    # The kernel keeps a route that also has a hop on a link that is down, but takes none (see `routes.py`).
    down = any(one.endswith("down") for one in link)
    routes = [one for one in command_lists[1] if not (down and "p0" in one)]
    batch(
        HOME, [*command_lists[0], *NEXTHOPS, *routes, *command_lists[2], *(one for one in link if one.endswith("down"))]
    )
    settle()


def write_sysctls(pairs: list[tuple[str, str]]) -> None:
    for name, value in pairs:
        (Path("/proc/sys/net") / name).write_text(value)


def settle() -> None:
    """Until IPv6 has taken notice that the link is up; it makes addresses and routes then."""
    until(lambda: namespaces.run_inside_netns(HOME, is_ready), "IPv6 has noticed the link", DEADLINE_S)


def is_ready() -> bool:
    with NetlinkSocket() as netlink:
        link = links.linux_link_named(netlink, "e0")
    flags = int.from_bytes(link.ipv6.get(links.IFLA_INET6_FLAGS, b""), sys.byteorder)
    off = (Path("/proc/sys/net/ipv6/conf/e0/disable_ipv6")).read_text() == "1\n"
    return off or not link.flags & links.IFF_UP or bool(flags & IF_READY and addresses_are_routed())


def addresses_are_routed() -> bool:
    """The kernel makes the local route of an IPv6 address a little after the address."""
    net = Path("/proc/thread-self/net")
    addresses = [words[0] for line in (net / "if_inet6").read_text().splitlines() if (words := line.split())]
    routes = {line.split()[0] for line in (net / "ipv6_route").read_text().splitlines()}
    return all(address in routes for address in addresses)


# No shrinking: with a namespace to set up for each example it takes minutes, and the lines that differ say enough.
# More examples than the profile's: each disturbance is to meet several configurations.
@settings(max_examples=max(60, settings().max_examples), phases=[Phase.explicit, Phase.generate])
@given(configuration=CONFIGURATION, disturbance=st.sampled_from(sorted(DISTURBANCES)))
def test_a_link_is_as_it_was(
    configuration: tuple[list[str], list[tuple[str, str]], list[str], list[str], list[str]], disturbance: str
) -> None:
    build(*configuration)
    before, at = state(), time.monotonic()
    captured = namespaces.run_inside_netns(HOME, lambda: capture_link("e0"))
    assert msgspec.json.decode(msgspec.json.encode(captured), type=CapturedLink) == captured
    home_commands, away_commands = DISTURBANCES[disturbance]
    batch(HOME, home_commands)
    batch(AWAY, away_commands)
    namespaces.run_inside_netns(HOME, lambda: restore_captured_link(captured))
    settle()
    after = state()
    changes = unlike(before, after, time.monotonic() - at)
    assert disturbance == "filled" or changes == [], "\n".join(changes)
    # Said twice, it changes nothing.
    namespaces.run_inside_netns(HOME, lambda: restore_captured_link(captured))
    assert link_differences(captured, namespaces.run_inside_netns(HOME, lambda: capture_link("e0"))) == []
