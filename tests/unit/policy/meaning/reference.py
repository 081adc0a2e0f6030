"""Calico's semantics, evaluated straight from what Felix tells, flow by flow.

Written for clearness and apart from the compiler: it shares no code with what it checks.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from ipaddress import ip_address, ip_interface, ip_network

from actors.policy.model import (
    FelixHostEndpoint,
    FelixPolicy,
    FelixPolicyId,
    FelixRule,
    FelixSnapshot,
    FelixTier,
    FelixWorkload,
)
from schemas.facts import PodInterfaceFact, UplinkFact

NUMBERS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132}
PORTED = (6, 17, 132)
ECHO = {1: 8, 58: 128}


@dataclass(frozen=True)
class Flow:
    """The first packet of a flow: of ICMP an echo request, whose identifier stands where others have ports."""

    source: str
    destination: str
    protocol: int
    sport: int
    dport: int

    @property
    def version(self) -> int:
        return ip_address(self.source).version


class Reference:
    """Says what passes between the pods, the host and others, as Calico's documentation has it."""

    def __init__(
        self, snapshot: FelixSnapshot, pods: Sequence[PodInterfaceFact], uplinks: Sequence[UplinkFact]
    ) -> None:
        self.snapshot = snapshot
        self.pods = {str(ip_address(a)) for pod in pods for a in pod.addresses}
        self.host = {str(ip_interface(a).ip) for uplink in uplinks for a in uplink.addresses}

    def pod(self, workload: FelixWorkload | None, flow: Flow, direction: str) -> bool:
        """Ingress or egress of a pod."""
        if direction == "ingress" and flow.source in self.host:
            return True
        if workload is None or workload.state != "active":
            return False
        if direction == "egress" and flow.protocol == 17 and flow.dport == 4789:
            return False
        return self.normal(workload.tiers, workload.profiles, flow, direction)

    def terminated(self, host: FelixHostEndpoint | None, flow: Flow, direction: str) -> bool:
        """What the host itself receives (ingress) or sends (egress)."""
        action = self.snapshot.config.get("DefaultEndpointToHostAction", "DROP").upper()
        if direction == "ingress" and flow.source in self.pods and action != "RETURN":
            return action == "ACCEPT"
        if host is None:
            return True
        if direction == "egress" and flow.destination in self.pods:
            return True
        if (flow.protocol, flow.dport) in ((6, 22) if direction == "ingress" else (17, 53), (6, 179)):
            return True
        return self.normal((*with_pass(host.untracked_tiers), *host.tiers), host.profiles, flow, direction)

    def forwarded(self, host: FelixHostEndpoint | None, flow: Flow, direction: str) -> bool:
        """What crosses the uplink from (ingress) or to (egress) the wire."""
        if host is None:
            return True
        if (flow.destination if direction == "ingress" else flow.source) in self.host:
            return True
        verdict = self.tiers((*with_pass(host.untracked_tiers), *host.forward_tiers), flow, direction)
        if verdict is None:
            return not any(enforced_policies(tier, direction) for tier in host.forward_tiers)
        return verdict

    def normal(self, tiers: Iterable[FelixTier], profiles: Iterable[str], flow: Flow, direction: str) -> bool:
        verdict = self.tiers(tiers, flow, direction)
        if verdict is None:
            action = self.first([self.snapshot.profiles[name] for name in profiles], flow, direction)
            return action == "allow"
        return verdict

    def tiers(self, tiers: Iterable[FelixTier], flow: Flow, direction: str) -> bool | None:
        """None: no tier has decided."""
        for tier in tiers:
            ids = enforced_policies(tier, direction)
            action = self.first([self.snapshot.policies[each] for each in ids], flow, direction)
            if action in ("allow", "deny"):
                return action == "allow"
            if action is None and ids and tier.default_action != "Pass":
                return False
        return None

    def first(self, policies: Iterable[FelixPolicy], flow: Flow, direction: str) -> str | None:
        """The action of the first rule that matches and is not for the log."""
        for policy in policies:
            for rule in policy.inbound if direction == "ingress" else policy.outbound:
                if rule.action != "log" and self.matches(rule, flow):
                    return {"": "allow", "next-tier": "pass"}.get(rule.action, rule.action)
        return None

    def matches(self, rule: FelixRule, flow: Flow) -> bool:
        return (
            rule.ip_version in (None, flow.version)
            and rule.protocol in (None, flow.protocol, *names(flow.protocol))
            and (rule.not_protocol is None or rule.not_protocol not in (flow.protocol, *names(flow.protocol)))
            and (rule.icmp_type is None or is_echo(flow, rule.icmp_type, rule.icmp_code))
            and (rule.not_icmp_type is None or not is_echo(flow, rule.not_icmp_type, rule.not_icmp_code))
            and self.side(rule, "src", flow, flow.source, flow.sport)
            and self.side(rule, "dst", flow, flow.destination, flow.dport)
            and all(self.holds(each, flow, flow.destination, flow.dport) for each in rule.dst_ip_port_set_ids)
        )

    def side(self, rule: FelixRule, side: str, flow: Flow, address: str, port: int) -> bool:
        def of(field: str) -> tuple[object, ...]:
            return tuple(getattr(rule, field.replace("x_", f"{side}_")))

        def in_range(ranges: tuple[object, ...]) -> bool:
            return flow.protocol in PORTED and any(a <= port <= b for a, b in ranges)  # type: ignore[misc, has-type]

        def in_sets(field: str) -> list[bool]:
            return [self.holds(str(each), flow, address, port) for each in of(field)]

        nets, ports, named_ports = of("x_net"), of("x_ports"), of("x_named_port_ip_set_ids")
        return (
            (not nets or within(address, nets))
            and all(in_sets("x_ip_set_ids"))
            and (not (ports or named_ports) or in_range(ports) or any(in_sets("x_named_port_ip_set_ids")))
            and not within(address, of("not_x_net"))
            and not any(in_sets("not_x_ip_set_ids"))
            and not in_range(of("not_x_ports"))
            and not any(in_sets("not_x_named_port_ip_set_ids"))
        )

    def holds(self, name: str, flow: Flow, address: str, port: int) -> bool:
        ip_set = self.snapshot.ip_sets[name]
        if ip_set.type != "ip-port":
            return within(address, ip_set.members)
        for member in ip_set.members:
            host, _, place = member.partition(",")
            protocol, _, number = place.partition(":")
            if ip_address(host) == ip_address(address) and (NUMBERS[protocol], int(number)) == (flow.protocol, port):
                return True
        return False


def enforced_policies(tier: FelixTier, direction: str) -> list[FelixPolicyId]:
    """The policies that count."""
    return [
        policy_id for policy_id in (tier.ingress if direction == "ingress" else tier.egress) if not policy_id.staged
    ]


def with_pass(tiers: Iterable[FelixTier]) -> list[FelixTier]:
    """Untracked tiers never end."""
    return [FelixTier(tier.name, tier.ingress, tier.egress, "Pass") for tier in tiers]


def names(protocol: int) -> list[str]:
    return [name for name, number in NUMBERS.items() if number == protocol]


def is_echo(flow: Flow, kind: int, code: int | None) -> bool:
    return ECHO.get(flow.protocol) == kind and code in (None, 0)


def within(address: str, nets: Iterable[object]) -> bool:
    return any(contains(str(net), address) for net in nets)


@cache
def contains(net: str, address: str) -> bool:
    return ip_address(address) in ip_network(net, strict=False)
