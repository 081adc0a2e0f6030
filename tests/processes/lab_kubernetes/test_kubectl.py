"""kubectl against the API server: services, endpoint slices and policies of Kubernetes and of Calico."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tools.lab import kube, state
from tools.lab.cluster import initial_objects

ApiServer = Any  # the fixture of conftest.py
Kubectl = Callable[..., str]
CALICO = "crd.projectcalico.org/v1"


@pytest.fixture
def kubectl(server: ApiServer, tmp_path: Path) -> Kubectl:
    """Runs kubectl to its end; `manifest` is its input."""
    (tmp_path / "config").write_text(initial_objects.kubeconfig("lab", server.url))
    program = shutil.which("kubectl")
    assert program, "kubectl is installed by `make test`"

    def run(*words: str, manifest: Any = None) -> str:
        environment = {"KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path)}
        completed = subprocess.run(
            [program, *words], env=environment, input=json.dumps(manifest), capture_output=True, text=True, timeout=60
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout

    return run


@pytest.fixture
def lab(server: ApiServer) -> state.Lab:
    """A lab that is nothing but its API server."""
    return state.Lab(name="none", nodes=1, vpp="", real_vpp=False, api_url=server.url)


def several(*items: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "List", "items": list(items)}


def manifest_of(kind: str, name: str, api: str = "v1", **more: Any) -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name}, **more}


def pod(name: str, ip: str, port: int) -> dict[str, Any]:
    container = {"name": "main", "image": "none", "ports": [{"name": "http", "containerPort": port}]}
    body = manifest_of("Pod", name, spec={"nodeName": "node1", "containers": [container]})
    body["metadata"]["labels"] = {"app": "web"}
    return body | {"status": {"phase": "Running", "podIPs": [{"ip": ip}]}}


def test_a_service_is_applied_changed_labelled_and_deleted_and_its_slices_follow(
    kubectl: Kubectl, lab: state.Lab
) -> None:
    port = {"name": "web", "port": 80, "targetPort": "http"}
    service = manifest_of("Service", "web", spec={"type": "NodePort", "selector": {"app": "web"}, "ports": [port]})
    kubectl("apply", "-f", "-", manifest=several(pod("a", "10.0.0.1", 8080), service))
    kube.set_ready(lab, "a", ready=True)
    before = json.loads(kubectl("get", "service", "web", "-o", "json"))["spec"]
    header, row = kubectl("get", "service", "web").splitlines()
    assert header.split() == ["NAME", "TYPE", "CLUSTER-IP", "EXTERNAL-IP", "PORT(S)", "AGE"]
    ports = f"80:{before['ports'][0]['nodePort']}/TCP"
    assert row.split()[:5] == ["web", "NodePort", before["clusterIP"], "<none>", ports]
    (piece,) = json.loads(kubectl("get", "endpointslices", "-o", "json"))["items"]
    assert piece["endpoints"][0]["conditions"]["ready"] is True
    assert piece["ports"] == [{"name": "web", "protocol": "TCP", "port": 8080}]
    service["spec"]["ports"] = [port, {"name": "dns", "port": 53, "protocol": "UDP"}]
    kubectl("apply", "-f", "-", manifest=service)
    after = json.loads(kubectl("get", "service", "web", "-o", "json"))["spec"]
    assert after["clusterIP"] == before["clusterIP"]
    assert after["ports"][0] == before["ports"][0]
    assert [row["port"] for row in kube.list_objects(lab, "endpointslices")[0]["ports"]] == [8080, 53]
    kubectl("label", "pod", "a", "app-")
    assert kube.list_objects(lab, "endpointslices") == []
    kubectl("label", "pod", "a", "app=web")
    assert "10.0.0.1" in kubectl("get", "endpointslices")
    kubectl("delete", "service", "web")
    assert kube.list_objects(lab, "endpointslices") == []


def test_slices_follow_the_zones_of_their_nodes(kubectl: Kubectl, lab: state.Lab) -> None:
    service = manifest_of("Service", "web", spec={"selector": {"app": "web"}, "ports": [{"port": 80}]})
    kubectl("apply", "-f", "-", manifest=several(manifest_of("Node", "node1"), pod("a", "10.0.0.1", 8080), service))
    kubectl("label", "node", "node1", "topology.kubernetes.io/zone=east")
    (stored,) = kube.list_objects(lab, "endpointslices")
    assert stored["endpoints"][0]["zone"] == "east"


def test_a_load_balancer_gets_its_address_through_its_status(kubectl: Kubectl, lab: state.Lab) -> None:
    kubectl(
        "apply",
        "-f",
        "-",
        manifest=manifest_of("Service", "web", spec={"type": "LoadBalancer", "ports": [{"port": 80}]}),
    )
    assert "<pending>" in kubectl("get", "service", "web")
    patch = json.dumps({"status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}}})
    kubectl("patch", "service", "web", "--subresource", "status", "--type", "merge", "-p", patch)
    assert "192.0.2.7" in kubectl("get", "service", "web")
    kube.set_ingress(lab, "default", "web", "192.0.2.8", mode="Proxy")
    service = kube.get(lab, "svc", "default", "web")
    assert service is not None
    assert service["status"]["loadBalancer"]["ingress"] == [{"ip": "192.0.2.8", "ipMode": "Proxy"}]


def test_a_network_policy_s_rules_are_replaced_by_what_is_applied(kubectl: Kubectl) -> None:
    def policy(*ports: int) -> dict[str, Any]:
        rule = {"ports": [{"port": port, "protocol": "TCP"} for port in ports]}
        spec = {"podSelector": {"matchLabels": {"app": "web"}}, "ingress": [rule], "policyTypes": ["Ingress"]}
        return manifest_of("NetworkPolicy", "p", "networking.k8s.io/v1", spec=spec)

    assert "created" in kubectl("apply", "-f", "-", manifest=policy(80, 81))
    assert "app=web" in kubectl("get", "networkpolicies")
    assert "configured" in kubectl("apply", "-f", "-", manifest=policy(82))
    ports = kubectl("get", "networkpolicy", "p", "-o", "jsonpath={.spec.ingress[*].ports[*].port}")
    assert ports == "82"


def test_a_slice_made_by_hand_keeps_what_is_applied_alone(kubectl: Kubectl, lab: state.Lab) -> None:
    def piece(*ips: str) -> dict[str, Any]:
        body = manifest_of("EndpointSlice", "hand", "discovery.k8s.io/v1", addressType="IPv4", ports=[{"port": 80}])
        body["metadata"]["labels"] = {"kubernetes.io/service-name": "web"}
        return body | {"endpoints": [{"addresses": [ip]} for ip in ips]}

    kubectl("apply", "-f", "-", manifest=piece("10.0.0.1", "10.0.0.2"))
    kubectl("apply", "-f", "-", manifest=piece("10.0.0.3"))
    (stored,) = kube.list_objects(lab, "endpointslices")
    assert stored["endpoints"] == [{"addresses": ["10.0.0.3"]}]


def test_calico_s_kinds_are_applied_read_and_deleted(kubectl: Kubectl) -> None:
    things = [
        manifest_of("Tier", "secure", CALICO, spec={"order": 100}),
        manifest_of("NetworkPolicy", "np", CALICO, spec={"tier": "secure", "selector": "all()"}),
        manifest_of("GlobalNetworkPolicy", "gnp", CALICO, spec={"tier": "secure", "order": 1}),
        manifest_of("StagedGlobalNetworkPolicy", "staged", CALICO, spec={"selector": "all()"}),
        manifest_of("NetworkSet", "ns", CALICO, spec={"nets": ["10.0.0.0/8"]}),
        manifest_of("GlobalNetworkSet", "gns", CALICO, spec={"nets": ["10.0.0.0/8"]}),
        manifest_of("HostEndpoint", "hep", CALICO, spec={"node": "node1", "interfaceName": "*"}),
        manifest_of("Profile", "open", CALICO, spec={"ingress": [{"action": "Allow"}]}),
        manifest_of("FelixConfiguration", "default", CALICO, spec={"defaultEndpointToHostAction": "Accept"}),
    ]
    assert kubectl("apply", "-f", "-", manifest=several(*things)).count("created") == len(things)
    assert "No resources found" not in kubectl("get", "networkpolicies.crd.projectcalico.org")
    assert kubectl("get", "globalnetworkpolicies", "-o", "name").strip().endswith("/gnp")
    kubectl("patch", "globalnetworkpolicy", "gnp", "--type", "merge", "-p", '{"spec": {"order": 7}}')
    assert kubectl("get", "globalnetworkpolicy", "gnp", "-o", "jsonpath={.spec.order}") == "7"
    for body in things:
        kubectl("delete", f"{body['kind'].lower()}.crd.projectcalico.org", body["metadata"]["name"])


def test_a_namespace_has_its_name_as_a_label_and_takes_its_policies_along(kubectl: Kubectl, lab: state.Lab) -> None:
    kubectl("create", "namespace", "shop")
    kubectl("label", "namespace", "shop", "team=a")
    labels = json.loads(kubectl("get", "namespace", "shop", "-o", "json"))["metadata"]["labels"]
    assert labels == {"kubernetes.io/metadata.name": "shop", "team": "a"}
    policy = manifest_of("NetworkPolicy", "p", "networking.k8s.io/v1", spec={"podSelector": {}})
    kubectl("apply", "-n", "shop", "-f", "-", manifest=policy)
    kubectl("delete", "namespace", "shop")
    assert kube.list_objects(lab, "networkpolicy") == []


def test_the_client_applies_yaml_of_several_documents_and_what_is_not_given_is_gone(lab: state.Lab) -> None:
    text = """
apiVersion: v1
kind: Namespace
metadata: {name: shop}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: shop}
spec: {podSelector: {}, egress: [{}], policyTypes: [Egress]}
"""
    assert [body["kind"] for body in kube.apply(lab, text)] == ["Namespace", "NetworkPolicy"]
    policy = manifest_of("NetworkPolicy", "p", "networking.k8s.io/v1", spec={"podSelector": {}})
    policy["metadata"]["namespace"] = "shop"
    kube.apply(lab, policy)
    stored = kube.get(lab, "netpol", "shop", "p")
    assert stored is not None
    assert stored["spec"] == {"podSelector": {}}
    assert kube.delete(lab, "netpol", "shop", "p")
    assert not kube.delete(lab, "netpol", "shop", "p")
    assert kube.get(lab, "netpol", "shop", "p") is None


def test_the_client_s_errors_name_the_object_and_what_the_server_says(lab: state.Lab) -> None:
    with pytest.raises(kube.ApiFailed, match=r'absent.*namespaces "absent" not found') as failed:
        kube.create(lab, {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "absent"}})
    assert failed.value.code == 404
    with pytest.raises(kube.ApiFailed, match="no kind Nonsense"):
        kube.get(lab, "Nonsense", "", "x")
