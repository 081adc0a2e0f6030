"""What Felix tells, in one form for all its versions. Pure data; decoded by the edge, read by `desired.py`.

Source: spec/policies.md sections 2 and 3 (felixbackend.proto). Text is as Felix says it unless a field says otherwise.
"""

from msgspec import Struct


class Frozen(Struct, frozen=True, omit_defaults=True):
    """Base: values compare by content."""


class PolicyId(Frozen, frozen=True, order=True):
    """A policy's name. Versions up to 3.31 tell tier and name; later ones name, namespace and kind.

    `tier` is "" from 3.32 on; `kind` and `namespace` are "" before.
    """

    name: str
    namespace: str = ""
    kind: str = ""
    tier: str = ""
    staged: bool = False  # staged policies have no effect

    @property
    def text(self) -> str:
        """One name for status, logs and intents: non-empty parts joined by "/"."""
        return "/".join(part for part in (self.kind or self.tier, self.namespace, self.name) if part)


class FelixRule(Frozen, frozen=True):
    """One rule: all that is present must hold (spec/policies.md section 2, Rule). `not_x` mirrors `x`."""

    action: str = ""  # lower case: allow | "" | deny | pass | next-tier | log
    ip_version: int | None = None  # 4 | 6
    protocol: int | str | None = None  # number or name
    src_net: tuple[str, ...] = ()
    src_ports: tuple[tuple[int, int], ...] = ()
    dst_net: tuple[str, ...] = ()
    dst_ports: tuple[tuple[int, int], ...] = ()
    icmp_type: int | None = None
    icmp_code: int | None = None
    src_ip_set_ids: tuple[str, ...] = ()
    dst_ip_set_ids: tuple[str, ...] = ()
    src_named_port_ip_set_ids: tuple[str, ...] = ()
    dst_named_port_ip_set_ids: tuple[str, ...] = ()
    dst_ip_port_set_ids: tuple[str, ...] = ()
    not_protocol: int | str | None = None
    not_src_net: tuple[str, ...] = ()
    not_src_ports: tuple[tuple[int, int], ...] = ()
    not_dst_net: tuple[str, ...] = ()
    not_dst_ports: tuple[tuple[int, int], ...] = ()
    not_icmp_type: int | None = None
    not_icmp_code: int | None = None
    not_src_ip_set_ids: tuple[str, ...] = ()
    not_dst_ip_set_ids: tuple[str, ...] = ()
    not_src_named_port_ip_set_ids: tuple[str, ...] = ()
    not_dst_named_port_ip_set_ids: tuple[str, ...] = ()
    http_match: bool = False
    rule_id: str = ""


class FelixPolicy(Frozen, frozen=True):
    """A policy's or a profile's rules."""

    inbound: tuple[FelixRule, ...] = ()
    outbound: tuple[FelixRule, ...] = ()
    untracked: bool = False
    pre_dnat: bool = False


class FelixIpSet(Frozen, frozen=True):
    """`type`: "ip" | "ip-port" | "net". Members as Felix writes them, e.g. "10.0.0.1,tcp:80"."""

    type: str
    members: frozenset[str] = frozenset()


class Tier(Frozen, frozen=True):
    """A tier with policies for an endpoint, in order of evaluation. `default_action`: "Deny" | "Pass"."""

    name: str
    ingress: tuple[PolicyId, ...] = ()
    egress: tuple[PolicyId, ...] = ()
    default_action: str = "Deny"


class WorkloadId(Frozen, frozen=True, order=True):
    """`workload` is "<namespace>/<pod>"."""

    orchestrator: str
    workload: str
    endpoint: str


class Workload(Frozen, frozen=True):
    """A workload endpoint."""

    state: str = "active"
    name: str = ""  # Linux interface name that Calico gave it
    profiles: tuple[str, ...] = ()
    ip4_nets: tuple[str, ...] = ()
    ip6_nets: tuple[str, ...] = ()
    tiers: tuple[Tier, ...] = ()
    annotations: dict[str, str] = {}


class HostEndpoint(Frozen, frozen=True):
    """A host endpoint (key: its endpoint id)."""

    name: str = ""  # interface; "*" all, "" by expected addresses
    profiles: tuple[str, ...] = ()
    expected_ips: tuple[str, ...] = ()
    tiers: tuple[Tier, ...] = ()
    untracked_tiers: tuple[Tier, ...] = ()
    pre_dnat_tiers: tuple[Tier, ...] = ()
    forward_tiers: tuple[Tier, ...] = ()


class HostMetadata(Frozen, frozen=True):
    """A node (key: its name)."""

    ip4: str | None = None  # interface address; a bare address of Felix is /32
    ip6: str | None = None
    asn: int | None = None
    labels: dict[str, str] = {}


class Pool(Frozen, frozen=True):
    """An IP pool (key: Felix's id)."""

    cidr: str
    masquerade: bool = False
    ipip_mode: str = ""
    vxlan_mode: str = ""


class Snapshot(Struct):
    """All that Felix has told on one connection. Mutable: the edge applies messages to it."""

    config: dict[str, str] = {}
    ip_sets: dict[str, FelixIpSet] = {}
    policies: dict[PolicyId, FelixPolicy] = {}
    profiles: dict[str, FelixPolicy] = {}
    workloads: dict[WorkloadId, Workload] = {}
    host_endpoints: dict[str, HostEndpoint] = {}
    hosts: dict[str, HostMetadata] = {}
    pools: dict[str, Pool] = {}
    in_sync: bool = False
