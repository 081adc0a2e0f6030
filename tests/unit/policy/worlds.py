"""A node with one pod and one uplink, and short words for what Felix tells of it."""

from actors.policy import desired
from actors.policy.desired import EnforcedPolicies, PolicyManagerFacts
from actors.policy.model import FelixIpSet, FelixPolicyId, FelixSnapshot, FelixWorkloadId
from schemas.facts import PodInterfaceFact, UplinkFact
from schemas.intents import Intent

KEY = "default/web/eth0"
WEB = FelixWorkloadId("k8s", "default/web", "eth0")
POD = PodInterfaceFact("tun-web", "/var/run/netns/web", ("10.0.0.1", "fd00::1"))
UPLINK = UplinkFact(
    "running", interface="uplink-eth0", host_tap="tap-eth0", addresses=("192.0.2.1/24", "2001:db8::1/64")
)


def world(snapshot: FelixSnapshot | None) -> PolicyManagerFacts:
    """This node, of which Felix has told that."""
    return PolicyManagerFacts("node1", snapshot, {KEY: POD}, {"eth0": UPLINK})


def enforced(facts: PolicyManagerFacts) -> EnforcedPolicies:
    """What it comes to."""
    return desired.enforced_policies(facts)


def intents(facts: PolicyManagerFacts) -> dict[str, Intent]:
    """All intents by key."""
    return {intent.key: intent for intent in enforced(facts).intents()}


def policy(name: str) -> FelixPolicyId:
    return FelixPolicyId(name, namespace="default", kind="NetworkPolicy")


def a_set(*members: str, kind: str = "net") -> FelixIpSet:
    return FelixIpSet(kind, frozenset(members))
