"""A Kubernetes NetworkPolicy becomes the spec of an equivalent NetworkPolicy of Calico. Pure.

Source: networking/v1 NetworkPolicy, and Calico's documentation "Kubernetes policy": all are in tier `default` at order
1000, select pods alone, and each rule becomes one rule for each pair of peer and protocol.
"""

from tools.lab.objects import Object

ORDER = 1000.0
PODS = "projectcalico.org/orchestrator == 'k8s'"
OPERATORS = {
    "In": "{key} in {{ {values} }}",
    "NotIn": "{key} not in {{ {values} }}",
    "Exists": "has({key})",
    "DoesNotExist": "! has({key})",
}


def to_calico_spec(spec: Object) -> Object:
    """The spec of a Calico policy. Raises ValueError, KeyError, TypeError or AttributeError for what is malformed."""
    types = [kind for kind in spec.get("policyTypes") or ["Ingress"] if kind in ("Ingress", "Egress")]
    return {
        "order": ORDER,
        "tier": "default",
        "selector": to_calico_selector(spec.get("podSelector") or {}, PODS),
        "types": types or ["Ingress"],
        "ingress": [rule for body in spec.get("ingress") or [] for rule in to_calico_rules(body, "from")],
        "egress": [rule for body in spec.get("egress") or [] for rule in to_calico_rules(body, "to")],
    }


def to_calico_selector(body: Object, first: str = "") -> str:
    """A label selector in Calico's syntax; of nothing at all, without `first`: `all()`."""
    terms = [first] if first else []
    terms += [f"{key} == '{value}'" for key, value in sorted((body.get("matchLabels") or {}).items())]
    for term in body.get("matchExpressions") or []:
        values = ", ".join(f"'{value}'" for value in term.get("values") or [])
        terms.append(OPERATORS[term["operator"]].format(key=term["key"], values=values))
    return " && ".join(terms) or "all()"


def to_calico_rules(body: Object, side: str) -> list[Object]:
    """One rule of Kubernetes as rules of Calico; `side` is `from` or `to`."""
    peers = [to_entity_rule(peer) for peer in body.get(side) or []] or [{}]
    matches = []
    for protocol, ports in sorted(ports_by_protocol(body.get("ports") or []).items()):
        for peer in peers:
            match: Object = {"action": "Allow"} | ({"protocol": protocol} if protocol else {})
            destination = {"ports": ports} if ports else {}
            if side == "from":
                match |= {"source": peer, "destination": destination}
            else:
                match |= {"destination": peer | destination}
            matches.append(match)
    return matches


def to_entity_rule(peer: Object) -> Object:
    """A peer: an address block, or selectors."""
    if peer.get("ipBlock"):
        block = peer["ipBlock"]
        return {"nets": [block["cidr"]], "notNets": list(block.get("except") or [])}
    selectors = {"selector": to_calico_selector(peer.get("podSelector") or {}, PODS)}
    if peer.get("namespaceSelector") is not None:
        selectors["namespaceSelector"] = to_calico_selector(peer["namespaceSelector"])
    return selectors


def ports_by_protocol(ports: list[Object]) -> dict[str, list[str]]:
    """protocol -> ports; no ports of a protocol: all of them. Without any port at all: any protocol ("")."""
    if not ports:
        return {"": []}
    ports_of: dict[str, list[str]] = {}
    whole = set()
    for port in ports:
        protocol = port.get("protocol") or "TCP"
        ports_of.setdefault(protocol, [])
        if port.get("port") is None:
            whole.add(protocol)
        else:
            last = f":{port['endPort']}" if port.get("endPort") else ""
            ports_of[protocol].append(f"{port['port']}{last}")
    return {protocol: [] if protocol in whole else merge_ranges(listed) for protocol, listed in ports_of.items()}


def merge_ranges(ports: list[str]) -> list[str]:
    """Names as they are, then the fewest ranges that have all numbers; one port alone is left as it is."""
    names = [port for port in ports if not is_number(port)]
    ranges: list[list[int]] = []
    for first, last in sorted(range_bounds(port) for port in ports if is_number(port)):
        if ranges and first <= ranges[-1][1] + 1:
            ranges[-1][1] = max(last, ranges[-1][1])
        else:
            ranges.append([first, last])
    return names + [f"{first}:{last}" if first != last else str(first) for first, last in ranges]


def is_number(port: str) -> bool:
    """Whether it is `80` or `80:90`, and not a name, which may begin with a digit."""
    return port.partition(":")[0].isdigit()


def range_bounds(port: str) -> tuple[int, int]:
    """First and last of `80` or `80:90`."""
    first, _, last = port.partition(":")
    return int(first), int(last or first)
