"""Policies that every node has: between host and pods, and the ports that are never closed. Pure.

Addresses of the host are those of all uplinks; without them there is no
rule, for a rule without addresses would match everything.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_interface, ip_network

from actors.policy import ipsets
from actors.policy.policies import CompiledPolicy
from schemas.addresses import parse_ip_prefix
from schemas.npol import IpSetIntent, PolicyIntent, PolicyRule, RuleEntityMatch

_COMMON = "tcp:179,tcp:2379,tcp:2380,tcp:5473,tcp:6443,tcp:6666,tcp:6667"
_FAILSAFE = {"inbound": f"tcp:22,udp:68,{_COMMON}", "outbound": f"udp:53,udp:67,{_COMMON}"}
_TCP, _UDP, _IPIP = 6, 17, 4
_VXLAN_PORT_DEFAULT = 4789
_TRUE = ("true", "1", "yes", "y", "t")  # as Felix reads its configuration


@dataclass(frozen=True)
class FelixPolicyConfig:
    """Felix's configuration of policies. `to_host`: "drop" | "accept" | "return"."""

    to_host: str = "drop"
    inbound: tuple[PolicyRule, ...] = ()
    outbound: tuple[PolicyRule, ...] = ()
    vxlan_port: int = _VXLAN_PORT_DEFAULT
    allow_vxlan: bool = False
    allow_ipip: bool = False
    source_spoofing: bool = False  # may pods send from sources that their annotation allows?
    problems: tuple[str, ...] = ()


def parse_felix_config(raw: Mapping[str, str]) -> FelixPolicyConfig:
    """Parse Felix's values; an invalid one is reported, and its default holds."""
    values = {key.lower(): text for key, text in raw.items()}
    problems: list[str] = []
    to_host = values.get("defaultendpointtohostaction", "drop").lower()
    if to_host not in ("drop", "accept", "return"):
        problems.append(f"DefaultEndpointToHostAction: {to_host!r} is not DROP, ACCEPT or RETURN: DROP holds")
        to_host = "drop"
    inbound, outbound = (
        _failsafe(direction, values.get(f"failsafe{direction}hostports"), problems)
        for direction in ("inbound", "outbound")
    )
    port = values.get("vxlanport", str(_VXLAN_PORT_DEFAULT))
    if not port.isdigit() or not 0 < int(port) <= 65535:
        problems.append(f"VXLANPort: {port!r} is not a port: {_VXLAN_PORT_DEFAULT} holds")
        port = str(_VXLAN_PORT_DEFAULT)
    spoofing = values.get("workloadsourcespoofing", "disabled").lower()
    if spoofing not in ("disabled", "any"):
        problems.append(f"WorkloadSourceSpoofing: {spoofing!r} is not Disabled or Any: Disabled holds")
    return FelixPolicyConfig(
        to_host,
        inbound,
        outbound,
        int(port),
        values.get("allowvxlanpacketsfromworkloads", "").lower() in _TRUE,
        values.get("allowipippacketsfromworkloads", "").lower() in _TRUE,
        spoofing == "any",
        tuple(problems),
    )


def _failsafe(direction: str, text: str | None, problems: list[str]) -> tuple[PolicyRule, ...]:
    field = f"Failsafe{direction.capitalize()}HostPorts"
    if text is not None and text.strip().lower() == "none":
        return ()
    try:
        return tuple(_port_rule(direction, part) for part in _parts(_FAILSAFE[direction] if text is None else text))
    except ValueError as error:
        problems.append(f"{field}: {error}: the default holds")
        return tuple(_port_rule(direction, part) for part in _parts(_FAILSAFE[direction]))


def _parts(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _port_rule(direction: str, part: str) -> PolicyRule:
    """`<port>` (TCP), `<protocol>:<port>` or `<protocol>:<net>:<port>`, IPv6 nets in brackets. Raises ValueError."""
    protocol, _, location = part.partition(":") if ":" in part else ("tcp", "", part)
    net, _, port = location.rpartition(":")
    numbers = {"tcp": _TCP, "udp": _UDP}
    if protocol.lower() not in numbers:
        raise ValueError(f"{part!r}: the protocol is not tcp or udp")
    if not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"{part!r}: {port!r} is not a port")
    nets = (str(parse_ip_prefix(net.strip("[]"))),) if net else ()
    ports = ((int(port), int(port)),)
    if direction == "inbound":
        return PolicyRule(
            "allow", numbers[protocol.lower()], source=RuleEntityMatch(nets), destination=RuleEntityMatch(ports=ports)
        )
    return PolicyRule("allow", numbers[protocol.lower()], destination=RuleEntityMatch(nets, ports=ports))


def all_pods_ip_set(addresses: Iterable[str]) -> IpSetIntent:
    """The addresses of this node's pods."""
    return ipsets.vpp_ip_set("vppd/pods", "ip", set(addresses))


def from_host_policy(hosts: tuple[str, ...], pods: IpSetIntent) -> CompiledPolicy:
    """The host reaches its pods, against all policies."""
    tx = (PolicyRule("allow", source=RuleEntityMatch(hosts)),) if hosts else ()
    rx = (PolicyRule("allow", destination=RuleEntityMatch(sets=(pods.name,))),)
    return CompiledPolicy(PolicyIntent("vppd/from-host", rx, tx), {pods.name: pods})


def to_host_policy(hosts: tuple[str, ...]) -> CompiledPolicy:
    """Traffic of the host itself passes the uplink: the host's tap decides."""
    if not hosts:
        return CompiledPolicy(PolicyIntent("vppd/to-host"), {})
    tx, rx = PolicyRule("allow", destination=RuleEntityMatch(hosts)), PolicyRule("allow", source=RuleEntityMatch(hosts))
    return CompiledPolicy(PolicyIntent("vppd/to-host", (rx,), (tx,)), {})


def workloads_to_host_policy(action: str, pods: IpSetIntent) -> CompiledPolicy | None:
    """Pods towards their own host; None: the host endpoint's own policies decide."""
    if action == "return":
        return None
    rule = PolicyRule("allow" if action == "accept" else "deny", source=RuleEntityMatch(sets=(pods.name,)))
    return CompiledPolicy(PolicyIntent("vppd/workloads-to-host", (), (rule,)), {pods.name: pods})


def failsafe_policy(config: FelixPolicyConfig) -> CompiledPolicy:
    """Ports of the host that no policy closes."""
    return CompiledPolicy(PolicyIntent("vppd/failsafe", config.outbound, config.inbound), {})


def no_tunnels_policy(config: FelixPolicyConfig) -> CompiledPolicy:
    """Pods may not send the node's tunnel packets."""
    rules = []
    if not config.allow_vxlan:
        rules.append(
            PolicyRule("deny", _UDP, destination=RuleEntityMatch(ports=((config.vxlan_port, config.vxlan_port),)))
        )
    if not config.allow_ipip:
        rules.append(PolicyRule("deny", _IPIP))
    return CompiledPolicy(PolicyIntent("vppd/no-tunnels", tuple(rules), ()), {})


def host_prefixes(addresses: Iterable[str]) -> tuple[str, ...]:
    """The host's addresses as sorted prefixes, without link-local ones: other hosts may have the same."""
    host_addresses = {ip_interface(address).ip for address in addresses}
    return tuple(sorted(str(ip_network(address)) for address in host_addresses if not address.is_link_local))
