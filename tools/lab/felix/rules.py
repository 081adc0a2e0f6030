"""A rule of Calico's API becomes a rule of Felix's protocol and the IP sets it names. Pure.

Source: Calico's API reference (Rule, EntityRule) and its felix/proto/felixbackend.proto. A rule that comes out is the
protobuf message Rule as JSON; selectors have become set ids.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import ip_network

from tools.lab.felix import selector as sel
from tools.lab.felix.selector import Selector, all_of
from tools.lab.felix.selector_parser import parse
from tools.lab.felix.sets import AnySet, PortSet, SelectorSet, ServiceSet, hashed_id
from tools.lab.objects import Object

NAMESPACE_LABEL = "projectcalico.org/namespace"
ACCOUNT_LABEL = "projectcalico.org/serviceaccount"
NAMESPACE_PREFIX, ACCOUNT_PREFIX = "pcns.", "pcsa."
PORT_PROTOCOLS = ("tcp", "udp", "sctp")
ACTIONS = {"Allow": "allow", "Deny": "deny", "Log": "log", "Pass": "next-tier"}


class BadRule(ValueError):
    """A rule or policy that cannot be read; the text names the field."""


@dataclass(frozen=True)
class RuleMessage:
    """The protobuf message as JSON, and the sets that it names."""

    fields: Object
    sets: tuple[AnySet, ...] = ()


@dataclass
class Side:
    """The source or the destination of a rule."""

    selector: Selector | None
    not_selector: Selector | None
    numbers: list[Object]
    names: list[str]
    not_numbers: list[Object]
    not_names: list[str]


def namespace_is(namespace: str) -> Selector:
    """The selector of everything in a namespace."""
    return sel.Compare(NAMESPACE_LABEL, "==", namespace)


def of_namespaces(text: str) -> Selector:
    """A namespaceSelector as a selector of endpoints: `all()` is any namespace, `global()` is none."""
    in_namespace = sel.Compare(NAMESPACE_LABEL, "has")
    return sel.replace_all(sel.with_prefix(parse(text), NAMESPACE_PREFIX), in_namespace, sel.Not(in_namespace))


def of_accounts(match: Object) -> Selector | None:
    """A serviceAccounts match as a selector of endpoints."""
    names, text = match.get("names") or [], match.get("selector") or ""
    by_name = sel.Among(ACCOUNT_LABEL, tuple(sorted(map(str, names)))) if names else None
    by_label = sel.with_prefix(parse(text), ACCOUNT_PREFIX) if text else None
    return all_of(by_label, by_name) if by_name or by_label else None


def parse_rule(body: object, namespace: str) -> RuleMessage:
    """A rule of a policy in `namespace` ("" for a global one). Raises BadRule, selector_parser.BadSelector."""
    if not isinstance(body, dict):
        raise BadRule(f"{body!r} is not an object")
    if body.get("action") not in ACTIONS:
        raise BadRule(f"action {body.get('action')!r} is not one of {', '.join(ACTIONS)}")
    source, destination = object_field(body, "source"), object_field(body, "destination")
    fields: Object = {"action": ACTIONS[body["action"]]}
    fields |= ip_version(body) | protocols(body) | icmp(body)
    protocol = port_protocol(body.get("protocol"))
    sets: list[AnySet] = []
    for name, entity in (("src", source), ("dst", destination)):
        fields |= networks(name, entity)
        fields |= entity_sets(name, read_side(entity, namespace), protocol, sets)
        fields |= originals(name, entity)
    fields |= services(source, destination, namespace, fields, sets)
    fields["rule_id"] = hashed_id("r", repr(sorted(fields.items())))[2:18]
    return RuleMessage({key: value for key, value in fields.items() if value not in ([], None)}, tuple(sets))


def object_field(body: Object, field: str) -> Object:
    """A field that is an object, or absent. Raises BadRule."""
    value = body.get(field)
    if value is not None and not isinstance(value, dict):
        raise BadRule(f"{field} {value!r} is not an object")
    return value or {}


def ip_version(body: Object) -> Object:
    """ip_version, if the rule has one."""
    version = body.get("ipVersion")
    if version not in (None, 4, 6):
        raise BadRule(f"ipVersion {version!r} is neither 4 nor 6")
    return {"ip_version": version} if version else {}


def protocols(body: Object) -> Object:
    """protocol and not_protocol: a number, or a name in lower case."""
    fields: Object = {}
    for field, name in (("protocol", "protocol"), ("notProtocol", "not_protocol")):
        value = body.get(field)
        if isinstance(value, int) or (isinstance(value, str) and value.isdigit()):
            fields[name] = {"number": int(value)}
        elif isinstance(value, str):
            fields[name] = {"name": value.lower()}
        elif value is not None:
            raise BadRule(f"{field} {value!r} is neither a number nor a name")
    return fields


def port_protocol(value: object) -> str:
    """The protocol of a rule's named ports: TCP unless the rule names another one with ports."""
    numbers = {6: "tcp", 17: "udp", 132: "sctp"}
    word = numbers.get(value, "") if isinstance(value, int) else str(value or "").lower()
    return word if word in PORT_PROTOCOLS else "tcp"


def icmp(body: Object) -> Object:
    """icmp_type or icmp_type_code, and their negations."""
    fields: Object = {}
    for field, name in (("icmp", "icmp"), ("notICMP", "not_icmp")):
        match = object_field(body, field)
        if match.get("type") is None:
            continue
        if match.get("code") is None:
            fields[f"{name}_type"] = match["type"]
        else:
            fields[f"{name}_type_code"] = {"type": match["type"], "code": match["code"]}
    return fields


def networks(name: str, entity: Object) -> Object:
    """The nets of one side."""
    return {f"{name}_net": nets(entity, "nets"), f"not_{name}_net": nets(entity, "notNets")}


def nets(entity: Object, field: str) -> list[str]:
    """Prefixes, host bits cut off. Raises BadRule."""
    try:
        return [str(ip_network(text, strict=False)) for text in entity.get(field) or []]
    except (ValueError, TypeError) as error:
        raise BadRule(f"{field}: {error}") from None


def read_side(entity: Object, namespace: str) -> Side:
    """Selectors and ports of one side."""
    numbers, names = ports(entity, "ports")
    not_numbers, not_names = ports(entity, "notPorts")
    negated = parse(entity["notSelector"]) if entity.get("notSelector") else None
    chosen = entity_selector(entity, namespace)
    if chosen is not None and negated is not None:
        chosen, negated = all_of(chosen, sel.Not(negated)), None
    return Side(chosen, negated, numbers, names, not_numbers, not_names)


def entity_selector(entity: Object, namespace: str) -> Selector | None:
    """What a side selects by labels, or None: anything, even what is no endpoint.

    As soon as a side of a namespaced policy has a selector of any kind, it means endpoints of its own namespace,
    unless it selects namespaces itself.
    """
    text, spaces = entity.get("selector") or "", entity.get("namespaceSelector") or ""
    accounts = of_accounts(object_field(entity, "serviceAccounts"))
    by_label = parse(text) if text else None
    if spaces:
        return all_of(of_namespaces(spaces), accounts, by_label)
    has_selector = accounts is not None or by_label is not None or entity.get("notSelector")
    if namespace and has_selector:
        return all_of(namespace_is(namespace), accounts, by_label)
    return all_of(accounts, by_label) if accounts is not None or by_label is not None else None


def ports(entity: Object, field: str) -> tuple[list[Object], list[str]]:
    """(numeric ranges, names) of a list of ports: 80, "80", "80:90", "http". Raises BadRule."""
    numbers: list[Object] = []
    names: list[str] = []
    for port in entity.get(field) or []:
        first, _, last = str(port).partition(":")
        if not first.isdigit():
            names.append(str(port))
            continue
        if (last and not last.isdigit()) or not 0 <= int(first) <= int(last or first) <= 65535:
            raise BadRule(f"{field}: {port!r} is no port range")
        numbers.append({"first": int(first), "last": int(last or first)})
    return numbers, names


def entity_sets(name: str, side: Side, protocol: str, sets: list[AnySet]) -> Object:
    """Ports and set ids of one side; the sets are added to `sets`.

    A named port's set is cut down to what the side selects; beside named ports alone the selector says no more.
    """
    chosen = side.selector if side.selector is not None else sel.SELECT_ALL
    positive = [SelectorSet(side.selector)] if side.selector is not None and (side.numbers or not side.names) else []
    negative = [SelectorSet(side.not_selector)] if side.not_selector is not None else []
    port_sets = [PortSet(chosen, protocol, port) for port in side.names]
    not_port_sets = [PortSet(chosen, protocol, port) for port in side.not_names]
    sets += [*port_sets, *not_port_sets, *positive, *negative]
    return {
        f"{name}_ports": side.numbers,
        f"not_{name}_ports": side.not_numbers,
        f"{name}_ip_set_ids": ids(positive),
        f"not_{name}_ip_set_ids": ids(negative),
        f"{name}_named_port_ip_set_ids": ids(port_sets),
        f"not_{name}_named_port_ip_set_ids": ids(not_port_sets),
    }


def ids(sets: Iterable[AnySet]) -> list[str]:
    """The ids of sets."""
    return [one.id for one in sets]


def originals(name: str, entity: Object) -> Object:
    """The selectors as they were written, which Felix passes on as information."""
    selectors = {
        f"original_{name}_selector": entity.get("selector"),
        f"original_{name}_namespace_selector": entity.get("namespaceSelector"),
        f"original_not_{name}_selector": entity.get("notSelector"),
    }
    return {field: value for field, value in selectors.items() if value}


def services(source: Object, destination: Object, namespace: str, fields: Object, sets: list[AnySet]) -> Object:
    """Set ids of services: a source's without ports, a destination's with them."""
    service_fields: Object = {}
    for name, entity in (("src", source), ("dst", destination)):
        service = object_field(entity, "services")
        if not service:
            continue
        space, service_name = service.get("namespace") or namespace, service.get("name", "")
        service_set = ServiceSet(f"{space}/{service_name}", with_ports=name == "dst")
        sets.append(service_set)
        if name == "dst":
            service_fields["dst_ip_port_set_ids"] = [service_set.id]
        else:
            service_fields["src_ip_set_ids"] = [*fields["src_ip_set_ids"], service_set.id]
        service_fields[f"original_{name}_service"] = service_name
        service_fields[f"original_{name}_service_namespace"] = space
    return service_fields
