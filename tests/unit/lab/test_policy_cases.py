"""The cases of the lab's policy tests mean what they say, by reference evaluation of what Felix would tell of them.

So a case that fails in the lab is a fault of the dataplane, not of the case, nor of the stand-in for Felix.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.lab.policies import calico_cases, upstream
from tests.lab.policies.conftest import ACCOUNTS, MIXED, NAMED_PORTS, NAMESPACES, PODS
from tests.lab.policies.words import Case, Flow, Step, verdict
from tools.lab.felix.calc import calculate
from tools.lab.felix.dataplane_state import DataplaneState
from tools.lab.felix.evaluation import Packet, passes
from tools.lab.topology import LabNode

Object = dict[str, Any]
PROTOCOLS = {"TCP": 6, "UDP": 17, "SCTP": 132, "ICMP": 1}
NODES = {name: LabNode("unit", number) for number, name in ((1, "node1"), (2, "node2"))}


class Cluster:
    """The nine pods, as the objects that Felix reads."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[tuple[str, str], Object]] = {}
        self.place: dict[str, tuple[str, str, str]] = {}  # pod -> node, addresses
        for space in NAMESPACES:
            labels = {"ns": space, "kubernetes.io/metadata.name": space}
            self.add({"kind": "Namespace", "metadata": {"name": space, "labels": labels}})
            account = {"name": "builder", "namespace": space, "labels": {"role": "ci"}}
            self.add({"kind": "ServiceAccount", "metadata": account})
        self.add({"kind": "Tier", "metadata": {"name": "default"}, "spec": {"order": 1_000_000}})
        for number, key in enumerate(f"{space}/{name}" for space in NAMESPACES for name in PODS):
            self._pod(key, number)

    def add(self, body: Object) -> None:
        kind = "KubernetesNetworkPolicy" if body.get("apiVersion") == "networking.k8s.io/v1" else body["kind"]
        meta = body["metadata"]
        self.objects.setdefault(kind, {})[meta.get("namespace", ""), meta["name"]] = body
        if kind == "Service":
            self._slices(body)

    def _pod(self, key: str, number: int) -> None:
        space, _, name = key.partition("/")
        node = f"node{1 + number % 2}"
        addresses = NODES[node].pod_addresses(1 + number // 2)
        self.place[key] = (node, *addresses)
        ports = [{"name": p.name, "protocol": p.protocol, "containerPort": p.port} for p in (*NAMED_PORTS, MIXED[name])]
        spec = {"nodeName": node, "serviceAccountName": ACCOUNTS[name], "containers": [{"ports": ports}]}
        status = {"phase": "Running", "podIPs": [{"ip": address} for address in addresses]}
        meta = {"name": name, "namespace": space, "labels": {"pod": name}}
        self.add({"kind": "Pod", "metadata": meta, "spec": spec, "status": status})

    def _slices(self, service: Object) -> None:
        meta, spec = service["metadata"], service["spec"]
        _, four, six = self.place[f"{meta['namespace']}/{spec['selector']['pod']}"]
        port = {"port": spec["ports"][0]["targetPort"], "protocol": "TCP"}
        for address in (four, six):
            label = {"kubernetes.io/service-name": meta["name"]}
            metadata = {"name": f"{meta['name']}{address}", "namespace": meta["namespace"], "labels": label}
            rows = [{"addresses": [address]}]
            self.add({"kind": "EndpointSlice", "metadata": metadata, "endpoints": rows, "ports": [port]})

    def do(self, step: Step) -> None:
        for body in step.apply:
            self.add(body)
        for kind, space, name in step.delete:
            del self.objects[{"NetworkPolicy": "KubernetesNetworkPolicy"}[kind]][space, name]
        labelled = [("Pod", tuple(key.split("/")), labels) for key, labels in step.pod_labels]
        labelled += [("Namespace", ("", space), labels) for space, labels in step.namespace_labels]
        for kind, key, labels in labelled:
            body = self.objects[kind][key[0], key[1]]
            merged = {**body["metadata"]["labels"], **labels}
            remaining = {label: value for label, value in merged.items() if value is not None}
            self.objects[kind][key[0], key[1]] = {**body, "metadata": {**body["metadata"], "labels": remaining}}

    def flows(self, case: Case) -> Iterator[Flow]:
        for source, (source_node, *_) in self.place.items():
            for to, (to_node, *_) in self.place.items():
                for protocol, port in case.probes:
                    for version in (4, 6):
                        if source != to:
                            yield Flow(source, to, protocol, port, version, source_node, to_node)

    def packet(self, flow: Flow) -> Packet:
        family = 1 if flow.version == 4 else 2
        protocol = 58 if (flow.protocol, flow.version) == ("ICMP", 6) else PROTOCOLS[flow.protocol]
        return Packet(self.place[flow.source][family], self.place[flow.to][family], protocol, flow.port)

    def allowed(self, states: dict[str, DataplaneState], flow: Flow) -> bool:
        """Each end is judged by its own node's Felix."""
        packet = self.packet(flow)
        ends = {key: states[self.place[key][0]] for key in (flow.source, flow.to)}
        source, to = (ends[key].workloads["k8s", key, "eth0"] for key in (flow.source, flow.to))
        return passes(ends[flow.source], source, None, packet) and passes(ends[flow.to], None, to, packet)


@pytest.mark.parametrize("case", [*upstream.CASES, *calico_cases.CASES], ids=lambda case: case.says)
def test_the_reference_evaluation_is_what_the_case_expects(case: Case) -> None:
    cluster = Cluster()
    for number, step in enumerate(case.steps, 1):
        cluster.do(step)
        states = {node: calculate(cluster.objects, node, "v3.32.0", {}) for node in NODES}
        assert [one.problems for one in states.values()] == [{}, {}]
        wrong = [f for f in cluster.flows(case) if cluster.allowed(states, f) != verdict(step.expect, f)]
        assert wrong == [], f"step {number}: {len(wrong)} flows"
