"""The network policy suite of Kubernetes, as data: namespaces x, y, z; pods a, b, c; ports 80, 81.

Source: kubernetes test/e2e/network/netpol; its namespaces have the label `ns`, its pods the label `pod`.
"""

from tests.lab.policies.words import (
    Case,
    Object,
    allow,
    block,
    case,
    deny,
    labelled,
    peer,
    policy,
    port,
    source,
    step,
    story,
    target,
    within,
)

EVERYWHERE = peer(namespaces={})
POOLS = ("10.48.0.0/16", "fd48::/112")
NODE_BLOCKS = ("10.48.0.0/26", "fd48::/122")  # node1's


def everything_of(space: str) -> Object:
    """Pods of the namespace by its label."""
    return peer(namespaces=labelled(ns=space))


def pod(name: str) -> Object:
    """Selects pods by their name's label."""
    return labelled(pod=name)


ISOLATED_X = policy("deny", "x", ingress=[])
DENY_ALL_X = policy("deny-all", "x", ingress=[], egress=[])
PORT_80 = [port(80)]

INGRESS = (
    case("default deny ingress isolates a namespace", ISOLATED_X, deny(to="x/*")),
    case("default deny all isolates both ways", DENY_ALL_X, deny(to="x/*"), deny("x/*")),
    case(
        "a pod selector without namespaces means the policy's own namespace",
        policy("from-b", "x", pod("a"), ingress=[source(peer(pods=pod("b")))]),
        deny(to="x/a"),
        allow("x/b", "x/a"),
    ),
    case(
        "one target is opened under deny all",
        [ISOLATED_X, policy("open", "x", pod("a"), ingress=[source()])],
        deny(to="x/*"),
        allow(to="x/a"),
    ),
    case(
        "ingress from all namespaces",
        [ISOLATED_X, policy("open", "x", pod("a"), ingress=[source(EVERYWHERE)])],
        deny(to="x/*"),
        allow(to="x/a"),
    ),
    case(
        "ingress from one other namespace only",
        policy("from-y", "x", pod("a"), ingress=[source(everything_of("y"))]),
        deny(to="x/a"),
        allow("y/*", "x/a"),
    ),
    case(
        "a pod selector by expression In",
        policy("in", "x", pod("a"), ingress=[source(peer(pods=within("pod", "In", "b")))]),
        deny(to="x/a"),
        allow("x/b", "x/a"),
    ),
    case(
        "a namespace selector by expression In",
        policy("in", "x", pod("a"), ingress=[source(peer(namespaces=within("ns", "In", "y", "z")))]),
        deny(to="x/a"),
        allow("y/* z/*", "x/a"),
    ),
    case(
        "a namespace selector by the default name label",
        policy(
            "by-name",
            "x",
            pod("a"),
            ingress=[source(peer(namespaces=labelled(**{"kubernetes.io/metadata.name": "y"})))],
        ),
        deny(to="x/a"),
        allow("y/*", "x/a"),
    ),
    case(
        "pod selector or namespace selector",
        policy("or", "x", pod("a"), ingress=[source(everything_of("y"), peer(pods=pod("b")))]),
        deny(to="x/a"),
        allow("x/b y/*", "x/a"),
    ),
    case(
        "pod selector and namespace selector in one peer",
        policy("and", "x", pod("a"), ingress=[source(peer(pods=pod("b"), namespaces=labelled(ns="y")))]),
        deny(to="x/a"),
        allow("y/b", "x/a"),
    ),
    case(
        "several selectors, NotIn namespaces and In pods",
        policy(
            "not-in",
            "x",
            pod("a"),
            ingress=[source(peer(namespaces=within("ns", "NotIn", "x"), pods=within("pod", "In", "b", "c")))],
        ),
        deny(to="x/a"),
        allow("y/b y/c z/b z/c", "x/a"),
    ),
    case(
        "any of several pod selectors",
        policy("any", "x", pod("a"), ingress=[source(peer(pods=pod("b")), peer(pods=pod("c")))]),
        deny(to="x/a"),
        allow("x/b x/c", "x/a"),
    ),
    case(
        "one port",
        policy("port", "x", pod("a"), ingress=[source(ports=PORT_80)]),
        deny(to="x/a"),
        allow("*", "x/a", 80),
    ),
    case(
        "a port together with a namespace",
        policy("port-y", "x", pod("a"), ingress=[source(everything_of("y"), ports=[port(81)])]),
        deny(to="x/a"),
        allow("y/*", "x/a", 81),
    ),
    story(
        "overlapping policies stack: a port is added by a second one",
        step(
            policy("first", "x", pod("a"), ingress=[source(everything_of("y"), ports=PORT_80)]),
            deny(to="x/a"),
            allow("y/*", "x/a", 80),
        ),
        step(
            policy(
                "second", "x", within("pod", "In", "a", "b"), ingress=[source(everything_of("y"), ports=[port(81)])]
            ),
            deny(to="x/a x/b"),
            allow("y/*", "x/a"),
            allow("y/*", "x/b", 81),
        ),
    ),
    case("allow all allows all", [ISOLATED_X, policy("all", "x", ingress=[source()])]),
    case(
        "a named port",
        policy("named", "x", pod("a"), ingress=[source(ports=[port("web")])]),
        deny(to="x/a"),
        allow("*", "x/a", 80),
    ),
    case(
        "a named port together with a namespace",
        policy("named", "x", pod("a"), ingress=[source(everything_of("y"), ports=[port("alt")])]),
        deny(to="x/a"),
        allow("y/*", "x/a", 81),
    ),
    case(
        "pods of other namespaces are denied",
        policy("own", "x", ingress=[source(peer(pods={}))]),
        deny(to="x/*"),
        allow("x/*", "x/*"),
    ),
    case(
        "of several ingress policies one that allows all wins",
        [
            policy("port", "x", ingress=[source(ports=PORT_80)]),
            policy("all", "x", ingress=[source()]),
        ],
    ),
)

EGRESS = (
    case(
        "a named port in egress, as the target's pods name it",
        policy("named", "x", pod("a"), egress=[target(EVERYWHERE, ports=[port("web")])]),
        deny("x/a"),
        allow("x/a", "*", 80),
    ),
    case("egress of selected pods is denied", policy("egress", "x", pod("a"), egress=[]), deny("x/a")),
    case("egress of a whole namespace is denied", policy("egress", "x", egress=[]), deny("x/*")),
    case(
        "ingress and egress in one policy",
        policy("both", "x", pod("a"), ingress=[source(everything_of("y"))], egress=[target(everything_of("z"))]),
        deny(to="x/a"),
        deny("x/a"),
        allow("y/*", "x/a"),
        allow("x/a", "z/*"),
    ),
    case(
        "what a client may not send a server's policy cannot allow",
        [
            policy("client", "y", pod("a"), egress=[]),
            policy("server", "x", pod("a"), ingress=[source(everything_of("y"))]),
        ],
        deny(to="x/a"),
        allow("y/*", "x/a"),
        deny("y/a"),
    ),
    case(
        "egress to a pod of another namespace",
        policy("to-y-a", "x", pod("a"), egress=[target(peer(pods=pod("a"), namespaces=labelled(ns="y")))]),
        deny("x/a"),
        allow("x/a", "y/a"),
    ),
    case(
        "of several egress policies one that allows all wins",
        [policy("port", "x", egress=[target(ports=PORT_80)]), policy("all", "x", egress=[target()])],
    ),
    case(
        "egress to address blocks",
        policy("blocks", "x", pod("a"), egress=[target(*(block(cidr) for cidr in NODE_BLOCKS))]),
        deny("x/a"),
        allow("x/a", "@node1"),
    ),
    case(
        "egress to address blocks except a part",
        policy(
            "except",
            "x",
            pod("a"),
            egress=[target(*(block(cidr, part) for cidr, part in zip(POOLS, NODE_BLOCKS, strict=True)))],
        ),
        deny("x/a", "@node1"),
    ),
    case(
        "an exception in one block is allowed by another block",
        policy(
            "overlap",
            "x",
            pod("a"),
            egress=[
                target(*(block(cidr, part) for cidr, part in zip(POOLS, NODE_BLOCKS, strict=True))),
                target(*(block(part) for part in NODE_BLOCKS)),
            ],
        ),
    ),
    case(
        "ingress and egress policies do not touch one another",
        [policy("in", "x", pod("a"), ingress=[]), policy("out", "x", pod("b"), egress=[])],
        deny(to="x/a"),
        deny("x/b"),
    ),
)

CHANGES = (
    story(
        "a policy is updated",
        step(policy("changing", "x", ingress=[source()])),
        step(policy("changing", "x", ingress=[]), deny(to="x/*")),
        step(policy("changing", "x", ingress=[source(ports=PORT_80)]), deny(to="x/*"), allow("*", "x/*", 80)),
    ),
    story(
        "a namespace gains and loses a label",
        step(
            policy("team", "x", pod("a"), ingress=[source(peer(namespaces=labelled(team="two")))]),
            deny(to="x/a"),
        ),
        step((), deny(to="x/a"), allow("y/*", "x/a"), namespace_labels={"y": {"team": "two"}}),
        step((), deny(to="x/a"), namespace_labels={"y": {"team": None}}),
    ),
    story(
        "a client pod gains and loses a label",
        step(
            policy("role", "x", pod("a"), ingress=[source(peer(namespaces={}, pods=labelled(role="client")))]),
            deny(to="x/a"),
        ),
        step((), deny(to="x/a"), allow("x/b y/b", "x/a"), pod_labels={k: {"role": "client"} for k in ("x/b", "y/b")}),
        step((), deny(to="x/a"), allow("y/b", "x/a"), pod_labels={"x/b": {"role": None}}),
        step((), deny(to="x/a"), pod_labels={"y/b": {"role": None}}),
    ),
    story(
        "a server pod gains and loses the label that isolates it",
        step(policy("target", "x", labelled(role="server"), ingress=[])),
        step((), deny(to="x/a"), pod_labels={"x/a": {"role": "server"}}),
        step((), pod_labels={"x/a": {"role": None}}),
    ),
    story(
        "after their deletion policies are enforced no more",
        step(DENY_ALL_X, deny(to="x/*"), deny("x/*")),
        step((), delete=(("NetworkPolicy", "x", "deny-all"),)),
    ),
)

PROTOCOLS = (
    case(
        "a rule for SCTP does not open TCP",
        policy("sctp", "x", pod("a"), ingress=[source(ports=[port(80, "SCTP")])]),
        deny(to="x/a"),
        allow("*", "x/a", 80, protocols="SCTP"),
        probes="TCP 80, SCTP 80",
    ),
    case(
        "a rule for UDP opens UDP alone",
        policy("udp", "x", pod("a"), ingress=[source(ports=[port(80, "UDP")])]),
        deny(to="x/a"),
        allow("*", "x/a", 80, protocols="UDP"),
        probes="TCP 80, UDP 80, UDP 81, SCTP 80",
    ),
    case(
        "any port of one protocol",
        policy("udp", "x", pod("a"), ingress=[source(ports=[port(None, "UDP")])]),
        deny(to="x/a"),
        allow("*", "x/a", protocols="UDP"),
        probes="TCP 80, UDP 80, UDP 81",
    ),
    case("UDP: default deny ingress", ISOLATED_X, deny(to="x/*"), probes="UDP 80, UDP 81"),
    case(
        "UDP: a pod of another namespace on one port",
        policy(
            "udp",
            "x",
            pod("a"),
            ingress=[source(peer(pods=pod("b"), namespaces=labelled(ns="y")), ports=[port(81, "UDP")])],
        ),
        deny(to="x/a"),
        allow("y/b", "x/a", 81),
        probes="UDP 80, UDP 81",
    ),
    case("SCTP: default deny ingress", ISOLATED_X, deny(to="x/*"), probes="SCTP 80, SCTP 81"),
    case(
        "SCTP: a namespace on one port",
        policy("sctp", "x", pod("a"), ingress=[source(everything_of("y"), ports=[port(80, "SCTP")])]),
        deny(to="x/a"),
        allow("y/*", "x/a", 80),
        probes="SCTP 80, SCTP 81",
    ),
    case(
        "a range of ports has its first and its last, and no more",
        policy("range", "x", pod("a"), ingress=[source(ports=[port(81, end=83)])]),
        deny(to="x/a"),
        allow("*", "x/a", 81, 82, 83),
        probes="TCP 80, TCP 81, TCP 82, TCP 83, TCP 84",
    ),
    case(
        "a range of UDP ports in egress",
        policy("range", "x", pod("a"), egress=[target(ports=[port(80, "UDP", end=81)])]),
        deny("x/a"),
        allow("x/a", "*", 80, 81, protocols="UDP"),
        probes="UDP 80, UDP 81, UDP 82, TCP 80",
    ),
)

CASES: tuple[Case, ...] = (*INGRESS, *EGRESS, *CHANGES, *PROTOCOLS)
