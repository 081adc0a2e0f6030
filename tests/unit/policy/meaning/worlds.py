"""Random worlds for the policy compiler: what Felix tells, what the node has, and flows through it.

Small pools of addresses, nets, ports and sets, so that rules meet flows and one another.
"""

from collections.abc import Sequence
from random import Random
from typing import Any, TypeVar

from actors.policy.desired import PolicyManagerFacts
from actors.policy.model import (
    FelixHostEndpoint,
    FelixIpSet,
    FelixPolicy,
    FelixPolicyId,
    FelixRule,
    FelixSnapshot,
    FelixTier,
    FelixWorkload,
    FelixWorkloadId,
)
from schemas.facts import PodInterfaceFact, UplinkFact
from tests.unit.policy.meaning.reference import Flow

POD = "default/web/eth0"
POD_ID = FelixWorkloadId("k8s", "default/web", "eth0")
PODS = {
    POD: PodInterfaceFact("tun-web", "/ns", ("10.0.0.1", "fd00::1")),
    "default/other/eth0": PodInterfaceFact("tun-other", "/ns", ("10.0.0.2",)),
}
UPLINKS = {
    "eth0": UplinkFact(
        "running", interface="uplink-eth0", host_tap="tap-eth0", addresses=("192.0.2.1/24", "2001:db8::1/64")
    )
}
ADDRESSES4 = ("10.0.0.1", "10.0.0.2", "10.0.1.1", "192.0.2.1", "198.51.100.7")
ADDRESSES6 = ("fd00::1", "fd00::2", "2001:db8::1")
NETS = ("10.0.0.0/24", "10.0.0.1/31", "10.0.0.2/32", "0.0.0.0/0", "fd00::/64", "fd00::1/128", "::/0")
PORTS = (53, 80, 443, 4789)
PROTOCOLS = (6, 17, 132, 1, 58)
SETS = ("net-a", "net-b", "hosts", "ports-a", "ports-b")
RANGES = ((80, 80), (53, 443), (0, 65535), (443, 5000))
POLICIES = tuple(FelixPolicyId(name, kind="GlobalNetworkPolicy") for name in "abcdef")
STAGED = FelixPolicyId("s", kind="StagedGlobalNetworkPolicy", staged=True)
T = TypeVar("T")
ACTIONS = ("allow", "allow", "", "deny", "deny", "pass", "next-tier", "log")


class Dice:
    """A world made from a seed. Hypothesis picks the seed only: its own drawing of so much takes a second each."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.one_of = self.random.choice

    def sample(self, values: Sequence[T], most: int = 2, often: float = 0.35) -> tuple[T, ...]:
        """Mostly nothing."""
        if self.random.random() > often:
            return ()
        return tuple(self.random.sample(list(values), self.random.randint(1, most)))

    def maybe(self, values: Sequence[T]) -> T | None:
        return next(iter(self.sample(values, 1)), None)

    def rule(self) -> FelixRule:
        """As Felix's validation lets rules be: ports only with protocols that have some, ICMP types with ICMP."""
        fields: dict[str, Any] = {"action": self.one_of(ACTIONS), "ip_version": self.maybe((4, 6))}
        shape = self.one_of(("any", "any", "ports", "ports", "icmp", "service"))
        if shape == "any":
            fields |= {"protocol": self.maybe(PROTOCOLS), "not_protocol": self.maybe(PROTOCOLS)}
        if shape == "icmp":
            fields["protocol"] = self.one_of((1, 58, "icmp", "icmpv6"))
            fields |= {field: self.maybe((8, 128, 3)) for field in ("icmp_type", "not_icmp_type")}
            fields |= {field: self.maybe((0, 1)) for field in ("icmp_code", "not_icmp_code")}
        if shape == "ports":
            fields["protocol"] = self.one_of((6, 17, 132, "tcp", "udp", "sctp"))
            fields |= {f"{side}_ports": self.sample(RANGES) for side in ("src", "dst")}
            fields |= {f"not_{side}_ports": self.sample(RANGES[:2], 1) for side in ("src", "dst")}
            for side in ("src", "dst", "not_src", "not_dst"):
                fields[f"{side}_named_port_ip_set_ids"] = self.sample(SETS[3:], often=0.25)
        if shape == "service":
            fields["dst_ip_port_set_ids"] = self.sample(SETS[3:], often=0.9)
        for side in ("src", "dst"):
            fields |= {f"{side}_net": self.sample(NETS), f"not_{side}_net": self.sample(NETS[:3], 1)}
            fields |= {f"{side}_ip_set_ids": self.sample(SETS[:3]), f"not_{side}_ip_set_ids": self.sample(SETS[:3], 1)}
        return FelixRule(**fields)

    def policy(self, most: int = 3) -> FelixPolicy:
        inbound, outbound = (tuple(self.rule() for _ in range(self.random.randint(0, most))) for _ in range(2))
        return FelixPolicy(inbound, outbound)

    def tiers(self, most: int) -> tuple[FelixTier, ...]:
        ids = (*POLICIES, STAGED)
        return tuple(
            FelixTier(name, self.sample(ids, often=0.8), self.sample(ids, often=0.8), self.one_of(("Deny", "Pass")))
            for name in "wxyz"[: self.random.randint(0, most)]
        )

    def ip_sets(self) -> dict[str, FelixIpSet]:
        ports = [f"{a},{p}:{n}" for a in ("10.0.0.1", "10.0.0.2", "fd00::1") for p in ("tcp", "udp") for n in (80, 443)]
        pools = {"net": NETS[:3] + NETS[4:6], "ip": ADDRESSES4 + ADDRESSES6, "ip-port": ports}
        types = dict(zip(SETS, ("net", "net", "ip", "ip-port", "ip-port"), strict=True))
        return {name: FelixIpSet(t, frozenset(self.sample(pools[t], 4, often=0.9))) for name, t in types.items()}

    def profiles(self) -> tuple[str, ...]:
        return self.sample(("open", "shut"), often=0.6)

    def host_endpoints(self) -> dict[str, FelixHostEndpoint]:
        name, addresses = self.one_of((("eth0", ()), ("*", ()), ("", ("192.0.2.1",))))
        tiers = {"tiers": self.tiers(2), "forward_tiers": self.tiers(2), "untracked_tiers": self.tiers(1)}
        host = FelixHostEndpoint(name, self.profiles(), addresses, **tiers)
        return self.one_of(({}, {"host": host}, {"host": host}))

    def snapshot(self) -> FelixSnapshot:
        config = {
            "DefaultEndpointToHostAction": self.one_of(("DROP", "ACCEPT", "Return")),
            "FailsafeInboundHostPorts": "tcp:22,tcp:179",
            "FailsafeOutboundHostPorts": "udp:53,179",
        }
        state = self.one_of(("active", "active", "active", "disabled"))
        return FelixSnapshot(
            config=config,
            ip_sets=self.ip_sets(),
            policies={name: self.policy() for name in (*POLICIES, STAGED)},
            profiles={"open": self.policy(2), "shut": self.policy(1)},
            workloads={POD_ID: FelixWorkload(state, profiles=self.profiles(), tiers=self.tiers(4))},
            host_endpoints=self.host_endpoints(),
            in_sync=True,
        )

    def flow(self) -> Flow:
        addresses = self.one_of((ADDRESSES4, ADDRESSES6))
        protocol = self.one_of((6, 6, 17, 132, 1 if addresses == ADDRESSES4 else 58))
        return Flow(self.one_of(addresses), self.one_of(addresses), protocol, self.one_of(PORTS), self.one_of(PORTS))

    def flows(self, number: int = 20) -> list[Flow]:
        return [self.flow() for _ in range(number)]


def world(snapshot: FelixSnapshot | None) -> PolicyManagerFacts:
    """A fresh world of this node, with nothing remembered."""
    return PolicyManagerFacts("node1", snapshot, dict(PODS), dict(UPLINKS))
