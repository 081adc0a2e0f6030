"""Objects for tests of the stand-in for Felix: a small cluster, and what its nodes are to be told."""

from typing import Any

from tools.lab.felix.calc import calculate
from tools.lab.felix.dataplane_state import DataplaneState

Object = dict[str, Any]
VERSION = "v3.32.0"


class Cluster:
    """Objects by kind, as the stand-in keeps them."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[tuple[str, str], Object]] = {}

    def add(self, kind: str, name: str, namespace: str = "", **more: Any) -> Object:
        """Adds or replaces an object; `labels` and `annotations` go where they belong."""
        meta = {"name": name, "labels": more.pop("labels", {}), "annotations": more.pop("annotations", {})}
        if namespace:
            meta["namespace"] = namespace
        body = {"metadata": meta, **more}
        self.objects.setdefault(kind, {})[namespace, name] = body
        return body

    def namespace(self, name: str, **labels: str) -> None:
        self.add("Namespace", name, labels={"kubernetes.io/metadata.name": name, **labels})

    def pod(self, key: str, node: int, ip: str, ports: tuple[tuple[str, int, str], ...] = (), **labels: str) -> Object:
        """A running pod; `ip` is its IPv4 address, its IPv6 address ends likewise."""
        namespace, name = key.split("/")
        rows = [{"name": n, "containerPort": p, "protocol": protocol} for n, p, protocol in ports]
        spec = {"nodeName": f"node{node}", "containers": [{"name": "main", "ports": rows}]}
        status = {"phase": "Running", "podIPs": [{"ip": ip}, {"ip": f"fd00::{ip.rpartition('.')[2]}"}]}
        return self.add("Pod", name, namespace, labels=labels, spec=spec, status=status)

    def policy(self, name: str, namespace: str, **spec: Any) -> None:
        """A Kubernetes NetworkPolicy."""
        self.add("KubernetesNetworkPolicy", name, namespace, spec=spec)

    def desired(self, node: int = 1) -> DataplaneState:
        return calculate(self.objects, f"node{node}", VERSION, {})


def shops() -> Cluster:
    """Namespaces x (team a) and y (team b); pods x/a and y/b on node1, x/c on node2."""
    cluster = Cluster()
    cluster.namespace("x", team="a")
    cluster.namespace("y", team="b")
    cluster.pod("x/a", 1, "10.0.0.1", (("http", 80, "TCP"),), pod="a")
    cluster.pod("y/b", 1, "10.0.0.2", (("http", 8080, "TCP"), ("http", 53, "UDP")), pod="b")
    cluster.pod("x/c", 2, "10.0.0.3", pod="c")
    return cluster
