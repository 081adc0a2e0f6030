"""The first objects of a lab's cluster, and its kubeconfig. Pure."""

import json
from collections.abc import Iterable

from tools.lab.objects import Object
from tools.lab.topology import POOL4, POOL6, LabNode

CALICO = "crd.projectcalico.org/v1"


def objects(nodes: Iterable[LabNode]) -> list[Object]:
    """The cluster's first objects: Calico's configuration, pools, nodes with their address blocks."""
    objects = [
        _calico("BGPConfiguration", "default", asNumber=64512),
        _calico("IPPool", "pods-v4", cidr=str(POOL4), **_NO_TUNNEL, natOutgoing=False),
        _calico("IPPool", "pods-v6", cidr=str(POOL6), **_NO_TUNNEL, natOutgoing=False),
        _calico("Tier", "default", order=1_000_000, defaultAction="Deny"),
        _calico("FelixConfiguration", "default"),
    ]
    for node in nodes:
        objects.append(_node(node))
        for block in (node.block4, node.block6):
            name = f"{node.name}-{str(block).replace('.', '-').replace(':', '-').replace('/', '-')}"
            spec = {"node": node.name, "cidr": str(block), "state": "confirmed", "deleted": "false"}
            objects.append(_calico("BlockAffinity", name, **spec))
    return objects


_NO_TUNNEL = {"ipipMode": "Never", "vxlanMode": "Never"}


def _calico(kind: str, name: str, **spec: object) -> Object:
    return {"apiVersion": CALICO, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _node(node: LabNode) -> Object:
    notes = {
        "projectcalico.org/IPv4Address": f"{node.ip4}/24",
        "projectcalico.org/IPv6Address": f"{node.ip6}/64",
    }
    addresses = [{"type": "InternalIP", "address": str(node.ip4)}, {"type": "Hostname", "address": node.name}]
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": node.name, "annotations": notes, "labels": {"kubernetes.io/hostname": node.name}},
        "status": {"addresses": addresses, "conditions": [{"type": "Ready", "status": "True"}]},
    }


def kubeconfig(lab: str, url: str) -> str:
    """A kubeconfig (JSON is YAML) for the API server at `url`."""
    entry = {"name": lab}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": lab,
            "clusters": [{**entry, "cluster": {"server": url}}],
            "contexts": [{**entry, "context": {"cluster": lab, "user": lab}}],
            "users": [{**entry, "user": {}}],
        },
        indent=2,
    )
