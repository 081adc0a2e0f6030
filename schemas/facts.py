"""Facts: what is so, published by the process that observes it.

Addresses are text: an *address* is "192.0.2.7", a *prefix* is "10.1.0.0/26", an *interface
address* keeps its host bits and its mask: "192.0.2.7/24".
"""

from collections.abc import Sequence
from ipaddress import ip_interface

from msgspec import Struct


class Fact(Struct, frozen=True, omit_defaults=True, gc=False, forbid_unknown_fields=False):
    """Base of all facts. Unknown fields are ignored, so a newer publisher can be read."""


class NodeFact(Fact, frozen=True):
    """A Kubernetes node as the network sees it (key: node name).

    Source: core/v1 Node, annotations `projectcalico.org/IPv4Address`, `IPv6Address`, `ASNumber`.
    """

    ip4: str | None = None  # interface address with its real mask, e.g. "192.0.2.7/24"
    ip6: str | None = None  # likewise for IPv6
    asn: int | None = None  # None: the cluster's AS number holds
    labels: dict[str, str] = {}  # the object's labels
    leaving: bool = False  # is being deleted, or the cluster's autoscaler is about to delete it

    def address(self, ip_version: int) -> str | None:
        """Its address of that family, 4 or 6, without the mask."""
        text = self.ip4 if ip_version == 4 else self.ip6
        return str(ip_interface(text).ip) if text else None

    @property
    def addresses(self) -> Sequence[str]:
        """Its addresses without masks, IPv4 first."""
        return [address for address in map(self.address, (4, 6)) if address]


class NodeAnnotationsFact(Fact, frozen=True):
    """The annotations of this node's own object (key: node name), for tokens of templates."""

    annotations: dict[str, str] = {}  # the object's, but for long ones


class BgpConfigurationFact(Fact, frozen=True):
    """Calico's BGPConfiguration (key: object name, "default" or "node.<node name>").

    A field that the object leaves unset is None here; defaults are applied by the routing manager.
    """

    asn: int | None = None  # AS number of the nodes
    node_to_node_mesh: bool | None = None  # does every node peer with every other?
    listen_port: int | None = None  # TCP port of BGP
    log_severity: str | None = None  # Calico's word, e.g. "Info"
    service_cluster_ips: tuple[str, ...] = ()  # prefixes: cluster addresses that are advertised
    service_external_ips: tuple[str, ...] = ()  # prefixes, likewise
    service_load_balancer_ips: tuple[str, ...] = ()  # prefixes, likewise


class IpPoolFact(Fact, frozen=True):
    """Calico's IPPool (key: object name)."""

    cidr: str  # prefix
    ipip_mode: str = "Never"  # Never | Always | CrossSubnet
    vxlan_mode: str = "Never"  # Never | Always | CrossSubnet
    nat_outgoing: bool = False  # packets of its pods to addresses outside all pools get the node's address
    disabled: bool = False  # Calico gives out no new addresses of it
    disable_bgp_export: bool = False  # its blocks are not advertised


class BlockAffinityFact(Fact, frozen=True):
    """Calico's BlockAffinity (key: object name): an address block that belongs to a node."""

    node: str  # node name
    cidr: str  # prefix
    state: str = "confirmed"  # confirmed | pending | pendingDeletion
    deleted: bool = False  # the node is giving it up


class ConfigurationStatusFact(Fact, frozen=True):
    """What of a node's configuration has no effect (key: variable, or a field's path in it; owner: guard)."""

    problems: tuple[str, ...] = ()  # e.g. that vppd does not have what it asks for, or does not know its name


class VppProcessFact(Fact, frozen=True):
    """The VPP process as its parent sees it (key: "vpp"; owner: guard)."""

    state: str  # starting | up | down
    pid: int = 0  # process id; 0: none
    reason: str = ""  # why it is down, e.g. "killed by SIGKILL"
    last_words: tuple[str, ...] = ()  # of the process that ended last: its log of the signal


class VppEpochFact(Fact, frozen=True):
    """The VPP that the writer is connected to (key: "vpp"; owner: vpp-writer)."""

    connected: bool  # does the writer speak with it now?
    epoch: int = 0  # counts lives of VPP; a new epoch is an empty VPP
    pid: int = 0  # process id; 0: not connected
    version: str = ""  # as VPP says it
    unavailable: tuple[str, ...] = ()  # kinds of intents that this VPP cannot hold: it lacks their messages


class UplinkFact(Fact, frozen=True):
    """An uplink that VPP carries, with the host's tap behind it (key: Linux name; owner: guard)."""

    state: str  # linux | taking | running
    is_main: bool = True  # the uplink that carries the node's addresses
    mtu: int = 1500  # bytes, layer 3
    interface: str = ""  # intent name of the uplink interface in VPP
    host_tap: str = ""  # intent name of the host tap in VPP
    addresses: tuple[str, ...] = ()  # interface addresses as Linux had them
    next_hop4: str | None = None  # what the host uses to reach things through VPP
    next_hop6: str | None = None  # likewise for IPv6
    driver: str = "af_packet"  # by which VPP has it
    physical_network: str = ""  # its name; "": the default one
    table: str = "default"  # table of its addresses and routes
    pods_table: str = "pods"  # table of the pods of its physical network
    reason: str = ""  # why Linux has it


class BgpPeerFact(Fact, frozen=True):
    """A BGP session of this node (key: peer address; owner: routing)."""

    asn: int  # AS number of the peer
    state: str  # idle | connect | active | opensent | openconfirm | established
    node: str = ""  # name of the node that has the peer's address; "": none has
    routes: int = 0  # best paths learnt from this peer


class PodInterfaceFact(Fact, frozen=True):
    """A pod interface of this node (key: "<namespace>/<pod>/<interface>"; owner: cni)."""

    interface: str  # intent name of the tun in VPP
    netns: str  # path of the pod's network namespace
    addresses: tuple[str, ...] = ()  # addresses, without a mask
    coming: bool = False  # asked for, and not set up yet
    problems: tuple[str, ...] = ()  # what the pod's annotations ask for and it does not get
    allowed_sources: tuple[str, ...] = ()  # prefixes that it may send from beside its addresses, by its annotation


class ServicePort(Struct, frozen=True, omit_defaults=True, gc=False):
    """One port of a Service. Packets go to the slices' port of that name."""

    port: int  # port number of the Service's addresses
    protocol: str = "TCP"  # TCP | UDP | SCTP
    name: str = ""  # the port's name; "": unnamed
    node_port: int = 0  # port number on the node's own addresses; 0: none


class LoadBalancerIngress(Struct, frozen=True, omit_defaults=True, gc=False):
    """One address of a load balancer; mode "Proxy": the balancer ends connections, nodes leave it alone."""

    ip: str  # address
    mode: str = "VIP"  # VIP | Proxy


class ServiceFact(Fact, frozen=True):
    """core/v1 Service (key: "<namespace>/<name>"; owner: kube-watch).

    `problems`: what of the object could not be read and was left out, by field.
    """

    type: str = "ClusterIP"  # ClusterIP | NodePort | LoadBalancer | ExternalName
    created: str = ""  # creationTimestamp, RFC 3339; of two that claim one address, the oldest has it
    cluster_ips: tuple[str, ...] = ()  # without "None"
    external_ips: tuple[str, ...] = ()  # addresses
    ingress: tuple[LoadBalancerIngress, ...] = ()  # the load balancer's addresses
    ports: tuple[ServicePort, ...] = ()  # in the object's order
    headless: bool = False  # clusterIP None, or labelled service.kubernetes.io/headless
    proxy_name: str = ""  # label service.kubernetes.io/service-proxy-name: another proxy's business
    internal_local: bool = False  # internalTrafficPolicy Local
    external_local: bool = False  # externalTrafficPolicy Local
    affinity_s: int | None = None  # sessionAffinity ClientIP: its timeout
    node_ports: bool = True  # allocateLoadBalancerNodePorts
    health_check_node_port: int = 0  # port number that answers whether local endpoints are ready; 0: none
    source_ranges: tuple[str, ...] = ()  # prefixes: who may use the load balancer's addresses; empty: all
    annotations: dict[str, str] = {}  # those that begin with cni.projectcalico.org/
    problems: tuple[str, ...] = ()


class SlicePort(Struct, frozen=True, omit_defaults=True, gc=False):
    """A port of a slice; None: every port of the endpoint."""

    port: int | None  # port number of the endpoints
    protocol: str = "TCP"  # TCP | UDP | SCTP
    name: str = ""  # by it a Service's port finds this one


class SliceEndpoint(Struct, frozen=True, omit_defaults=True, gc=False):
    """One endpoint of a slice with its conditions; what is unset in the object counts as the API defines."""

    addresses: tuple[str, ...]  # addresses of one pod; the first is used
    ready: bool = True  # takes new connections
    serving: bool = True  # answers, be it on its way out
    terminating: bool = False  # is on its way out
    node: str | None = None  # node name; None: unknown
    zone_hints: tuple[str, ...] = ()  # zones that should use it; empty: all
    node_hints: tuple[str, ...] = ()  # node names that should use it; empty: all
    pod: str = ""  # "<namespace>/<pod>" that it is; "": not said


class EndpointSliceFact(Fact, frozen=True):
    """discovery.k8s.io/v1 EndpointSlice (key: "<namespace>/<name>"; owner: kube-watch)."""

    service: str  # "<namespace>/<service>", from the label kubernetes.io/service-name; "" without
    ip_version: int  # 4 | 6
    ports: tuple[SlicePort, ...] = ()  # of each endpoint
    endpoints: tuple[SliceEndpoint, ...] = ()  # in the object's order
    problems: tuple[str, ...] = ()  # what could not be read and was left out, by field


class ServiceStatusFact(Fact, frozen=True):
    """What became of a Service on this node (key: "<namespace>/<name>"; owner: services).

    `problems`: fields that are not or cannot be served, addresses that another Service has, unreadable parts.
    """

    translations: int = 0  # how many it has in VPP's intents
    backends: int = 0  # usable ones, over all ports
    problems: tuple[str, ...] = ()


class ServiceAddressFact(Fact, frozen=True):
    """An address that this node can be sent traffic for (key: prefix; owner: services).

    It is advertised if a range of the BGP configuration contains it.
    """

    services: tuple[str, ...]  # "<namespace>/<name>" of those behind it


class PolicyStatusFact(Fact, frozen=True):
    """What became of an object of Felix (owner: policy).

    Key: "felix" (the connection), "workload/<namespace>/<pod>/<endpoint>", "host/<name>", "policy/<name>",
    "profile/<name>", "ip-set/<id>", "pool/<id>", "config/<key>". `state`: "up" | "down" | "error" for endpoints,
    "in-sync" | "syncing" | "away" | "off" for the connection, "ok" | "error" for the others.
    """

    state: str
    problems: tuple[str, ...] = ()  # what of it is not in force as Felix sent it, in words


class ProcessFact(Fact, frozen=True):
    """A process on the bus (key: process name; owner: bus)."""

    session: int  # which life of it: ns of the monotonic clock at its start
    pid: int  # process id
    progress: int = 0  # turns of the working loop since it started
    ready: bool = False  # does it do its work?
    alive: bool = True  # has it sent the broker a Hello within the last seconds?
    waiting: tuple[str, ...] = ()  # named reasons for not being ready
    counters: dict[str, int] = {}  # by name, since its start
    stalled_s: float = 0.0  # s since the working loop turned last, if the process is alive but stuck; else 0
    cut_off: str = ""  # why the broker sends it no rows any more; empty: it does
