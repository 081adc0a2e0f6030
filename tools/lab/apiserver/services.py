"""Defaults, cluster IPs and node ports, which Kubernetes adds to a Service before it stores it. Pure.

Source: core/v1 ServiceSpec, and the API server's service allocators. A service whose fields have the wrong shape
stays as it is, for the lab's tests of bad input; only an address or port that another service has is refused.
"""

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Any

from tools.lab.apiserver.status import invalid
from tools.lab.objects import Object
from tools.lab.topology import NODE_PORTS, SERVICES4, SERVICES6

RANGES: dict[str, IPv4Network | IPv6Network] = {"IPv4": SERVICES4, "IPv6": SERVICES6}
FIRST_HOST = 10  # the lowest addresses of a range are left to who wants a certain one
AFFINITY_S = 10800


def admit_service(before: Object | None, after: Object, other_services: Iterable[Object], start: int) -> Object:
    """The Service `after` as it is stored; `before` is the Service that it replaces.

    `start` spreads allocations, so that an address that was given back is not the next one given out. Raises
    ApiError 422 for an address or node port that another service has.
    """
    spec = after.get("spec")
    if not isinstance(spec, dict) or not well_formed(spec):
        return after
    other_specs = [
        other["spec"] for other in other_services if isinstance(other.get("spec"), dict) and well_formed(other["spec"])
    ]
    old = before.get("spec") if before else None
    old = old if isinstance(old, dict) and well_formed(old) else {}
    spec = with_defaults(spec)
    if spec["type"] != "ExternalName":
        spec |= address_fields(spec, old, {ip for other in other_specs for ip in other.get("clusterIPs", [])}, start)
    fresh = {
        **after,
        "spec": with_node_ports(spec, old, {port for other in other_specs for port in allocated_ports(other)}, start),
    }
    refuse_conflicts(fresh, other_specs)
    return fresh


def well_formed(spec: Object) -> bool:
    """Whether the fields read here have the shapes that they should have."""
    ports, families, ips = (spec.get(field, []) for field in ("ports", "ipFamilies", "clusterIPs"))
    if not all(isinstance(value, list) for value in (ports, families, ips)):
        return False
    return (
        all(isinstance(port, dict) and is_port(port) for port in ports)
        and all(isinstance(family, str) and family in RANGES for family in families)
        and all(is_cluster_ip(ip) for ip in (*ips, spec.get("clusterIP", "None")))
        and all(isinstance(spec.get(field, ""), str) for field in ("type", "ipFamilyPolicy", "sessionAffinity"))
    )


def is_port(port: Object) -> bool:
    """Whether a port has the shapes that it should have."""
    numbers = port.get("port"), port.get("nodePort", 0)
    return all(isinstance(number, int) for number in numbers) and isinstance(port.get("protocol", ""), str)


def is_cluster_ip(text: Any) -> bool:
    """An address, "None", or "" for one to be chosen."""
    if text in ("", "None"):
        return True
    try:
        ip_address(text if isinstance(text, str) else "")
    except ValueError:
        return False
    return True


def with_defaults(spec: Object) -> Object:
    """The spec with the API server's defaults."""
    full = {"type": "ClusterIP", "sessionAffinity": "None", "internalTrafficPolicy": "Cluster", **spec}
    if full["sessionAffinity"] == "ClientIP":
        full.setdefault("sessionAffinityConfig", {"clientIP": {"timeoutSeconds": AFFINITY_S}})
    if full["type"] in ("NodePort", "LoadBalancer"):
        full.setdefault("externalTrafficPolicy", "Cluster")
    if full["type"] == "LoadBalancer":
        full.setdefault("allocateLoadBalancerNodePorts", True)
    if "ports" in full:
        full["ports"] = [{"protocol": "TCP", "targetPort": port["port"], **port} for port in full["ports"]]
    return full


def address_fields(spec: Object, old: Object, allocated: set[str], start: int) -> Object:
    """clusterIP, clusterIPs, ipFamilies, ipFamilyPolicy: as requested, else as before, else new."""
    requested = [ip for ip in spec.get("clusterIPs") or [spec.get("clusterIP", "")] if ip]
    requested = requested or [ip for ip in old.get("clusterIPs", []) if ip]
    families = families_of(spec, requested)
    fields = {"ipFamilies": families, "ipFamilyPolicy": family_policy(spec, families)}
    if requested == ["None"]:
        return {**fields, "clusterIP": "None", "clusterIPs": requested}
    by_family = {family_of(ip): ip for ip in requested}
    ips = [by_family.get(family) or free_address(family, allocated, start) for family in families]
    return {**fields, "clusterIP": ips[0], "clusterIPs": ips}


def families_of(spec: Object, requested: list[str]) -> list[str]:
    """The families, the primary one first."""
    families = list(dict.fromkeys(spec.get("ipFamilies") or [family_of(ip) for ip in requested if ip != "None"])) or [
        "IPv4"
    ]
    if spec.get("ipFamilyPolicy") == "SingleStack":
        return families[:1]
    if spec.get("ipFamilyPolicy") in ("PreferDualStack", "RequireDualStack"):
        return [*families, *(family for family in RANGES if family not in families)]
    return families


def family_policy(spec: Object, families: list[str]) -> str:
    """The ipFamilyPolicy of the spec, or else the one that follows from the families."""
    return str(spec.get("ipFamilyPolicy") or ("SingleStack" if len(families) == 1 else "RequireDualStack"))


def family_of(ip: str) -> str:
    """`IPv4` or `IPv6`."""
    return "IPv6" if ":" in ip else "IPv4"


def free_address(family: str, allocated: set[str], start: int) -> str:
    """An address of the family's range that nobody has. Raises ApiError 422 when there is none."""
    net = RANGES[family]
    room = net.num_addresses - FIRST_HOST - 1
    candidates = (str(net[FIRST_HOST + (start + step) % room]) for step in range(room))
    address = next((ip for ip in candidates if ip not in allocated), None)
    if address is None:
        raise invalid("services", "", f"no {family} address is free in {net}")
    return address


def with_node_ports(spec: Object, old: Object, allocated: set[int], start: int) -> Object:
    """The spec with its node ports: as requested, else as before, else new. A type without node ports has none."""
    if "ports" not in spec:
        return spec
    if not has_node_ports(spec):
        stripped = [{field: value for field, value in port.items() if field != "nodePort"} for port in spec["ports"]]
        return {**spec, "ports": stripped}
    previous = {port_key(port): port["nodePort"] for port in old.get("ports", []) if port.get("nodePort")}
    allocated = allocated | {port["nodePort"] for port in spec["ports"] if port.get("nodePort")}
    free = (port for port in node_ports_from(start) if port not in allocated)
    ports = [
        {**port, "nodePort": port.get("nodePort") or previous.get(port_key(port)) or next(free)}
        for port in spec["ports"]
    ]
    full = {**spec, "ports": ports}
    if spec["type"] == "LoadBalancer" and spec["externalTrafficPolicy"] == "Local":
        health = spec.get("healthCheckNodePort") or old.get("healthCheckNodePort")
        full["healthCheckNodePort"] = health or next(port for port in free if port not in previous.values())
    return full


def has_node_ports(spec: Object) -> bool:
    """Whether ports of this service are to have node ports."""
    load_balanced = spec["type"] == "LoadBalancer" and spec.get("allocateLoadBalancerNodePorts") is not False
    return load_balanced or spec["type"] == "NodePort"


def node_ports_from(start: int) -> Iterator[int]:
    """All node ports, from the one that `start` points at."""
    for step in range(len(NODE_PORTS)):
        yield NODE_PORTS[(start + step) % len(NODE_PORTS)]


def port_key(port: Object) -> tuple[int, str]:
    """The identity of a port within its service."""
    return port["port"], str(port.get("protocol", "TCP"))


def allocated_ports(spec: Object) -> Iterator[int]:
    """The node ports that a service has."""
    yield from (port["nodePort"] for port in spec.get("ports", []) if port.get("nodePort"))
    if isinstance(spec.get("healthCheckNodePort"), int):
        yield spec["healthCheckNodePort"]


def refuse_conflicts(service: Object, other_specs: list[Object]) -> None:
    """Raises ApiError 422 when another service has an address or a node port of this one."""
    name = str(service["metadata"].get("name", "")) if isinstance(service.get("metadata"), dict) else ""
    spec = service["spec"]
    for ip in spec.get("clusterIPs", []):
        if ip != "None" and any(ip in other_spec.get("clusterIPs", []) for other_spec in other_specs):
            raise invalid("services", name, f"spec.clusterIPs: {ip}: provided IP is already allocated")
    ports = {(port["nodePort"], port["protocol"]) for port in spec.get("ports", []) if port.get("nodePort")}
    for other_spec in other_specs:
        for port in other_spec.get("ports", []):
            if (port.get("nodePort"), port.get("protocol", "TCP")) in ports:
                raise invalid("services", name, f"spec.ports: {port['nodePort']}: provided port is already allocated")
