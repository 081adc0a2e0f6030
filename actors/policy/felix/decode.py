"""Felix's messages become events on the model. Pure.

Up to Calico 3.31 a policy has a tier and one name, later a name, namespace and kind, under the same field numbers.
ConfigUpdate comes first and has CalicoVersion, but the cluster's: during an upgrade this Felix may be older or newer,
so the names in the first policy decide. Full host data is message 37 until 3.32, since then 14, which had bare
addresses before.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from google.protobuf.message import DecodeError

from actors.policy import model
from actors.policy.model import FelixPolicyId, FelixWorkloadId
from schemas.addresses import parse_interface_address, parse_ip_prefix
from schemas.proto import felixbackend_pb2, felixbackend_v331_pb2

_VERSION = re.compile(r"v?(\d+)\.(\d+)")
_NEW_NAMES_SINCE = (3, 32)
_SET_TYPES = {0: "ip", 1: "ip-port", 2: "net"}
_STAGED = "staged:"
_ASN_MAX = 0xFFFFFFFF
_IGNORED = {  # for dataplanes that route by themselves, or known from the Kubernetes API
    "service_account_update",
    "service_account_remove",
    "namespace_update",
    "namespace_remove",
    "global_bgp_config_update",
    "encapsulation",
    "host_metadata_v6_update",
    "host_metadata_v6_remove",
}


_POLICY_KINDS = ("active_policy_update", "active_policy_remove")


class MalformedFelixMessage(Exception):
    """The bytes are no message of Felix's."""


class FelixEvent(NamedTuple):
    """A change of the snapshot: the table, the key, the new value (None: removed)."""

    table: str
    key: Any = None
    value: Any = None


class FelixIpSetDelta(NamedTuple):
    """Members that are added to a set, and removed."""

    added: frozenset[str]
    removed: frozenset[str]


class FelixDecoder:
    """Decodes the messages of one connection.

    `counters`: felix_ignored, payloads that are not used; felix_gaps, skipped sequence numbers.
    """

    def __init__(self, counters: Counter[str]) -> None:
        self.counters = counters
        self.version = (0, 0)
        self.sequence = 0
        self.old_names = False
        self._full_hosts = False  # has message 37 been heard?

    def decode(self, data: bytes) -> FelixEvent | None:
        """The event of a message; None: it is not used. Raises MalformedFelixMessage."""
        try:
            envelope = self._envelope(data)
            kind = envelope.WhichOneof("payload")
            if envelope.sequence_number != self.sequence:
                self.counters["felix_gaps"] += 1
            self.sequence = envelope.sequence_number + 1
            if kind is None or kind in _IGNORED:
                self.counters["felix_ignored"] += 1
                return None
            return self._read(kind, getattr(envelope, kind))
        except (DecodeError, ValueError) as error:
            raise MalformedFelixMessage(str(error) or type(error).__name__) from None

    def _envelope(self, data: bytes) -> Any:
        """The message in the schema of this Felix. Policies come before the endpoints that name them."""
        envelope = _schema(old=self.old_names).ToDataplane.FromString(data)
        if (envelope.WhichOneof("payload") or "") not in _POLICY_KINDS or _has_names_of(envelope, old=self.old_names):
            return envelope
        reread = _schema(old=not self.old_names).ToDataplane.FromString(data)
        if not _has_names_of(reread, old=not self.old_names):
            return envelope
        self.old_names = not self.old_names
        return reread

    def _read(self, kind: str, body: Any) -> FelixEvent | None:
        if kind == "config_update":
            return self._config(body)
        if kind.startswith("host_metadata"):
            return self._host(kind, body)
        return _READERS[kind](self, body)

    def _config(self, body: Any) -> FelixEvent:
        match = _VERSION.match(body.config.get("CalicoVersion", ""))
        if match:
            is_first = self.version == (0, 0)
            self.version = (int(match[1]), int(match[2]))
            if is_first:  # a program does not change its version while it runs; what it tells later is the cluster's
                self.old_names = self.version < _NEW_NAMES_SINCE
        return FelixEvent("config", None, dict(body.config))

    def _host(self, kind: str, body: Any) -> FelixEvent | None:
        if kind.endswith("_remove"):
            return (
                FelixEvent("hosts", body.hostname)
                if kind == "host_metadata_v4v6_remove" or not self._full_hosts
                else None
            )
        is_full = kind == "host_metadata_v4v6_update"
        self._full_hosts = self._full_hosts or is_full
        says_more = body.ipv6_addr or body.asnumber or body.labels or "/" in body.ipv4_addr
        if not is_full and (self._full_hosts or not says_more):
            self.counters["felix_ignored"] += 1
            return None
        host = model.FelixHostMetadata(
            ip4=_interface(body.hostname, "ipv4_addr", body.ipv4_addr, 4),
            ip6=_interface(body.hostname, "ipv6_addr", body.ipv6_addr, 6),
            asn=_asn(body.hostname, body.asnumber),
            labels=dict(body.labels),
        )
        return FelixEvent("hosts", body.hostname, host)

    def policy_id(self, message: Any) -> FelixPolicyId:
        """The name of a policy in ActivePolicyUpdate."""
        if self.old_names:
            return self.old_policy_id(message.tier, message.name)
        staged = message.kind.startswith("Staged")
        return FelixPolicyId(message.name, message.namespace, message.kind, staged=staged)

    def old_policy_id(self, tier: str, name: str) -> FelixPolicyId:
        """`[<namespace>/][staged:]<name>` in a tier."""
        return FelixPolicyId(name, tier=tier, staged=name.rpartition("/")[2].startswith(_STAGED))

    def tiers(self, messages: Iterable[Any]) -> tuple[model.FelixTier, ...]:
        return tuple(
            model.FelixTier(
                tier.name,
                tuple(self._tier_policy(tier.name, policy) for policy in tier.ingress_policies),
                tuple(self._tier_policy(tier.name, policy) for policy in tier.egress_policies),
                tier.default_action or "Deny",
            )
            for tier in messages
        )

    def _tier_policy(self, tier: str, policy: Any) -> FelixPolicyId:
        return self.old_policy_id(tier, policy) if isinstance(policy, str) else self.policy_id(policy)


def _schema(*, old: bool) -> Any:
    return felixbackend_v331_pb2 if old else felixbackend_pb2


def _has_names_of(envelope: Any, *, old: bool) -> bool:
    """Does the policy of this message have what that schema always has: a tier, later a kind?"""
    name = getattr(envelope, envelope.WhichOneof("payload")).id
    return bool(name.tier if old else name.kind)


def _interface(host: str, field: str, text: str, version: int) -> str | None:
    """An address with its mask; a bare one is a host prefix. Raises ValueError."""
    if not text:
        return None
    try:
        address = parse_interface_address(text)
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
    if not 0 <= number <= _ASN_MAX:
        raise ValueError(f"host {host}: asnumber: not an AS number: {text[:40]!r}")
    return number


def _ip_set(decoder: FelixDecoder, body: Any) -> FelixEvent:
    if body.type not in _SET_TYPES:
        raise ValueError(f"IPSetUpdate {body.id}: type {body.type} is unknown")
    return FelixEvent("ip_sets", body.id, model.FelixIpSet(_SET_TYPES[body.type], frozenset(body.members)))


def _delta(decoder: FelixDecoder, body: Any) -> FelixEvent:
    return FelixEvent(
        "ip_set_deltas", body.id, FelixIpSetDelta(frozenset(body.added_members), frozenset(body.removed_members))
    )


def _policy(decoder: FelixDecoder, body: Any) -> FelixEvent:
    policy = body.policy
    rules = model.FelixPolicy(
        _rules(policy.inbound_rules), _rules(policy.outbound_rules), policy.untracked, policy.pre_dnat
    )
    return FelixEvent("policies", decoder.policy_id(body.id), rules)


def _profile(decoder: FelixDecoder, body: Any) -> FelixEvent:
    profile = body.profile
    return FelixEvent(
        "profiles", body.id.name, model.FelixPolicy(_rules(profile.inbound_rules), _rules(profile.outbound_rules))
    )


def _rules(rules: Iterable[Any]) -> tuple[model.FelixRule, ...]:
    return tuple(map(_rule, rules))


def _rule(rule: Any) -> model.FelixRule:
    icmp_type, icmp_code = _icmp(rule, "icmp", "icmp_type")
    not_icmp_type, not_icmp_code = _icmp(rule, "not_icmp", "not_icmp_type")
    return model.FelixRule(
        action=rule.action.lower(),
        ip_version=rule.ip_version or None,
        protocol=_protocol(rule, "protocol"),
        src_net=tuple(rule.src_net),
        src_ports=_ports(rule.src_ports),
        dst_net=tuple(rule.dst_net),
        dst_ports=_ports(rule.dst_ports),
        icmp_type=icmp_type,
        icmp_code=icmp_code,
        src_ip_set_ids=tuple(rule.src_ip_set_ids),
        dst_ip_set_ids=tuple(rule.dst_ip_set_ids),
        src_named_port_ip_set_ids=tuple(rule.src_named_port_ip_set_ids),
        dst_named_port_ip_set_ids=tuple(rule.dst_named_port_ip_set_ids),
        dst_ip_port_set_ids=tuple(rule.dst_ip_port_set_ids),
        not_protocol=_protocol(rule, "not_protocol"),
        not_src_net=tuple(rule.not_src_net),
        not_src_ports=_ports(rule.not_src_ports),
        not_dst_net=tuple(rule.not_dst_net),
        not_dst_ports=_ports(rule.not_dst_ports),
        not_icmp_type=not_icmp_type,
        not_icmp_code=not_icmp_code,
        not_src_ip_set_ids=tuple(rule.not_src_ip_set_ids),
        not_dst_ip_set_ids=tuple(rule.not_dst_ip_set_ids),
        not_src_named_port_ip_set_ids=tuple(rule.not_src_named_port_ip_set_ids),
        not_dst_named_port_ip_set_ids=tuple(rule.not_dst_named_port_ip_set_ids),
        http_match=rule.HasField("http_match"),
        rule_id=rule.rule_id,
    )


def _protocol(rule: Any, field: str) -> int | str | None:
    if not rule.HasField(field):
        return None
    protocol = getattr(rule, field)
    return protocol.name if protocol.WhichOneof("number_or_name") == "name" else int(protocol.number)


def _ports(ranges: Iterable[Any]) -> tuple[tuple[int, int], ...]:
    return tuple((port_range.first, port_range.last) for port_range in ranges)


def _icmp(rule: Any, group: str, field: str) -> tuple[int | None, int | None]:
    group_field = rule.WhichOneof(group)
    if group_field is None:
        return None, None
    if group_field == field:
        return int(getattr(rule, field)), None
    type_and_code = getattr(rule, f"{field}_code")
    return int(type_and_code.type), int(type_and_code.code)


def _workload_id(message: Any) -> FelixWorkloadId:
    """A workload endpoint's name."""
    return FelixWorkloadId(message.orchestrator_id, message.workload_id, message.endpoint_id)


def _workload(decoder: FelixDecoder, body: Any) -> FelixEvent:
    workload = body.endpoint
    endpoint = model.FelixWorkload(
        state=workload.state or "active",
        name=workload.name,
        profiles=tuple(workload.profile_ids),
        ip4_nets=tuple(workload.ipv4_nets),
        ip6_nets=tuple(workload.ipv6_nets),
        tiers=decoder.tiers(workload.tiers),
        annotations=dict(workload.annotations),
        allowed_sources=tuple(workload.allow_spoofed_source_prefixes),
    )
    return FelixEvent("workloads", _workload_id(body.id), endpoint)


def _host_endpoint(decoder: FelixDecoder, body: Any) -> FelixEvent:
    host_endpoint = body.endpoint
    endpoint = model.FelixHostEndpoint(
        name=host_endpoint.name,
        profiles=tuple(host_endpoint.profile_ids),
        expected_ips=(*host_endpoint.expected_ipv4_addrs, *host_endpoint.expected_ipv6_addrs),
        tiers=decoder.tiers(host_endpoint.tiers),
        untracked_tiers=decoder.tiers(host_endpoint.untracked_tiers),
        pre_dnat_tiers=decoder.tiers(host_endpoint.pre_dnat_tiers),
        forward_tiers=decoder.tiers(host_endpoint.forward_tiers),
    )
    return FelixEvent("host_endpoints", body.id.endpoint_id, endpoint)


def _pool(decoder: FelixDecoder, body: Any) -> FelixEvent | None:
    if not body.id:
        decoder.counters["felix_ignored"] += 1
        return None
    pool = body.pool
    try:
        cidr = str(parse_ip_prefix(pool.cidr))
    except ValueError:
        raise ValueError(f"pool {body.id}: cidr: not a prefix: {pool.cidr!r}") from None
    return FelixEvent("pools", body.id, model.FelixIpPool(cidr, pool.masquerade, pool.ipip_mode, pool.vxlan_mode))


_READERS: dict[str, Callable[[FelixDecoder, Any], FelixEvent | None]] = {
    "in_sync": lambda decoder, body: FelixEvent("in_sync"),
    "ipset_update": _ip_set,
    "ipset_delta_update": _delta,
    "ipset_remove": lambda decoder, body: FelixEvent("ip_sets", body.id),
    "active_profile_update": _profile,
    "active_profile_remove": lambda decoder, body: FelixEvent("profiles", body.id.name),
    "active_policy_update": _policy,
    "active_policy_remove": lambda decoder, body: FelixEvent("policies", decoder.policy_id(body.id)),
    "host_endpoint_update": _host_endpoint,
    "host_endpoint_remove": lambda decoder, body: FelixEvent("host_endpoints", body.id.endpoint_id),
    "workload_endpoint_update": _workload,
    "workload_endpoint_remove": lambda decoder, body: FelixEvent("workloads", _workload_id(body.id)),
    "ipam_pool_update": _pool,
    "ipam_pool_remove": lambda decoder, body: FelixEvent("pools", body.id),
}
