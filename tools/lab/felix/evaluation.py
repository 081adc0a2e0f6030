"""Whether a flow between two workloads passes, and who decides that: tiers as Calico documents them. Pure.

It reads what the stand-in for Felix tells a dataplane, and is written for clearness: tests hold dataplanes against it.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from typing import Any

from tools.lab.felix.dataplane_state import DataplaneState
from tools.lab.felix.policies import PolicyKey
from tools.lab.objects import Object

NUMBERS = {"icmp": 1, "tcp": 6, "udp": 17, "icmpv6": 58, "sctp": 132}
ECHO_REQUEST = {4: 8, 6: 128}


@dataclass(frozen=True)
class Packet:
    """The first packet of a flow."""

    source: str
    destination: str
    protocol: int
    port: int
    source_port: int = 40000

    @property
    def version(self) -> int:
        return ip_address(self.source).version


@dataclass(frozen=True)
class FlowVerdict:
    """Whether a flow passes, and the policy, tier or profile that decides it."""

    allowed: bool
    decided_by: str


def passes(state: DataplaneState, source: Object | None, destination: Object | None, packet: Packet) -> bool:
    """Whether egress of the source and ingress of the destination (workloads of this node, or None) both allow."""
    out = source is None or direction_verdict(state, source, packet, "egress").allowed
    return out and (destination is None or direction_verdict(state, destination, packet, "ingress").allowed)


def direction_verdict(state: DataplaneState, workload: Object, packet: Packet, direction: str) -> FlowVerdict:
    """One direction of one workload; `direction` is "ingress" or "egress"."""
    field = "inbound_rules" if direction == "ingress" else "outbound_rules"
    for tier in workload["tiers"]:
        keys = [key for key in tier[f"{direction}_policies"] if not key.staged]
        for key in keys:
            action = first(state, state.policies[key].get(field, []), packet)
            if action in ("allow", "deny"):
                return FlowVerdict(action == "allow", policy_title(key))
            if action is not None:  # passed on to the next tier
                break
        else:
            if keys and tier["default_action"] != "Pass":
                return FlowVerdict(False, policy_title(keys[-1]))
    profiles = workload["profile_ids"]
    rules = [rule for name in profiles for rule in state.profiles[name].get(field, [])]
    return FlowVerdict(first(state, rules, packet) == "allow", f"profiles {', '.join(profiles)}")


def policy_title(key: PolicyKey) -> str:
    """A policy's name as kubectl's user writes it: `namespace/name`."""
    return f"{key.namespace}/{key.name}" if key.namespace else key.name


def first(state: DataplaneState, rules: Iterable[Object], packet: Packet) -> str | None:
    """The action of the first rule that matches and decides."""
    return next((rule["action"] for rule in rules if rule["action"] != "log" and matches(state, rule, packet)), None)


def matches(state: DataplaneState, rule: Object, packet: Packet) -> bool:
    """All that the rule says is so, and nothing that it excludes."""
    if rule.get("ip_version") not in (None, packet.version):
        return False
    if "protocol" in rule and number(rule["protocol"]) != packet.protocol:
        return False
    if "not_protocol" in rule and number(rule["not_protocol"]) == packet.protocol:
        return False
    if "icmp_type" in rule and rule["icmp_type"] != ECHO_REQUEST[packet.version]:
        return False
    return all(
        side_matches(state, rule, name, address, port, packet)
        for name, address, port in (
            ("src", packet.source, packet.source_port),
            ("dst", packet.destination, packet.port),
        )
    )


def number(protocol: Object) -> int:
    """A protocol's number."""
    return int(protocol["number"]) if "number" in protocol else NUMBERS[protocol["name"]]


def side_matches(state: DataplaneState, rule: Object, name: str, address: str, port: int, packet: Packet) -> bool:
    """The source's or the destination's part of a rule."""

    def values(field: str) -> list[Any]:
        return list(rule.get(field) or [])

    def in_set(set_id: str) -> bool:
        return in_nets(address, state.ip_sets[set_id][1])

    def in_port_set(set_id: str) -> bool:
        words = {word: code for code, word in ((6, "tcp"), (17, "udp"), (132, "sctp"))}
        wished = {(m.partition(",")[0], words[m.partition(",")[2].split(":")[0]], int(m.rpartition(":")[2]))
                  for m in state.ip_sets[set_id][1]}  # fmt: skip
        return (address, packet.protocol, port) in wished

    def in_ranges(field: str) -> bool:
        return any(one["first"] <= port <= one["last"] for one in values(field))

    nets, ports, port_sets = values(f"{name}_net"), values(f"{name}_ports"), values(f"{name}_named_port_ip_set_ids")
    return (
        (not nets or in_nets(address, nets))
        and (not (ports or port_sets) or in_ranges(f"{name}_ports") or any(map(in_port_set, port_sets)))
        and all(map(in_set, values(f"{name}_ip_set_ids")))
        and all(map(in_port_set, values(f"{name}_ip_port_set_ids")))
        and not in_nets(address, values(f"not_{name}_net"))
        and not in_ranges(f"not_{name}_ports")
        and not any(map(in_port_set, values(f"not_{name}_named_port_ip_set_ids")))
        and not any(map(in_set, values(f"not_{name}_ip_set_ids")))
    )


def in_nets(address: str, nets: Iterable[str]) -> bool:
    """Whether one of the prefixes contains the address."""
    parsed = ip_address(address)
    return any(parsed.version == net.version and parsed in net for net in map(ip_network, nets))
