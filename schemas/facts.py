"""Facts: what is so, said by the process that observes it.

Addresses are text: an *address* is "192.0.2.7", a *prefix* is "10.1.0.0/26", an *interface
address* keeps its host bits and its mask: "192.0.2.7/24".
"""

from msgspec import Struct


class Fact(Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=False):
    """Base of all facts. Unknown fields are ignored, so a newer publisher can be read."""


class Node(Fact, frozen=True):
    """A Kubernetes node as the network sees it (key: node name).

    Source: core/v1 Node, annotations `projectcalico.org/IPv4Address`, `IPv6Address`, `ASNumber`.
    """

    ip4: str | None = None  # interface address with its real mask, e.g. "192.0.2.7/24"
    ip6: str | None = None
    asn: int | None = None  # None: the cluster's AS number holds
    labels: dict[str, str] = {}


class BgpConfiguration(Fact, frozen=True):
    """Calico's BGPConfiguration (key: object name, "default" or "node.<node name>").

    A field that the object leaves unset is None here; defaults are applied by the routing manager.
    """

    asn: int | None = None
    node_to_node_mesh: bool | None = None
    listen_port: int | None = None
    log_severity: str | None = None
    service_cluster_ips: tuple[str, ...] = ()
    service_external_ips: tuple[str, ...] = ()
    service_load_balancer_ips: tuple[str, ...] = ()


class IpPool(Fact, frozen=True):
    """Calico's IPPool (key: object name)."""

    cidr: str
    ipip_mode: str = "Never"  # Never | Always | CrossSubnet
    vxlan_mode: str = "Never"
    nat_outgoing: bool = False
    disabled: bool = False
    disable_bgp_export: bool = False


class BlockAffinity(Fact, frozen=True):
    """Calico's BlockAffinity (key: object name): an address block that belongs to a node."""

    node: str
    cidr: str
    state: str = "confirmed"  # confirmed | pending | pendingDeletion
    deleted: bool = False


class VppProcess(Fact, frozen=True):
    """The life of the VPP process as its parent sees it (key: "vpp"; owner: guard)."""

    state: str  # starting | up | down
    pid: int = 0
    reason: str = ""  # why it is down, e.g. "killed by SIGKILL"


class VppEpoch(Fact, frozen=True):
    """The VPP that the writer is connected to (key: "vpp"; owner: vpp-writer)."""

    connected: bool
    epoch: int = 0  # counts lives of VPP; a new epoch is an empty VPP
    pid: int = 0
    version: str = ""


class Uplink(Fact, frozen=True):
    """An uplink that VPP carries, with the host's tap behind it (key: Linux name; owner: guard)."""

    state: str  # linux | taking | running
    is_main: bool = True
    mtu: int = 1500  # bytes, layer 3
    interface: str = ""  # intent name of the uplink interface in VPP
    host_tap: str = ""  # intent name of the host tap in VPP
    addresses: tuple[str, ...] = ()  # interface addresses as Linux had them
    next_hop4: str | None = None  # what the host uses to reach things through VPP
    next_hop6: str | None = None


class BgpPeer(Fact, frozen=True):
    """A BGP session of this node (key: peer address; owner: routing)."""

    asn: int
    state: str  # idle | connect | active | opensent | openconfirm | established
    node: str = ""
    routes: int = 0  # best paths learnt from this peer


class PodInterface(Fact, frozen=True):
    """A pod interface of this node (key: "<namespace>/<pod>/<interface>"; owner: cni)."""

    interface: str  # intent name of the tun in VPP
    netns: str
    addresses: tuple[str, ...] = ()
    coming: bool = False  # asked for, and not set up yet


class ServicePort(Struct, frozen=True, omit_defaults=True):
    """One port of a Service. Where packets go is said by the slices' port of the same name."""

    port: int
    protocol: str = "TCP"  # TCP | UDP | SCTP
    name: str = ""
    node_port: int = 0


class Ingress(Struct, frozen=True, omit_defaults=True):
    """One address of a load balancer; mode "Proxy": the balancer ends connections, nodes leave it alone."""

    ip: str
    mode: str = "VIP"  # VIP | Proxy


class Service(Fact, frozen=True):
    """core/v1 Service (key: "<namespace>/<name>"; owner: kube-watch).

    `problems`: what of the object could not be read and was left out, by field.
    """

    type: str = "ClusterIP"  # ClusterIP | NodePort | LoadBalancer | ExternalName
    created: str = ""  # creationTimestamp, RFC 3339; of two that claim one address, the oldest has it
    cluster_ips: tuple[str, ...] = ()  # without "None"
    external_ips: tuple[str, ...] = ()
    ingress: tuple[Ingress, ...] = ()
    ports: tuple[ServicePort, ...] = ()
    headless: bool = False  # clusterIP None, or labelled service.kubernetes.io/headless
    proxy_name: str = ""  # label service.kubernetes.io/service-proxy-name: another proxy's business
    internal_local: bool = False  # internalTrafficPolicy Local
    external_local: bool = False  # externalTrafficPolicy Local
    affinity_s: int | None = None  # sessionAffinity ClientIP: its timeout
    node_ports: bool = True  # allocateLoadBalancerNodePorts
    health_check_node_port: int = 0
    source_ranges: tuple[str, ...] = ()
    annotations: dict[str, str] = {}  # those that begin with cni.projectcalico.org/
    problems: tuple[str, ...] = ()


class SlicePort(Struct, frozen=True, omit_defaults=True):
    """A port of a slice; None: every port of the endpoint."""

    port: int | None
    protocol: str = "TCP"
    name: str = ""


class Endpoint(Struct, frozen=True, omit_defaults=True):
    """One endpoint of a slice, with what Kubernetes calls its conditions (unset: as the API defines it)."""

    addresses: tuple[str, ...]
    ready: bool = True
    serving: bool = True
    terminating: bool = False
    node: str | None = None
    zone_hints: tuple[str, ...] = ()
    node_hints: tuple[str, ...] = ()


class EndpointSlice(Fact, frozen=True):
    """discovery.k8s.io/v1 EndpointSlice (key: "<namespace>/<name>"; owner: kube-watch)."""

    service: str  # "<namespace>/<service>", from the label kubernetes.io/service-name; "" without
    ip_version: int  # 4 | 6
    ports: tuple[SlicePort, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    problems: tuple[str, ...] = ()


class ServiceStatus(Fact, frozen=True):
    """What became of a Service on this node (key: "<namespace>/<name>"; owner: services).

    `problems`: fields that are not or cannot be served, addresses that another Service has, unreadable parts.
    """

    translations: int = 0
    backends: int = 0  # usable ones, over all ports
    problems: tuple[str, ...] = ()


class ServiceAddress(Fact, frozen=True):
    """An address that this node can be sent traffic for (key: prefix; owner: services).

    It is advertised if a range of the BGP configuration contains it.
    """

    services: tuple[str, ...]  # "<namespace>/<name>" of those behind it


class PolicyStatus(Fact, frozen=True):
    """What became of an object that Felix told of (owner: policy).

    Key: "felix" (the connection), "workload/<namespace>/<pod>/<endpoint>", "host/<name>", "policy/<name>",
    "profile/<name>", "ip-set/<id>", "pool/<id>", "config/<key>". `state`: "up" | "down" | "error" for endpoints,
    "in-sync" | "syncing" | "away" for the connection, "ok" | "error" for the others.
    """

    state: str
    problems: tuple[str, ...] = ()


class Process(Fact, frozen=True):
    """A process on the bus (key: process name; owner: bus)."""

    session: int
    pid: int
    progress: int = 0  # turns of the working loop since it started
    ready: bool = False
    alive: bool = True
    waiting: tuple[str, ...] = ()  # named reasons for not being ready
    counters: dict[str, int] = {}
    stalled_s: float = 0.0  # s since the working loop turned last, if that is too long: alive but stuck
    cut_off: str = ""  # why the broker sends it no rows any more; empty: it does
