"""Felix's configuration, policies and endpoints in one form for all its versions. Pure data.

Decoded by the edge, read by `desired.py`. Text is as in felixbackend.proto unless a field says otherwise.
"""

from msgspec import Struct


class _Frozen(Struct, frozen=True, omit_defaults=True):
    """Base: values compare by content."""


class FelixPolicyId(_Frozen, frozen=True, order=True):
    """A policy's name: tier and name up to Calico 3.31, later name, namespace and kind.

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


class FelixRule(_Frozen, frozen=True):
    """A rule matches if all present conditions hold. `not_x` mirrors `x`."""

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


class FelixPolicy(_Frozen, frozen=True):
    """A policy's or a profile's rules."""

    inbound: tuple[FelixRule, ...] = ()
    outbound: tuple[FelixRule, ...] = ()
    untracked: bool = False
    pre_dnat: bool = False


class FelixIpSet(_Frozen, frozen=True):
    """`type`: "ip" | "ip-port" | "net". Members as Felix writes them, e.g. "10.0.0.1,tcp:80"."""

    type: str
    members: frozenset[str] = frozenset()


class FelixTier(_Frozen, frozen=True):
    """A tier with policies for an endpoint, in order of evaluation. `default_action`: "Deny" | "Pass"."""

    name: str
    ingress: tuple[FelixPolicyId, ...] = ()
    egress: tuple[FelixPolicyId, ...] = ()
    default_action: str = "Deny"


class FelixWorkloadId(_Frozen, frozen=True, order=True):
    """`workload` is "<namespace>/<pod>"."""

    orchestrator: str
    workload: str
    endpoint: str


class FelixWorkload(_Frozen, frozen=True):
    """A workload endpoint."""

    state: str = "active"
    name: str = ""  # Linux interface name that Calico gave it
    profiles: tuple[str, ...] = ()
    ip4_nets: tuple[str, ...] = ()
    ip6_nets: tuple[str, ...] = ()
    tiers: tuple[FelixTier, ...] = ()
    annotations: dict[str, str] = {}
    allowed_sources: tuple[str, ...] = ()  # prefixes that it may send from beside its own addresses


class FelixHostEndpoint(_Frozen, frozen=True):
    """A host endpoint (key: its endpoint id)."""

    name: str = ""  # interface; "*" all, "" by expected addresses
    profiles: tuple[str, ...] = ()
    expected_ips: tuple[str, ...] = ()
    tiers: tuple[FelixTier, ...] = ()
    untracked_tiers: tuple[FelixTier, ...] = ()
    pre_dnat_tiers: tuple[FelixTier, ...] = ()
    forward_tiers: tuple[FelixTier, ...] = ()


class FelixHostMetadata(_Frozen, frozen=True):
    """A node (key: its name)."""

    ip4: str | None = None  # interface address; a bare address of Felix is /32
    ip6: str | None = None
    asn: int | None = None
    labels: dict[str, str] = {}


class FelixIpPool(_Frozen, frozen=True):
    """An IP pool (key: Felix's id)."""

    cidr: str
    masquerade: bool = False
    ipip_mode: str = ""
    vxlan_mode: str = ""


class FelixSnapshot(Struct):
    """All that Felix has sent on one connection. Mutable: the edge applies messages to it."""

    config: dict[str, str] = {}
    ip_sets: dict[str, FelixIpSet] = {}
    policies: dict[FelixPolicyId, FelixPolicy] = {}
    profiles: dict[str, FelixPolicy] = {}
    workloads: dict[FelixWorkloadId, FelixWorkload] = {}
    host_endpoints: dict[str, FelixHostEndpoint] = {}
    hosts: dict[str, FelixHostMetadata] = {}
    pools: dict[str, FelixIpPool] = {}
    in_sync: bool = False
