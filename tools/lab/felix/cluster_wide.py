"""The part of the state that does not depend on endpoints: nodes, pools, namespaces, accounts, BGP. Pure."""

from tools.lab.felix import endpoints as ep
from tools.lab.felix.dataplane_state import DataplaneState
from tools.lab.felix.parsing import ObjectParser
from tools.lab.objects import Object


def add_cluster_wide(reader: ObjectParser, desired: DataplaneState) -> None:
    """Adds the state that does not depend on endpoints: nodes, pools, namespaces, accounts, BGP."""
    desired.hosts = {host["hostname"]: host for host in reader.parse_all("Node", ep.node_message)}
    desired.namespaces = dict(reader.parse_all("Namespace", lambda body: (body["metadata"]["name"], labels_of(body))))
    for body in reader.parse_all("ServiceAccount", lambda body: body):
        desired.accounts[body["metadata"]["namespace"], body["metadata"]["name"]] = labels_of(body)
    desired.pools = dict(pool for pool in reader.parse_all("IPPool", pool_message) if pool)
    encapsulated = {"ipip_enabled": "ipip_mode", "vxlan_enabled": "vxlan_mode"}
    desired.encapsulation = {
        name: any(pool[mode] in ("Always", "CrossSubnet") for pool in desired.pools.values())
        for name, mode in encapsulated.items()
    }
    for name, message in reader.parse_all("BGPConfiguration", bgp_message):
        if name == "default":
            desired.bgp = message


def labels_of(body: Object) -> Object:
    """An object's labels."""
    return dict(body["metadata"].get("labels", {}))


def pool_message(body: Object) -> tuple[str, Object] | None:
    """(id, protobuf message IPAMPool as JSON) of an IPPool, if it is in use."""
    spec = body["spec"]
    if spec.get("disabled") is True:
        return None
    modes = {"ipip_mode": spec.get("ipipMode") or "", "vxlan_mode": spec.get("vxlanMode") or ""}
    cidr = ep.to_prefix(spec["cidr"], "cidr")
    return cidr.replace("/", "-"), {"cidr": cidr, "masquerade": spec.get("natOutgoing") is True, **modes}


def bgp_message(body: Object) -> tuple[str, Object]:
    """(name, protobuf message GlobalBGPConfigUpdate as JSON) of a BGPConfiguration."""
    spec = body.get("spec") or {}
    names = {
        "service_cluster_cidrs": "serviceClusterIPs",
        "service_external_cidrs": "serviceExternalIPs",
        "service_loadbalancer_cidrs": "serviceLoadBalancerIPs",
    }
    message = {ours: [row["cidr"] for row in spec.get(theirs) or []] for ours, theirs in names.items()}
    return body["metadata"]["name"], message
