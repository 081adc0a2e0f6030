"""A pod sends from its own addresses, and what its annotations allow; from nothing else, wherever it sends to."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.spoofing import heard_sources
from tests.waiting import until
from tools.lab import kube
from tools.lab.cluster import pods
from tools.lab.state import Lab, LabPod
from tools.lab.topology import LAN4, OUTSIDE6, SERVICES4, SERVICES6
from tools.lab.traffic import pings

ANNOTATION = "cni.projectcalico.org/AllowedSourcePrefixes"
CALICO_ANNOTATION = "cni.projectcalico.org/allowedSourcePrefixes"
FURTHER = '["203.0.113.0/24", "2001:db8:113::/64"]'
FROM_FURTHER = {4: "203.0.113.9", 6: "2001:db8:113::9"}
TARGETS = ("a pod of its node", "a pod of another node", "another node")


def own(pod: LabPod, version: int) -> str:
    return pod.ip4 if version == 4 else pod.ip6


def forged(lab: Lab, version: int) -> list[str]:
    """Addresses that are not a1's: of its neighbour, of a pod elsewhere, of nodes, outside, a service, nobody."""
    nodes = [str(node.ip4 if version == 4 else node.ip6) for node in lab.all_nodes]
    outside, service = (LAN4[1], SERVICES4[10]) if version == 4 else (OUTSIDE6, SERVICES6[10])
    nobody = FROM_FURTHER[version]
    return [own(lab.pods["b1"], version), own(lab.pods["b2"], version), *nodes, str(outside), str(service), nobody]


def target(lab: Lab, name: str, version: int) -> tuple[str, str]:
    """(namespace, address) of whom the pod sends to."""
    node2 = lab.all_nodes[1]
    return {
        "a pod of its node": (lab.pods["b1"].netns, own(lab.pods["b1"], version)),
        "a pod of another node": (lab.pods["b2"].netns, own(lab.pods["b2"], version)),
        "another node": (node2.netns, str(node2.ip4 if version == 4 else node2.ip6)),
    }[name]


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("name", TARGETS)
def test_only_a_pods_own_source_leaves_it(lab: Lab, name: str, version: int) -> None:
    netns, address = target(lab, name, version)
    pod = lab.pods["a1"]
    assert pings.ping(pod.netns, address, 10.0) is not None
    sources = [source for source in forged(lab, version) if source != address]
    assert heard_sources(pod.netns, netns, address, [*sources, own(pod, version)]) == [own(pod, version)]


@contextmanager
def annotated(lab: Lab, name: str) -> Iterator[LabPod]:
    """A pod of node1 with that annotation."""
    pod = pods.add(lab, "annotated", "node1", annotations={name: FURTHER})
    try:
        yield pod
    finally:
        pods.delete(lab, "annotated")


@pytest.mark.parametrize("version", [4, 6])
def test_the_annotation_of_calico_vpp_allows_its_prefixes_and_no_more(lab: Lab, version: int) -> None:
    with annotated(lab, ANNOTATION) as pod:
        netns, address = target(lab, "a pod of another node", version)
        assert pings.ping(pod.netns, address, 10.0) is not None
        sources = [*(source for source in forged(lab, version) if source != address), own(pod, version)]
        assert heard_sources(pod.netns, netns, address, sources) == [FROM_FURTHER[version], own(pod, version)]


def test_the_annotation_of_calico_counts_while_felix_lets_pods_choose_their_source(lab: Lab) -> None:
    with annotated(lab, CALICO_ANNOTATION) as pod:

        def heard(version: int) -> list[str]:
            netns, address = target(lab, "a pod of its node", version)
            return heard_sources(pod.netns, netns, address, [FROM_FURTHER[version], own(pod, version)])

        own_alone, with_further = [[pod.ip4], [pod.ip6]], [[FROM_FURTHER[v], own(pod, v)] for v in (4, 6)]
        assert [heard(4), heard(6)] == own_alone
        configure_felix(lab, "Any")
        try:
            until(lambda: [heard(4), heard(6)] == with_further, "Felix's prefixes are let through")
        finally:
            configure_felix(lab, "Disabled")
        until(lambda: [heard(4), heard(6)] == own_alone, "they are not let through any more")


def configure_felix(lab: Lab, spoofing: str) -> None:
    meta = {"name": "default"}
    spec = {"workloadSourceSpoofing": spoofing}
    api = "crd.projectcalico.org/v1"
    kube.apply(lab, {"apiVersion": api, "kind": "FelixConfiguration", "metadata": meta, "spec": spec})


def test_a_malformed_annotation_is_refused_and_leaves_nothing(lab: Lab) -> None:
    with pytest.raises(pods.PodFailed, match=r"AllowedSourcePrefixes: \[0\]: 'everything' is not a prefix"):
        pods.add(lab, "wrong", "node1", annotations={ANNOTATION: '["everything"]'})
    assert "wrong" not in lab.pods
