"""The objects that a lab's cluster begins with, and its kubeconfig. Pure."""

import json
from typing import Any

from tools.lab.state import Lab
from tools.lab.topology import POOL4, POOL6, Node

CALICO = "crd.projectcalico.org/v1"
Object = dict[str, Any]


def initial(lab: Lab) -> list[Object]:
    """All that the cluster begins with."""
    found = [
        _calico("BGPConfiguration", "default", asNumber=64512),
        _calico("IPPool", "pods-v4", cidr=str(POOL4), **_NO_TUNNEL, natOutgoing=False),
        _calico("IPPool", "pods-v6", cidr=str(POOL6), **_NO_TUNNEL, natOutgoing=False),
        _calico("Tier", "default", order=1_000_000, defaultAction="Deny"),
        _calico("FelixConfiguration", "default"),
    ]
    for node in lab.all_nodes:
        found.append(_node(node))
        for block in (node.block4, node.block6):
            name = f"{node.name}-{str(block).replace('.', '-').replace(':', '-').replace('/', '-')}"
            spec = {"node": node.name, "cidr": str(block), "state": "confirmed", "deleted": "false"}
            found.append(_calico("BlockAffinity", name, **spec))
    return found


_NO_TUNNEL = {"ipipMode": "Never", "vxlanMode": "Never"}


def _calico(kind: str, name: str, **spec: object) -> Object:
    return {"apiVersion": CALICO, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _node(node: Node) -> Object:
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
    named = {"name": lab}
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": lab,
            "clusters": [{**named, "cluster": {"server": url}}],
            "contexts": [{**named, "context": {"cluster": lab, "user": lab}}],
            "users": [{**named, "user": {}}],
        },
        indent=2,
    )
