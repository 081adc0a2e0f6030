"""Cases of Calico's policies beyond Kubernetes', as data.

Source: Calico's API reference (NetworkPolicy, GlobalNetworkPolicy, Tier, StagedNetworkPolicy, GlobalNetworkSet).
Rules are read in order within a policy, policies by `order` within a tier.
"""

from collections.abc import Iterator
from typing import Any

from tests.lab.policies.words import (
    Case,
    Object,
    allow,
    calico,
    case,
    deny,
    policy,
    port,
    rule,
    source,
    step,
    story,
    target,
    thing,
)

GLOBAL, LOCAL = "GlobalNetworkPolicy", "NetworkPolicy"
X_A = "projectcalico.org/namespace == 'x' && pod == 'a'"
PODS = "projectcalico.org/orchestrator == 'k8s'"
ALLOW_ANY = [rule("Allow")]
POOLS = ["10.48.0.0/16", "fd48::/112"]
NODE1 = ["10.48.0.0/26", "fd48::/122"]


def on_a(name: str, *rules: Object, order: float = 10, tier: str = "default", **spec: Any) -> Object:
    """A policy on ingress of x/a."""
    return calico(GLOBAL, name, selector=X_A, order=order, tier=tier, ingress=list(rules), **spec)


def from_pod(name: str) -> Object:
    """The source of a rule."""
    return {"selector": f"pod == '{name}'"}


ORDER = (
    case(
        "the policy of lower order decides: deny before allow",
        [on_a("allow", *ALLOW_ANY, order=20), on_a("deny", rule("Deny", source=from_pod("b")), order=10)],
        deny("*/b", "x/a"),
    ),
    case(
        "the policy of lower order decides: allow before deny",
        [on_a("allow", rule("Allow", source=from_pod("b")), order=10), on_a("deny", rule("Deny"), order=20)],
        deny(to="x/a"),
        allow("*/b", "x/a"),
    ),
    case(
        "rules decide in order",
        on_a("both", rule("Deny", source=from_pod("b")), *ALLOW_ANY),
        deny("*/b", "x/a"),
    ),
    case(
        "a Log rule decides nothing, the rule behind it does",
        on_a("log", rule("Log"), rule("Allow", source=from_pod("b"))),
        deny(to="x/a"),
        allow("*/b", "x/a"),
    ),
    story(
        "an order that changes changes who decides",
        step([on_a("one", *ALLOW_ANY, order=10), on_a("two", rule("Deny"), order=20)]),
        step(on_a("two", rule("Deny"), order=5), deny(to="x/a")),
    ),
    case(
        "a policy of a namespace selects pods of its own, and its rules mean pods of its own",
        calico(LOCAL, "own", "x", selector="pod == 'a'", ingress=[rule("Allow", source={"selector": "has(pod)"})]),
        deny(to="x/a"),
        allow("x/*", "x/a"),
    ),
    case(
        "a global policy selects pods of namespaces",
        calico(GLOBAL, "wide", selector="pod == 'c'", namespaceSelector="ns in {'x', 'y'}", ingress=[]),
        deny(to="x/c y/c"),
    ),
)


def tier(name: str, order: float, default: str = "Deny") -> Object:
    """A tier."""
    return thing("Tier", name, order=order, defaultAction=default)


TIERS = (
    case(
        "a tier with a policy ends in a deny, whatever is behind it",
        [tier("one", 10), on_a("one", rule("Allow", source=from_pod("b")), tier="one")],
        deny(to="x/a"),
        allow("*/b", "x/a"),
    ),
    case(
        "Pass goes on with the next tier",
        [
            tier("one", 10),
            on_a("one", rule("Pass", source=from_pod("b")), rule("Allow", source=from_pod("c")), tier="one"),
            on_a("later", rule("Allow", "TCP", destination={"ports": [80]})),
        ],
        deny(to="x/a"),
        allow("*/b", "x/a", 80),
        allow("*/c", "x/a"),
    ),
    case(
        "Pass goes on through three tiers",
        [
            tier("one", 10),
            tier("two", 20),
            on_a("one", rule("Pass", source={"selector": "pod in {'b', 'c'}"}), tier="one"),
            on_a("two", rule("Pass", "TCP", destination={"ports": [80]}), rule("Deny"), tier="two"),
            on_a("three", rule("Allow", source=from_pod("b"))),
        ],
        deny(to="x/a"),
        allow("*/b", "x/a", 80),
    ),
    case(
        "Pass of the last tier goes on with the profiles, which allow",
        on_a("pass", rule("Pass", source=from_pod("b"))),
        deny(to="x/a"),
        allow("*/b", "x/a"),
    ),
    case(
        "a tier whose default is Pass denies nothing by itself",
        [
            tier("soft", 10, "Pass"),
            on_a("soft", rule("Deny", source=from_pod("b")), tier="soft"),
            on_a("later", rule("Deny", source=from_pod("c")), *ALLOW_ANY),
        ],
        deny("*/b */c", "x/a"),
    ),
    case(
        "a tier whose default is Pass, and nothing behind it",
        [tier("soft", 10, "Pass"), on_a("soft", rule("Deny", source=from_pod("b")), tier="soft")],
        deny("*/b", "x/a"),
    ),
    case(
        "Kubernetes' policies stand behind an earlier tier",
        [
            tier("admin", 10),
            on_a("admin", rule("Deny", source=from_pod("b")), rule("Pass"), tier="admin"),
            policy("open", "x", ingress=[source(ports=[port(80)])]),
        ],
        deny(to="x/*"),
        allow("*", "x/*", 80),
        deny("*/b", "x/a"),
    ),
    story(
        "a tier's default action changes",
        step([tier("one", 10), on_a("one", rule("Deny", source=from_pod("b")), tier="one")], deny(to="x/a")),
        step(tier("one", 10, "Pass"), deny("*/b", "x/a")),
    ),
)

STAGED = tuple(
    case(f"{kind} has no effect", staged)
    for kind, staged in (
        ("StagedNetworkPolicy", calico("StagedNetworkPolicy", "s", "x", selector="all()", ingress=[], egress=[])),
        ("StagedGlobalNetworkPolicy", calico("StagedGlobalNetworkPolicy", "s", selector=PODS, ingress=[], egress=[])),
        (
            "StagedKubernetesNetworkPolicy",
            thing(
                "StagedKubernetesNetworkPolicy",
                "s",
                "x",
                podSelector={},
                policyTypes=["Ingress", "Egress"],
            ),
        ),
    )
)

MATCHES = (
    case(
        "notNets",
        on_a("not", rule("Deny", source={"notNets": NODE1}), *ALLOW_ANY),
        deny("@node2", "x/a"),
    ),
    case(
        "nets but notNets",
        on_a("but", rule("Allow", source={"nets": POOLS, "notNets": NODE1})),
        deny(to="x/a"),
        allow("@node2", "x/a"),
    ),
    case(
        "notPorts",
        on_a("not", rule("Allow", "TCP", destination={"notPorts": [80]})),
        deny(to="x/a"),
        allow("*", "x/a", 81),
    ),
    case(
        "ranges of ports beside single ones",
        on_a("ports", rule("Allow", "TCP", destination={"ports": [80, "82:83"]})),
        deny(to="x/a"),
        allow("*", "x/a", 80, 82, 83),
        probes="TCP 80, TCP 81, TCP 82, TCP 83",
    ),
    case(
        "notSelector",
        on_a("not", rule("Allow", source={"notSelector": "pod == 'b'", "selector": PODS})),
        deny(to="x/a"),
        allow("*/a */c", "x/a"),
    ),
    case(
        "notProtocol",
        on_a("not", rule("Allow", notProtocol="TCP")),
        deny(to="x/a"),
        allow("*", "x/a", protocols="UDP SCTP ICMP"),
        probes="TCP 80, UDP 80, SCTP 80, ICMP",
    ),
    case(
        "a protocol by its number",
        on_a("number", rule("Allow", 17)),
        deny(to="x/a"),
        allow("*", "x/a", protocols="UDP"),
        probes="TCP 80, UDP 80",
    ),
    case(
        "ipVersion 4",
        on_a("four", rule("Allow", ipVersion=4)),
        deny(to="x/a"),
        allow("*", "x/a", version=4),
    ),
    case(
        "ipVersion 6 with nets of both families",
        on_a("six", rule("Allow", ipVersion=6, source={"nets": POOLS})),
        deny(to="x/a"),
        allow("*", "x/a", version=6),
    ),
    case(
        "nets of one family do not match the other",
        on_a("four", rule("Deny", source={"nets": POOLS[:1]}), *ALLOW_ANY),
        deny("*", "x/a", version=4),
    ),
    case(
        "a named port has different numbers on different pods",
        calico(
            GLOBAL,
            "n",
            selector="has(pod)",
            namespaceSelector="ns == 'x'",
            ingress=[rule("Allow", "TCP", destination={"ports": ["mixed"]})],
        ),
        deny(to="x/*"),
        allow("*", "x/a", 82),
        allow("*", "x/b", 83),
        probes="TCP 80, TCP 82, TCP 83",
    ),
    case(
        "a named port of another protocol is another port",
        calico(
            GLOBAL,
            "n",
            selector="has(pod)",
            namespaceSelector="ns == 'x'",
            ingress=[rule("Allow", "UDP", destination={"ports": ["mixed"]})],
        ),
        deny(to="x/*"),
        allow("*", "x/c", 84, protocols="UDP"),
        probes="UDP 82, UDP 84, TCP 84",
    ),
    story(
        "a global network set gains and loses an address",
        step(
            [
                thing("GlobalNetworkSet", "friends", labels={"set": "friends"}, nets=NODE1),
                on_a("set", rule("Allow", source={"selector": "set == 'friends'"})),
            ],
            deny(to="x/a"),
            allow("@node1", "x/a"),
        ),
        step(thing("GlobalNetworkSet", "friends", labels={"set": "friends"}, nets=POOLS)),
        step(thing("GlobalNetworkSet", "friends", labels={"set": "friends"}, nets=[]), deny(to="x/a")),
    ),
    case(
        "service accounts by name",
        calico(
            LOCAL,
            "sa",
            "x",
            selector="pod == 'a'",
            ingress=[rule("Allow", source={"serviceAccounts": {"names": ["builder"]}})],
        ),
        deny(to="x/a"),
        allow("x/c", "x/a"),
    ),
    case(
        "service accounts by label",
        on_a("sa", rule("Allow", source={"serviceAccounts": {"selector": "role == 'ci'"}})),
        deny(to="x/a"),
        allow("x/c y/c z/c", "x/a"),
    ),
    case(
        "a policy selects by service account",
        calico(GLOBAL, "sa", selector="all()", serviceAccountSelector="role == 'ci'", ingress=[]),
        deny(to="*/c"),
    ),
    case(
        "egress to a service's endpoints, their ports and no others",
        [
            {
                "apiVersion": "v1",
                "kind": "Service",
                "metadata": {"name": "web", "namespace": "y"},
                "spec": {
                    "ipFamilyPolicy": "RequireDualStack",
                    "selector": {"pod": "b"},
                    "ports": [{"port": 8080, "targetPort": 81}],
                },
            },
            calico(
                GLOBAL,
                "svc",
                selector=X_A,
                egress=[rule("Allow", destination={"services": {"name": "web", "namespace": "y"}})],
            ),
        ],
        deny("x/a"),
        allow("x/a", "y/b", 81),
    ),
)

PING = (
    case("ping: default deny", policy("deny", "x", ingress=[]), deny(to="x/*"), probes="ICMP, TCP 80"),
    case(
        "ping: allowed by type 8 and 128",
        on_a(
            "ping",
            rule("Allow", "ICMP", icmp={"type": 8}, ipVersion=4),
            rule("Allow", "ICMPv6", icmp={"type": 128}, ipVersion=6),
        ),
        deny(to="x/a"),
        allow("*", "x/a", protocols="ICMP"),
        probes="ICMP, TCP 80",
    ),
    case(
        "ping: a rule for another type opens nothing",
        on_a("unreachable", rule("Allow", "ICMP", icmp={"type": 3})),
        deny(to="x/a"),
        probes="ICMP, TCP 80",
    ),
    case(
        "ping: ICMP is not ICMPv6",
        on_a("four", rule("Allow", "ICMP")),
        deny(to="x/a"),
        allow("*", "x/a", protocols="ICMP", version=4),
        probes="ICMP, TCP 80",
    ),
    story(
        "ping: denied, then allowed",
        step(policy("deny", "x", ingress=[]), deny(to="x/*")),
        step((), delete=(("NetworkPolicy", "x", "deny"),)),
        probes="ICMP",
    ),
)


def _stacked() -> Iterator[Case]:
    """Both sides of one flow."""
    yield case(
        "egress of one pod and ingress of the other must both allow",
        [
            calico(GLOBAL, "out", selector=X_A, egress=[rule("Allow", "TCP", destination={"ports": [80]})]),
            calico(LOCAL, "in", "y", selector="all()", ingress=[rule("Allow", "TCP", destination={"ports": [81]})]),
            policy("z", "z", egress=[target()]),
        ],
        deny("x/a", "*", 81),
        deny("*", "y/*", 80),
    )


CASES: tuple[Case, ...] = (*ORDER, *TIERS, *STAGED, *MATCHES, *PING, *_stacked())
