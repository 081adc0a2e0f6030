"""Felix's messages as our model. Pure.

Up to Calico 3.31 a policy is called by its tier and one name, later by name, namespace and kind, under the same
field numbers. ConfigUpdate tells CalicoVersion first of all, but that is the cluster's: while it is upgraded, this
Felix may be older or newer, so what a policy is really called like decides. Full host data came as message 37
until 3.32, since then as 14, which before told bare addresses (spec/policies.md section 2, version traps).
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from ipaddress import ip_interface, ip_network
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from actors.policy import model
from actors.policy.model import PolicyId, WorkloadId
from schemas.proto import felixbackend_pb2, felixbackend_v331_pb2

VERSION = re.compile(r"v?(\d+)\.(\d+)")
NEW_NAMES_SINCE = (3, 32)
SET_TYPES = {0: "ip", 1: "ip-port", 2: "net"}
STAGED = "staged:"
ASN_MAX = 0xFFFFFFFF
IGNORED = {  # told for dataplanes that route by themselves, or known from the Kubernetes API
    "service_account_update",
    "service_account_remove",
    "namespace_update",
    "namespace_remove",
    "global_bgp_config_update",
    "encapsulation",
    "host_metadata_v6_update",
    "host_metadata_v6_remove",
}


POLICY_KINDS = ("active_policy_update", "active_policy_remove")


class Malformed(Exception):
    """Bytes that are no message of Felix's."""


class Event(NamedTuple):
    """One change: of which table of the snapshot, which key, what it is now (None: gone)."""

    table: str
    key: Any = None
    value: Any = None


class Delta(NamedTuple):
    """Members of a set that come and go."""

    added: frozenset[str]
    removed: frozenset[str]


class Decoder:
    """The messages of one connection.

    `counters`: felix_ignored, payloads that mean nothing here; felix_gaps, sequence numbers that were skipped.
    """

    def __init__(self, counters: Counter[str]) -> None:
        self.counters = counters
        self.version = (0, 0)
        self.sequence = 0
        self.old_names = False
        self._full_hosts = False  # has message 37 been heard?

    def decode(self, data: bytes) -> Event | None:
        """The event of a message; None for one that means nothing here. Raises Malformed."""
        try:
            envelope = self._envelope(data)
            kind = envelope.WhichOneof("payload")
            if envelope.sequence_number != self.sequence:
                self.counters["felix_gaps"] += 1
            self.sequence = envelope.sequence_number + 1
            if kind is None or kind in IGNORED:
                self.counters["felix_ignored"] += 1
                return None
            return self._read(kind, getattr(envelope, kind))
        except (DecodeError, ValueError) as error:
            raise Malformed(str(error) or type(error).__name__) from None

    def _envelope(self, data: bytes) -> Any:
        """The message in the schema of this Felix. Every policy is told before an endpoint that names it."""
        envelope = _schema(old=self.old_names).ToDataplane.FromString(data)
        if (envelope.WhichOneof("payload") or "") not in POLICY_KINDS or _is_called(envelope, old=self.old_names):
            return envelope
        other = _schema(old=not self.old_names).ToDataplane.FromString(data)
        if not _is_called(other, old=not self.old_names):
            return envelope
        self.old_names = not self.old_names
        return other

    def _read(self, kind: str, body: Any) -> Event | None:
        if kind == "config_update":
            return self._config(body)
        if kind.startswith("host_metadata"):
            return self._host(kind, body)
        return READERS[kind](self, body)

    def _config(self, body: Any) -> Event:
        found = VERSION.match(body.config.get("CalicoVersion", ""))
        if found:
            first = self.version == (0, 0)
            self.version = (int(found[1]), int(found[2]))
            if first:  # a program does not change its version while it runs; what it tells later is the cluster's
                self.old_names = self.version < NEW_NAMES_SINCE
        return Event("config", None, dict(body.config))

    def _host(self, kind: str, body: Any) -> Event | None:
        if kind.endswith("_remove"):
            return (
                Event("hosts", body.hostname) if kind == "host_metadata_v4v6_remove" or not self._full_hosts else None
            )
        whole = kind == "host_metadata_v4v6_update"
        self._full_hosts = self._full_hosts or whole
        says_more = body.ipv6_addr or body.asnumber or body.labels or "/" in body.ipv4_addr
        if not whole and (self._full_hosts or not says_more):
            self.counters["felix_ignored"] += 1
            return None
        host = model.HostMetadata(
            ip4=_interface(body.hostname, "ipv4_addr", body.ipv4_addr, 4),
            ip6=_interface(body.hostname, "ipv6_addr", body.ipv6_addr, 6),
            asn=_asn(body.hostname, body.asnumber),
            labels=dict(body.labels),
        )
        return Event("hosts", body.hostname, host)

    def policy_id(self, message: Any) -> PolicyId:
        """A policy as ActivePolicyUpdate calls it."""
        if self.old_names:
            return self.old_policy_id(message.tier, message.name)
        staged = message.kind.startswith("Staged")
        return PolicyId(message.name, message.namespace, message.kind, staged=staged)

    def old_policy_id(self, tier: str, name: str) -> PolicyId:
        """`[<namespace>/][staged:]<name>` in a tier."""
        return PolicyId(name, tier=tier, staged=name.rpartition("/")[2].startswith(STAGED))

    def tiers(self, told: Iterable[Any]) -> tuple[model.Tier, ...]:
        return tuple(
            model.Tier(
                each.name,
                tuple(self._tier_policy(each.name, one) for one in each.ingress_policies),
                tuple(self._tier_policy(each.name, one) for one in each.egress_policies),
                each.default_action or "Deny",
            )
            for each in told
        )

    def _tier_policy(self, tier: str, told: Any) -> PolicyId:
        return self.old_policy_id(tier, told) if isinstance(told, str) else self.policy_id(told)


def _schema(*, old: bool) -> Any:
    return felixbackend_v331_pb2 if old else felixbackend_pb2


def _is_called(envelope: Any, *, old: bool) -> bool:
    """Has the policy of this message what every policy of that schema has: a tier, later a kind?"""
    name = getattr(envelope, envelope.WhichOneof("payload")).id
    return bool(name.tier if old else name.kind)


def _interface(host: str, field: str, text: str, version: int) -> str | None:
    """An address with its mask; a bare one stands alone. Raises ValueError."""
    if not text:
        return None
    try:
        address = ip_interface(text)
    except ValueError:
        raise ValueError(f"host {host}: {field}: not an address: {text!r}") from None
    if address.version != version:
        raise ValueError(f"host {host}: {field}: not an IPv{version} address: {text!r}")
    return str(address)


def _asn(host: str, text: str) -> int | None:
    """Plain, or as `<high>.<low>`. Raises ValueError."""
    if not text:
        return None
    high, dot, low = text.partition(".")
    try:
        number = int(high) << 16 | int(low) if dot else int(text)
    except ValueError:
        number = -1
    if not 0 <= number <= ASN_MAX:
        raise ValueError(f"host {host}: asnumber: not an AS number: {text[:40]!r}")
    return number


def _ip_set(decoder: Decoder, body: Any) -> Event:
    if body.type not in SET_TYPES:
        raise ValueError(f"IPSetUpdate {body.id}: type {body.type} is unknown")
    return Event("ip_sets", body.id, model.FelixIpSet(SET_TYPES[body.type], frozenset(body.members)))


def _delta(decoder: Decoder, body: Any) -> Event:
    return Event("ip_set_deltas", body.id, Delta(frozenset(body.added_members), frozenset(body.removed_members)))


def _policy(decoder: Decoder, body: Any) -> Event:
    told = body.policy
    rules = model.FelixPolicy(_rules(told.inbound_rules), _rules(told.outbound_rules), told.untracked, told.pre_dnat)
    return Event("policies", decoder.policy_id(body.id), rules)


def _profile(decoder: Decoder, body: Any) -> Event:
    told = body.profile
    return Event("profiles", body.id.name, model.FelixPolicy(_rules(told.inbound_rules), _rules(told.outbound_rules)))


def _rules(told: Iterable[Any]) -> tuple[model.FelixRule, ...]:
    return tuple(map(_rule, told))


def _rule(told: Any) -> model.FelixRule:
    icmp_type, icmp_code = _icmp(told, "icmp", "icmp_type")
    not_icmp_type, not_icmp_code = _icmp(told, "not_icmp", "not_icmp_type")
    return model.FelixRule(
        action=told.action.lower(),
        ip_version=told.ip_version or None,
        protocol=_protocol(told, "protocol"),
        src_net=tuple(told.src_net),
        src_ports=_ports(told.src_ports),
        dst_net=tuple(told.dst_net),
        dst_ports=_ports(told.dst_ports),
        icmp_type=icmp_type,
        icmp_code=icmp_code,
        src_ip_set_ids=tuple(told.src_ip_set_ids),
        dst_ip_set_ids=tuple(told.dst_ip_set_ids),
        src_named_port_ip_set_ids=tuple(told.src_named_port_ip_set_ids),
        dst_named_port_ip_set_ids=tuple(told.dst_named_port_ip_set_ids),
        dst_ip_port_set_ids=tuple(told.dst_ip_port_set_ids),
        not_protocol=_protocol(told, "not_protocol"),
        not_src_net=tuple(told.not_src_net),
        not_src_ports=_ports(told.not_src_ports),
        not_dst_net=tuple(told.not_dst_net),
        not_dst_ports=_ports(told.not_dst_ports),
        not_icmp_type=not_icmp_type,
        not_icmp_code=not_icmp_code,
        not_src_ip_set_ids=tuple(told.not_src_ip_set_ids),
        not_dst_ip_set_ids=tuple(told.not_dst_ip_set_ids),
        not_src_named_port_ip_set_ids=tuple(told.not_src_named_port_ip_set_ids),
        not_dst_named_port_ip_set_ids=tuple(told.not_dst_named_port_ip_set_ids),
        http_match=told.HasField("http_match"),
        rule_id=told.rule_id,
    )


def _protocol(told: Any, field: str) -> int | str | None:
    if not told.HasField(field):
        return None
    protocol = getattr(told, field)
    return protocol.name if protocol.WhichOneof("number_or_name") == "name" else int(protocol.number)


def _ports(told: Iterable[Any]) -> tuple[tuple[int, int], ...]:
    return tuple((each.first, each.last) for each in told)


def _icmp(told: Any, group: str, field: str) -> tuple[int | None, int | None]:
    which = told.WhichOneof(group)
    if which is None:
        return None, None
    if which == field:
        return int(getattr(told, field)), None
    both = getattr(told, f"{field}_code")
    return int(both.type), int(both.code)


def workload_id(told: Any) -> WorkloadId:
    """A workload endpoint's name."""
    return WorkloadId(told.orchestrator_id, told.workload_id, told.endpoint_id)


def _workload(decoder: Decoder, body: Any) -> Event:
    told = body.endpoint
    endpoint = model.Workload(
        state=told.state or "active",
        name=told.name,
        profiles=tuple(told.profile_ids),
        ip4_nets=tuple(told.ipv4_nets),
        ip6_nets=tuple(told.ipv6_nets),
        tiers=decoder.tiers(told.tiers),
        annotations=dict(told.annotations),
    )
    return Event("workloads", workload_id(body.id), endpoint)


def _host_endpoint(decoder: Decoder, body: Any) -> Event:
    told = body.endpoint
    endpoint = model.HostEndpoint(
        name=told.name,
        profiles=tuple(told.profile_ids),
        expected_ips=(*told.expected_ipv4_addrs, *told.expected_ipv6_addrs),
        tiers=decoder.tiers(told.tiers),
        untracked_tiers=decoder.tiers(told.untracked_tiers),
        pre_dnat_tiers=decoder.tiers(told.pre_dnat_tiers),
        forward_tiers=decoder.tiers(told.forward_tiers),
    )
    return Event("host_endpoints", body.id.endpoint_id, endpoint)


def _pool(decoder: Decoder, body: Any) -> Event | None:
    if not body.id:
        decoder.counters["felix_ignored"] += 1
        return None
    told = body.pool
    try:
        cidr = str(ip_network(told.cidr, strict=False))
    except ValueError:
        raise ValueError(f"pool {body.id}: cidr: not a prefix: {told.cidr!r}") from None
    return Event("pools", body.id, model.Pool(cidr, told.masquerade, told.ipip_mode, told.vxlan_mode))


READERS: dict[str, Callable[[Decoder, Any], Event | None]] = {
    "in_sync": lambda decoder, body: Event("in_sync"),
    "ipset_update": _ip_set,
    "ipset_delta_update": _delta,
    "ipset_remove": lambda decoder, body: Event("ip_sets", body.id),
    "active_profile_update": _profile,
    "active_profile_remove": lambda decoder, body: Event("profiles", body.id.name),
    "active_policy_update": _policy,
    "active_policy_remove": lambda decoder, body: Event("policies", decoder.policy_id(body.id)),
    "host_endpoint_update": _host_endpoint,
    "host_endpoint_remove": lambda decoder, body: Event("host_endpoints", body.id.endpoint_id),
    "workload_endpoint_update": _workload,
    "workload_endpoint_remove": lambda decoder, body: Event("workloads", workload_id(body.id)),
    "ipam_pool_update": _pool,
    "ipam_pool_remove": lambda decoder, body: Event("pools", body.id),
}
