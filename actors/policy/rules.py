"""One rule of Felix's as VPP's. Pure.

Source: spec/policies.md section 5.2. What cannot be said exactly is said so that nothing more passes: a rule that
allows is left out, one that denies loses the condition that cannot be said, one that passes denies. All is reported.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from ipaddress import ip_network
from typing import NoReturn, TypeVar

from actors.policy import ipsets
from actors.policy.model import FelixRule
from schemas.npol import EntityMatch, IpSet, Rule

PROTOCOLS = {"tcp": 6, "udp": 17, "icmp": 1, "icmpv6": 58, "sctp": 132, "udplite": 136}
ECHO_REQUEST = {1: 8, 58: 128}  # the only ICMP that begins a flow in VPP
OF_ECHO = {echo: protocol for protocol, echo in ECHO_REQUEST.items()}
WITH_PORTS = (6, 17, 132, 136)  # of others VPP compares what is no port
ADDRESSES, SERVICES = ("ip", "net"), ("ip-port",)  # types of sets by what they are good for
EVERYTHING = {4: "0.0.0.0/0", 6: "::/0"}
ACTIONS = {"": "allow", "allow": "allow", "deny": "deny", "pass": "pass", "next-tier": "pass"}
LOG = "log"
T = TypeVar("T")


class Unsaid(Exception):
    """A condition that VPP has no word for."""


class Never(Exception):
    """The rule matches no packet that VPP asks about."""


class Sets:
    """The sets that rules may refer to, and those made of them. `used` collects what they do refer to."""

    def __init__(self, known: Mapping[str, ipsets.Made]) -> None:
        self._known = known
        self.used: dict[str, IpSet] = {}
        self._both: dict[tuple[str, ...], str] = {}

    def use(self, names: Iterable[str], types: tuple[str, ...], *, needs_whole: bool) -> tuple[str, ...]:
        """VPP's names of these sets. Raises Unsaid for one that is missing, of another type, or damaged where it
        must be whole."""
        found = []
        for name in names:
            made = self._known.get(name)
            if made is None:
                raise Unsaid(f"set {name} is not known")
            if made.intent.type not in types:
                raise Unsaid(f"set {name} is of type {made.intent.type!r}")
            if needs_whole and made.problems:
                raise Unsaid(f"set {name} lacks members that cannot be read")
            found.append(self._keep(made.intent))
        return tuple(found)

    def use_all(self, names: tuple[str, ...], types: tuple[str, ...], *, needs_whole: bool) -> tuple[str, ...]:
        """One set that holds what all of these hold."""
        own = self.use(names, types, needs_whole=needs_whole)
        return own if len(own) < 2 else self.both(own)

    def both(self, names: Iterable[str]) -> tuple[str, ...]:
        """The same, for names of VPP's sets."""
        key = tuple(names)
        if key not in self._both:
            self._both[key] = self._keep(ipsets.intersection([self.used[name] for name in key]))
        return (self._both[key],)

    def _keep(self, intent: IpSet) -> str:
        self.used[intent.name] = intent
        return intent.name


def compiled(told: FelixRule, sets: Sets) -> tuple[Rule | None, list[str]]:
    """VPP's rule, None if there is none to be; and what could not be said."""
    problems: list[str] = []
    action = told.action.lower()
    if action == LOG:
        return None, problems
    if action not in ACTIONS:
        problems.append(f"action: {told.action!r} is unknown: denied")
    if told.http_match:
        problems.append("http_match: is not enforced here")
    action = ACTIONS.get(action, "deny")
    try:
        return _Compiler(told, sets, action, problems).rule(), problems
    except Never:
        return None, problems
    except Unsaid as unsaid:
        if action == "pass":
            return _instead(told, sets), [*problems, f"{unsaid}: denied instead of passed on"]
        return None, [*problems, f"{unsaid}: the rule is left out"]


def _instead(told: FelixRule, sets: Sets) -> Rule | None:
    """A rule that should pass on, as one that denies: left out, the rest of its tier would be asked."""
    try:
        return _Compiler(told, sets, "deny", []).rule()
    except Never:
        return None


class _Compiler:
    """The work on one rule."""

    def __init__(self, told: FelixRule, sets: Sets, action: str, problems: list[str]) -> None:
        self.told, self.sets, self.action, self.problems = told, sets, action, problems
        self.has_ports = False

    @property
    def denies(self) -> bool:
        return self.action == "deny"

    @property
    def allows(self) -> bool:
        return self.action == "allow"

    def rule(self) -> Rule:
        told = self.told
        protocol = self.icmp(self.said(lambda: _number(told.protocol)))
        self.has_ports = protocol in WITH_PORTS
        not_protocol = self.said(lambda: _number(told.not_protocol))
        src, dst = self.families()
        return Rule(
            action=self.action,
            protocol=protocol,
            not_protocol=not_protocol,
            source=self.match(src, told.src_ip_set_ids, told.src_ports, told.src_named_port_ip_set_ids, ()),
            destination=self.match(
                dst, told.dst_ip_set_ids, told.dst_ports, told.dst_named_port_ip_set_ids, told.dst_ip_port_set_ids
            ),
            not_source=self.exception(
                told.not_src_net, told.not_src_ip_set_ids, told.not_src_ports, told.not_src_named_port_ip_set_ids
            ),
            not_destination=self.exception(
                told.not_dst_net, told.not_dst_ip_set_ids, told.not_dst_ports, told.not_dst_named_port_ip_set_ids
            ),
        )

    def said(self, condition: Callable[[], T]) -> T | None:
        """The condition; a rule that denies goes without one that cannot be said."""
        try:
            return condition()
        except Unsaid as unsaid:
            if not self.denies:
                raise
            self.problems.append(f"{unsaid}: denied without it")
            return None

    def icmp(self, protocol: int | None) -> int | None:
        """The protocol; of the type nothing is left to say: VPP asks about echo requests only. Raises Never."""
        told = self.told
        if protocol is None and told.icmp_type is not None:
            protocol = OF_ECHO.get(told.icmp_type)
        echo = ECHO_REQUEST.get(protocol or 0)
        if told.icmp_type is not None and (told.icmp_type != echo or told.icmp_code not in (None, 0)):
            if self.denies:
                self.problems.append(f"icmp_type: {told.icmp_type}: VPP lets it pass unasked")
            raise Never
        if told.not_icmp_type is not None and echo is None:
            self.said(lambda: _unsaid("not_icmp_type: of another protocol"))
        elif told.not_icmp_type == echo is not None and told.not_icmp_code in (None, 0):
            raise Never
        return protocol

    def families(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Positive nets of both sides, of one family if the rule is of one."""
        told, version = self.told, self.told.ip_version
        src, dst = (self.nets(field, nets) for field, nets in (("src_net", told.src_net), ("dst_net", told.dst_net)))
        if version is None:
            return src, dst
        if not src and not dst:
            return (EVERYTHING[version],), ()
        src, dst = (_of_family(nets, version) for nets in (src, dst))
        return src, dst

    def nets(self, field: str, nets: tuple[str, ...]) -> tuple[str, ...]:
        """One that cannot be read matches nothing; where that would open, the condition is not said."""
        found = tuple(self.readable(field, nets))
        if len(found) == len(nets) or (self.allows and found):
            return found
        return self.said(lambda: _unsaid(f"{field}: not all of it can be read")) or ()

    def readable(self, field: str, nets: tuple[str, ...]) -> Iterator[str]:
        for net in nets:
            try:
                yield str(ip_network(net, strict=False))
            except ValueError as error:
                self.problems.append(f"{field}: {error}")

    def match(
        self,
        nets: tuple[str, ...],
        sets: tuple[str, ...],
        ports: tuple[tuple[int, int], ...],
        named: tuple[str, ...],
        services: tuple[str, ...],
    ) -> EntityMatch:
        """What a side must be like. `named` ports are beside the numbers; `services` restrict, by themselves."""
        ours = self.said(lambda: self.sets.use_all(sets, ADDRESSES, needs_whole=not self.allows)) or ()
        beside = self.said(lambda: self.sets.use(named, SERVICES, needs_whole=not self.allows))
        ranges = self.said(lambda: self.ranges(ports))
        if beside is None or ranges is None:
            beside, ranges = (), ()  # without a condition on ports at all
        if services:
            port_sets = self.said(lambda: self.services(services, ports, named)) or ()
            return EntityMatch(nets, ours, (), port_sets)
        return EntityMatch(nets, ours, ranges, beside)

    def services(
        self, names: tuple[str, ...], ports: tuple[tuple[int, int], ...], named: tuple[str, ...]
    ) -> tuple[str, ...]:
        if ports or named:
            raise Unsaid("dst_ip_port_set_ids beside ports")
        return self.sets.use_all(names, SERVICES, needs_whole=not self.allows)

    def exception(
        self,
        nets: tuple[str, ...],
        sets: tuple[str, ...],
        ports: tuple[tuple[int, int], ...],
        named: tuple[str, ...],
    ) -> EntityMatch:
        """What a side must not be like. An exception that is not said denies more, and must not allow more."""
        found = tuple(self.readable("not_net", nets))
        if len(found) < len(nets) and not self.denies:
            raise Unsaid("not_net: not all of it can be read")
        ours = self.said(lambda: self.sets.use(sets, ADDRESSES, needs_whole=not self.denies)) or ()
        beside = self.said(lambda: self.sets.use(named, SERVICES, needs_whole=not self.denies)) or ()
        return EntityMatch(found, ours, self.said(lambda: self.ranges(ports)) or (), beside)

    def ranges(self, ports: tuple[tuple[int, int], ...]) -> tuple[tuple[int, int], ...]:
        if ports and not self.has_ports:
            raise Unsaid("ports: of a protocol that has none")
        for first, last in ports:
            if not 0 <= first <= last <= 65535:
                raise Unsaid(f"ports: {first} to {last}")
        return ports


def _of_family(nets: tuple[str, ...], version: int) -> tuple[str, ...]:
    """Those of that family. Raises Never if there were only others."""
    found = tuple(net for net in nets if ip_network(net).version == version)
    if nets and not found:
        raise Never
    return found


def _number(protocol: int | str | None) -> int | None:
    if isinstance(protocol, str):
        if protocol.lower() not in PROTOCOLS:
            raise Unsaid(f"protocol: {protocol!r} is unknown")
        return PROTOCOLS[protocol.lower()]
    if protocol is not None and not 0 <= protocol <= 255:
        raise Unsaid(f"protocol: {protocol} outside 0 to 255")
    return protocol


def _unsaid(text: str) -> NoReturn:
    raise Unsaid(text)
