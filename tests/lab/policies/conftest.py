"""Nine pods over two nodes, an agent in each, and objects that are taken away again."""

from collections.abc import Iterator
from contextlib import suppress

import pytest

from tests.lab.pod_world import PodWorld, made_world, undone
from tests.lab.policies import truth
from tests.lab.policies.words import Case, Object, Step, verdict
from tools.lab import kube
from tools.lab.checks import convergence
from tools.lab.cluster import pods
from tools.lab.state import ContainerPort, Lab
from tools.lab.topology import lan_netns
from tools.lab.traffic.agents import Agents

NAMESPACES, PODS, PORTS = "xyz", "abc", (80, 81, 82, 83, 84)
NAMED_PORTS = (ContainerPort(80, "TCP", "web"), ContainerPort(81, "TCP", "alt"))
MIXED = {
    "a": ContainerPort(82, "TCP", "mixed"),
    "b": ContainerPort(83, "TCP", "mixed"),
    "c": ContainerPort(84, "UDP", "mixed"),
}
ACCOUNTS = {"a": "default", "b": "default", "c": "builder"}
OUTSIDE = "outside"


class World(PodWorld):
    """The lab's nine pods and the host outside, and what a test has changed."""

    def __init__(self, lab: Lab, agents: Agents) -> None:
        super().__init__(lab, agents)
        self.pods = [f"{space}/{name}" for space in NAMESPACES for name in PODS]
        self._labelled: list[tuple[str, str, str, dict[str, str | None]]] = []

    def make(self) -> None:
        """Namespaces, service accounts, pods and agents."""
        for space in NAMESPACES:
            kube.create_namespace(self.lab, space, ns=space)
            kube.apply(self.lab, _account(space))
        for number, key in enumerate(self.pods):
            self.add(key, f"node{1 + number % 2}")
        self.agents.start({key: self.lab.pods[key].netns for key in self.pods}, PORTS)
        self.agents.start({OUTSIDE: lan_netns(self.lab.name)}, PORTS)

    def add(self, key: str, node: str) -> None:
        """One of the pods, without its agent."""
        space, _, name = key.partition("/")
        ports = (*NAMED_PORTS, MIXED[name])
        labels = {"pod": name}
        pods.add(self.lab, name, node, namespace=space, labels=labels, ports=ports, service_account=ACCOUNTS[name])

    def pod_is_deleted(self, key: str) -> None:
        """Deletes a pod and ends its agent."""
        self.agents.stop(key)
        pods.delete(self.lab, key)

    def again(self, key: str, node: str) -> None:
        """Makes a pod anew, on this node, with its agent."""
        if key in self.lab.pods:
            self.pod_is_deleted(key)
        self.add(key, node)
        self.agents.start({key: self.lab.pods[key].netns}, PORTS)

    def remove(self) -> None:
        """Everything that `make` made."""
        self.agents.stop(*self.pods, OUTSIDE)
        self.delete_pods(self.pods)
        for space in NAMESPACES:
            kube.delete(self.lab, "ServiceAccount", space, "builder")
            kube.delete(self.lab, "Namespace", "", space)

    def do(self, step: Step) -> None:
        """The changes of a step."""
        self.apply(*step.apply)
        for deletion in step.delete:
            kube.delete(self.lab, *deletion)
        for key, labels in step.pod_labels:
            self.label("pods", *kube.split_pod_key(key), labels)
        for space, labels in step.namespace_labels:
            self.label("namespaces", "", space, labels)

    def label(self, kind: str, namespace: str, name: str, labels: dict[str, str | None]) -> None:
        """Sets labels; they are gone at the end of the test."""
        self._labelled.append((kind, namespace, name, dict.fromkeys(labels)))
        kube.label(self.lab, kind, namespace, name, **labels)

    def undo(self) -> None:
        """Takes the changes of a test away, and sees that all pods reach all pods again."""
        for kind, namespace, name, labels in reversed(self._labelled):
            with suppress(kube.ApiFailed):  # the pod is gone
                kube.label(self.lab, kind, namespace, name, **labels)
        super().undo()
        self._labelled.clear()
        flows = truth.flows(self.lab, self.pods, [("TCP", 80)])
        truth.until_as_expected(self.lab, self.agents, flows, (), "after the test all pods reach all pods")

    def holds(self, case: Case) -> None:
        """Goes through a case; fails with the flows that do not go as it says."""
        flows = truth.flows(self.lab, self.pods, case.probes)
        before = [True] * len(flows)
        for number, step in enumerate(case.steps, 1):
            since = convergence.flush_counts(self.lab)
            self.do(step)
            assert convergence.wait_until_flushed(self.lab, since), f"step {number}: Felix tells nothing"
            after = [verdict(step.expect, flow) for flow in flows]
            if after == before:  # nothing is to change: see it when there has been time for it
                assert convergence.wait_until_converged(self.lab), f"step {number}: not all intents are applied"
            truth.until_as_expected(self.lab, self.agents, flows, step.expect, f"step {number}")
            before = after


def _account(space: str) -> Object:
    meta = {"name": "builder", "namespace": space, "labels": {"role": "ci"}}
    return {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta}


@pytest.fixture(scope="package")
def nine_pods(lab: Lab) -> Iterator[World]:
    """The world, made once."""
    with made_world(World, lab) as world:
        yield world


@pytest.fixture
def world(nine_pods: World) -> Iterator[World]:
    """The world, as it was made again after each test."""
    with undone(nine_pods) as world:
        yield world
