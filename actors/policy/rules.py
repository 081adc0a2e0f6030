"""One rule of Felix's compiled to VPP's. Pure.

What VPP cannot express exactly is compiled so that nothing more passes: a rule that allows is left out, one that denies
loses the inexpressible condition, one that passes on denies. All of it is reported.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import NoReturn, TypeVar

from actors.policy import ipsets
from actors.policy.model import FelixRule
from schemas.addresses import parse_ip_prefix
from schemas.npol import IpSetIntent, PolicyRule, RuleEntityMatch

_PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "udplite": 136}
_ECHO_REQUEST = {1: 8, 58: 128}  # the only ICMP that begins a flow in VPP
_OF_ECHO = {echo: protocol for protocol, echo in _ECHO_REQUEST.items()}
_WITH_PORTS = (6, 17, 132, 136)  # of others VPP compares bytes that are no ports
_ADDRESSES, _SERVICES = ("ip", "net"), ("ip-port",)  # types of sets, for addresses and for ports
_ALL_ADDRESSES = {4: "0.0.0.0/0", 6: "::/0"}
_ACTIONS = {"": "allow", "allow": "allow", "deny": "deny", "pass": "pass", "next-tier": "pass"}
_LOG = "log"
T = TypeVar("T")


class InexpressibleRule(Exception):
    """VPP has no condition for it; the text says for what."""


class RuleMatchesNothing(Exception):
    """The rule matches no packet that VPP asks policies about."""


class IpSetsForRules:
    """Sets that rules may refer to, and intersections of them. `referenced`: those that a rule refers to, by name."""

    def __init__(self, compiled_sets: Mapping[str, ipsets.CompiledIpSet]) -> None:
        self._compiled_sets = compiled_sets
        self.referenced: dict[str, IpSetIntent] = {}
        self._intersections: dict[tuple[str, ...], str] = {}

    def refer(self, names: Iterable[str], types: tuple[str, ...], *, needs_whole: bool) -> tuple[str, ...]:
        """VPP's names of these sets.

        Raises InexpressibleRule for a set that is missing, of another type, or damaged where it must be whole.
        """
        references = []
        for name in names:
            compiled = self._compiled_sets.get(name)
            if compiled is None:
                raise InexpressibleRule(f"set {name} is not known")
            if compiled.intent.type not in types:
                raise InexpressibleRule(f"set {name} is of type {compiled.intent.type!r}")
            if needs_whole and compiled.problems:
                raise InexpressibleRule(f"set {name} lacks members that cannot be read")
            references.append(self._keep(compiled.intent))
        return tuple(references)

    def refer_to_intersection(
        self, names: tuple[str, ...], types: tuple[str, ...], *, needs_whole: bool
    ) -> tuple[str, ...]:
        """VPP's name of the intersection of these sets."""
        references = self.refer(names, types, needs_whole=needs_whole)
        return references if len(references) < 2 else self.intersection(references)

    def intersection(self, names: Iterable[str]) -> tuple[str, ...]:
        """The name of the intersection of sets that are called `names` in VPP."""
        key = tuple(names)
        if key not in self._intersections:
            self._intersections[key] = self._keep(ipsets.intersect_ip_sets([self.referenced[name] for name in key]))
        return (self._intersections[key],)

    def _keep(self, intent: IpSetIntent) -> str:
        self.referenced[intent.name] = intent
        return intent.name


def compile_policy_rule(felix_rule: FelixRule, sets: IpSetsForRules) -> tuple[PolicyRule | None, list[str]]:
    """VPP's rule, or None if there must be none; and problems for the status."""
    problems: list[str] = []
    action = felix_rule.action.lower()
    if action == _LOG:
        return None, ["action: log: VPP logs no packets: the rule is left out"]
    if action not in _ACTIONS:
        problems.append(f"action: {felix_rule.action!r} is unknown: denied")
    if felix_rule.http_match:
        problems.append("http_match: is not enforced here")
    action = _ACTIONS.get(action, "deny")
    try:
        return _Compiler(felix_rule, sets, action, problems).rule(), problems
    except RuleMatchesNothing:
        return None, problems
    except InexpressibleRule as reason:
        if action == "pass":
            return _as_denial(felix_rule, sets), [*problems, f"{reason}: denied instead of passed on"]
        return None, [*problems, f"{reason}: the rule is left out"]


def _as_denial(felix_rule: FelixRule, sets: IpSetsForRules) -> PolicyRule | None:
    """The rule as one that denies: if a rule that passes on were left out, the next rules of its tier would decide."""
    try:
        return _Compiler(felix_rule, sets, "deny", []).rule()
    except RuleMatchesNothing:
        return None


class _Compiler:
    """Compiles one rule."""

    def __init__(self, felix_rule: FelixRule, sets: IpSetsForRules, action: str, problems: list[str]) -> None:
        self.felix_rule, self.sets, self.action, self.problems = felix_rule, sets, action, problems
        self.has_ports = False

    @property
    def denies(self) -> bool:
        return self.action == "deny"

    @property
    def allows(self) -> bool:
        return self.action == "allow"

    def rule(self) -> PolicyRule:
        felix_rule = self.felix_rule
        protocol = self.icmp(self.expressed(lambda: _number(felix_rule.protocol)))
        self.has_ports = protocol in _WITH_PORTS
        not_protocol = self.expressed(lambda: _number(felix_rule.not_protocol))
        src, dst = self.families()
        return PolicyRule(
            action=self.action,
            protocol=protocol,
            not_protocol=not_protocol,
            source=self.match(
                src, felix_rule.src_ip_set_ids, felix_rule.src_ports, felix_rule.src_named_port_ip_set_ids, ()
            ),
            destination=self.match(
                dst,
                felix_rule.dst_ip_set_ids,
                felix_rule.dst_ports,
                felix_rule.dst_named_port_ip_set_ids,
                felix_rule.dst_ip_port_set_ids,
            ),
            not_source=self.exception(
                felix_rule.not_src_net,
                felix_rule.not_src_ip_set_ids,
                felix_rule.not_src_ports,
                felix_rule.not_src_named_port_ip_set_ids,
            ),
            not_destination=self.exception(
                felix_rule.not_dst_net,
                felix_rule.not_dst_ip_set_ids,
                felix_rule.not_dst_ports,
                felix_rule.not_dst_named_port_ip_set_ids,
            ),
        )

    def expressed(self, condition: Callable[[], T]) -> T | None:
        """The condition; None if it is inexpressible and the rule denies, which then denies without it."""
        try:
            return condition()
        except InexpressibleRule as reason:
            if not self.denies:
                raise
            self.problems.append(f"{reason}: denied without it")
            return None

    def icmp(self, protocol: int | None) -> int | None:
        """The protocol that an ICMP type implies. VPP asks about echo requests only. Raises RuleMatchesNothing."""
        felix_rule = self.felix_rule
        if protocol is None and felix_rule.icmp_type is not None:
            protocol = _OF_ECHO.get(felix_rule.icmp_type)
        echo = _ECHO_REQUEST.get(protocol or 0)
        if felix_rule.icmp_type is not None and (felix_rule.icmp_type != echo or felix_rule.icmp_code not in (None, 0)):
            kind = "/".join(str(n) for n in (felix_rule.icmp_type, felix_rule.icmp_code) if n is not None)
            self.problems.append(f"icmp_type: {kind}: VPP lets it pass unasked")
            raise RuleMatchesNothing
        if felix_rule.not_icmp_type is not None and echo is None:
            self.expressed(lambda: _raise_inexpressible("not_icmp_type: of another protocol"))
        elif felix_rule.not_icmp_type == echo is not None and felix_rule.not_icmp_code in (None, 0):
            self.problems.append(f"not_icmp_type: {echo}: VPP lets all other types pass unasked")
            raise RuleMatchesNothing
        return protocol

    def families(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Source and destination nets, restricted to the family of the rule."""
        felix_rule, version = self.felix_rule, self.felix_rule.ip_version
        src, dst = (
            self.nets(field, nets) for field, nets in (("src_net", felix_rule.src_net), ("dst_net", felix_rule.dst_net))
        )
        if version is None:
            return src, dst
        if not src and not dst:
            return (_ALL_ADDRESSES[version],), ()
        src, dst = (_of_family(nets, version) for nets in (src, dst))
        return src, dst

    def nets(self, field: str, nets: tuple[str, ...]) -> tuple[str, ...]:
        """Readable nets. Raises InexpressibleRule if leaving the others out would let more pass."""
        readable_nets = tuple(self.readable(field, nets))
        if len(readable_nets) == len(nets) or (self.allows and readable_nets):
            return readable_nets
        return self.expressed(lambda: _raise_inexpressible(f"{field}: not all of it can be read")) or ()

    def readable(self, field: str, nets: tuple[str, ...]) -> Iterator[str]:
        for net in nets:
            try:
                yield str(parse_ip_prefix(net))
            except ValueError as error:
                self.problems.append(f"{field}: {error}")

    def match(
        self,
        nets: tuple[str, ...],
        sets: tuple[str, ...],
        ports: tuple[tuple[int, int], ...],
        named_ports: tuple[str, ...],
        service_sets: tuple[str, ...],
    ) -> RuleEntityMatch:
        """What a side must match. `named_ports` add to the numbers; `service_sets` restrict by themselves."""
        ip_sets = (
            self.expressed(lambda: self.sets.refer_to_intersection(sets, _ADDRESSES, needs_whole=not self.allows)) or ()
        )
        port_sets = self.expressed(lambda: self.sets.refer(named_ports, _SERVICES, needs_whole=not self.allows))
        ranges = self.expressed(lambda: self.ranges(ports))
        if port_sets is None or ranges is None:
            port_sets, ranges = (), ()  # without a condition on ports at all
        if service_sets:
            port_sets = self.expressed(lambda: self.services(service_sets, ports, named_ports)) or ()
            return RuleEntityMatch(nets, ip_sets, (), port_sets)
        return RuleEntityMatch(nets, ip_sets, ranges, port_sets)

    def services(
        self, names: tuple[str, ...], ports: tuple[tuple[int, int], ...], named_ports: tuple[str, ...]
    ) -> tuple[str, ...]:
        if ports or named_ports:
            raise InexpressibleRule("dst_ip_port_set_ids beside ports")
        return self.sets.refer_to_intersection(names, _SERVICES, needs_whole=not self.allows)

    def exception(
        self,
        nets: tuple[str, ...],
        sets: tuple[str, ...],
        ports: tuple[tuple[int, int], ...],
        named_ports: tuple[str, ...],
    ) -> RuleEntityMatch:
        """What a side must not match. An exception may be left out where that denies more, not where it allows more."""
        readable_nets = tuple(self.readable("not_net", nets))
        if len(readable_nets) < len(nets) and not self.denies:
            raise InexpressibleRule("not_net: not all of it can be read")
        ip_sets = self.expressed(lambda: self.sets.refer(sets, _ADDRESSES, needs_whole=not self.denies)) or ()
        port_sets = self.expressed(lambda: self.sets.refer(named_ports, _SERVICES, needs_whole=not self.denies)) or ()
        return RuleEntityMatch(readable_nets, ip_sets, self.expressed(lambda: self.ranges(ports)) or (), port_sets)

    def ranges(self, ports: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        if ports and not self.has_ports:
            raise InexpressibleRule("ports: of a protocol that has none")
        for first, last in ports:
            if not 0 <= first <= last <= 65535:
                raise InexpressibleRule(f"ports: {first} to {last}")
        return ports


def _of_family(nets: tuple[str, ...], version: int) -> tuple[str, ...]:
    """Nets of that family. Raises RuleMatchesNothing if there are only others."""
    matching = tuple(net for net in nets if ip_network(net).version == version)
    if nets and not matching:
        raise RuleMatchesNothing
    return matching


def _number(protocol: int | str | None) -> int | None:
    if isinstance(protocol, str):
        if protocol.lower() not in _PROTOCOLS:
            raise InexpressibleRule(f"protocol: {protocol!r} is unknown")
        return _PROTOCOLS[protocol.lower()]
    if protocol is not None and not 0 <= protocol <= 255:
        raise InexpressibleRule(f"protocol: {protocol} outside 0 to 255")
    return protocol


def _raise_inexpressible(text: str) -> NoReturn:
    raise InexpressibleRule(text)
