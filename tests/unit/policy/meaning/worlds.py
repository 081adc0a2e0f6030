"""Random worlds for the policy compiler: what Felix tells, what the node has, and flows through it.

Small pools of addresses, nets, ports and sets, so that rules meet flows and one another.
"""

from typing import Any

from hypothesis import strategies as st

from actors.policy.desired import World
from actors.policy.model import (
    FelixIpSet,
    FelixPolicy,
    FelixRule,
    HostEndpoint,
    PolicyId,
    Snapshot,
    Tier,
    Workload,
    WorkloadId,
)
from schemas.facts import PodInterface, Uplink
from tests.unit.policy.meaning.reference import Flow

POD = "default/web/eth0"
POD_ID = WorkloadId("k8s", "default/web", "eth0")
PODS = {
    POD: PodInterface("tun-web", "/ns", ("10.0.0.1", "fd00::1")),
    "default/other/eth0": PodInterface("tun-other", "/ns", ("10.0.0.2",)),
}
UPLINKS = {
    "eth0": Uplink("running", interface="uplink-eth0", host_tap="tap-eth0", addresses=("192.0.2.1/24", "2001:db8::1/64"))
}
ADDRESSES4 = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.1", "198.51.100.7")
ADDRESSES6 = ("fd00::1", "fd00::2", "2001:db8::1")
NETS = ("10.0.0.0/24", "10.0.0.1/31", "10.0.0.2/32", "0.0.0.0/0", "fd00::/64", "fd00::1/128", "::/0")
PORTS = (53, 80, 443, 4789)
PROTOCOLS = (6, 17, 132, 1, 58)
SETS = ("net-a", "net-b", "hosts", "ports-a", "ports-b")
RANGES = ((80, 80), (53, 443), (0, 65535), (443, 5000))
POLICIES = tuple(PolicyId(name, kind="GlobalNetworkPolicy") for name in "abcdef")
STAGED = PolicyId("s", kind="StagedGlobalNetworkPolicy", staged=True)
ACTIONS = ("allow", "allow", "", "deny", "deny", "pass", "next-tier", "log")


def some(values: Any, most: int = 2) -> st.SearchStrategy[tuple[Any, ...]]:
    """Mostly nothing."""
    return st.one_of(st.just(()), st.just(()), st.lists(st.sampled_from(values), max_size=most, unique=True).map(tuple))


def maybe(values: Any) -> st.SearchStrategy[Any]:
    return st.one_of(st.none(), st.none(), st.sampled_from(values))


@st.composite
def rules(draw: st.DrawFn) -> FelixRule:
    """Rules as Felix's validation lets them be: ports only with protocols that have some, ICMP types with ICMP."""
    fields: dict[str, Any] = {"action": draw(st.sampled_from(ACTIONS)), "ip_version": draw(maybe((4, 6)))}
    shape = draw(st.sampled_from(("any", "ports", "icmp", "service")))
    if shape == "any":
        fields |= {"protocol": draw(maybe(PROTOCOLS)), "not_protocol": draw(maybe(PROTOCOLS))}
    if shape == "icmp":
        fields |= {"protocol": draw(st.sampled_from((1, 58, "icmp", "icmpv6")))}
        fields |= {"icmp_type": draw(maybe((8, 128, 3))), "not_icmp_type": draw(maybe((8, 128, 3)))}
        fields |= {"icmp_code": draw(maybe((0, 1))), "not_icmp_code": draw(maybe((0, 1)))}
    if shape == "ports":
        fields["protocol"] = draw(st.sampled_from((6, 17, 132, "tcp", "udp", "sctp")))
        fields["dst_ports"], fields["src_ports"] = draw(some(RANGES)), draw(some(RANGES, 1))
        fields["not_dst_ports"], fields["not_src_ports"] = draw(some(RANGES[:2], 1)), draw(some(RANGES[:2], 1))
        fields["dst_named_port_ip_set_ids"] = draw(some(SETS[3:]))
        fields["not_dst_named_port_ip_set_ids"] = draw(some(SETS[3:], 1))
        fields["src_named_port_ip_set_ids"] = draw(some(SETS[3:], 1))
    if shape == "service":
        fields["dst_ip_port_set_ids"] = draw(some(SETS[3:]))
    for side in ("src", "dst"):
        fields[f"{side}_net"], fields[f"not_{side}_net"] = draw(some(NETS)), draw(some(NETS[:3], 1))
        fields[f"{side}_ip_set_ids"] = draw(some(SETS[:3]))
        fields[f"not_{side}_ip_set_ids"] = draw(some(SETS[:3], 1))
    return FelixRule(**fields)


def policies(most: int = 3) -> st.SearchStrategy[FelixPolicy]:
    return st.builds(
        FelixPolicy, st.lists(rules(), max_size=most).map(tuple), st.lists(rules(), max_size=most).map(tuple)
    )


def tiers(most: int = 3) -> st.SearchStrategy[tuple[Tier, ...]]:
    ids = st.lists(st.sampled_from((*POLICIES, STAGED)), max_size=2, unique=True).map(tuple)
    one = st.builds(Tier, st.sampled_from(("x", "y", "z")), ids, ids, st.sampled_from(("Deny", "Pass")))
    return st.lists(one, max_size=most).map(tuple)


def ip_sets() -> st.SearchStrategy[dict[str, FelixIpSet]]:
    nets = st.frozensets(st.sampled_from(NETS[:3] + NETS[4:6]), max_size=4)
    hosts = st.frozensets(st.sampled_from(ADDRESSES4 + ADDRESSES6), max_size=4)
    places = [f"{a},{p}:{n}" for a in ("10.0.0.1", "10.0.0.2", "fd00::1") for p in ("tcp", "udp") for n in (80, 443)]
    ports = st.frozensets(st.sampled_from(places), max_size=6)
    return st.fixed_dictionaries(
        {
            "net-a": st.builds(FelixIpSet, st.just("net"), nets),
            "net-b": st.builds(FelixIpSet, st.just("net"), nets),
            "hosts": st.builds(FelixIpSet, st.just("ip"), hosts),
            "ports-a": st.builds(FelixIpSet, st.just("ip-port"), ports),
            "ports-b": st.builds(FelixIpSet, st.just("ip-port"), ports),
        }
    )


def profile_names() -> st.SearchStrategy[tuple[str, ...]]:
    return some(("open", "shut"))


@st.composite
def host_endpoints(draw: st.DrawFn) -> dict[str, HostEndpoint]:
    name, addresses = draw(st.sampled_from((("eth0", ()), ("*", ()), ("", ("192.0.2.1",)))))
    parts = {"tiers": draw(tiers(2)), "forward_tiers": draw(tiers(2)), "untracked_tiers": draw(tiers(1))}
    host = HostEndpoint(name, draw(profile_names()), addresses, **parts)
    return draw(st.sampled_from(({}, {"host": host}, {"host": host})))


@st.composite
def snapshots(draw: st.DrawFn) -> Snapshot:
    config = {
        "DefaultEndpointToHostAction": draw(st.sampled_from(("DROP", "ACCEPT", "Return"))),
        "FailsafeInboundHostPorts": "tcp:22,tcp:179",
        "FailsafeOutboundHostPorts": "udp:53,179",
    }
    state = draw(st.sampled_from(("active", "active", "active", "disabled")))
    return Snapshot(
        config=config,
        ip_sets=draw(ip_sets()),
        policies={name: draw(policies()) for name in (*POLICIES, STAGED)},
        profiles={"open": draw(policies(2)), "shut": draw(policies(1))},
        workloads={POD_ID: Workload(state, profiles=draw(profile_names()), tiers=draw(tiers(4)))},
        host_endpoints=draw(host_endpoints()),
        in_sync=True,
    )


@st.composite
def flows(draw: st.DrawFn) -> Flow:
    version = draw(st.sampled_from((4, 6)))
    addresses = st.sampled_from(ADDRESSES4 if version == 4 else ADDRESSES6)
    protocol = draw(st.sampled_from((6, 17, 132, 1 if version == 4 else 58)))
    return Flow(draw(addresses), draw(addresses), protocol, draw(st.sampled_from(PORTS)), draw(st.sampled_from(PORTS)))


def world(snapshot: Snapshot | None) -> World:
    """A fresh world of this node, with nothing remembered."""
    return World("node1", snapshot, dict(PODS), dict(UPLINKS))
