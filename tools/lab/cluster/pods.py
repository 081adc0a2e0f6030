"""Pods of a lab: a namespace each, wired by the same gRPC call that Calico's CNI plugin makes, and a Pod object.

Objects change in the order they do in a cluster: the Pod is there before its network is, gets its addresses as
annotations when the plugin is done (Calico's policies know it from then on), then from the kubelet its status. At its
end it is terminating first, loses the annotations (and its policies) before the plugin's DEL, and goes last.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Any

import grpc

from schemas.proto import cnibackend_pb2 as pb
from schemas.proto.cnibackend_pb2_grpc import CniDataplaneStub
from tools.lab import kube, linux
from tools.lab.cluster import calico_node
from tools.lab.objects import Object
from tools.lab.state import ContainerPort, Lab, LabPod, NoLab, transaction
from tools.lab.topology import (
    BLOCK4_LENGTH,
    DEFAULT_NAMESPACE,
    LabNode,
    check_namespace,
    check_pod_name,
    pod_key,
    pod_netns,
    veth_name,
)

PLUGIN_WAIT_S = 5.0  # Calico's plugin waits so long
POLICIES_WAIT_S = 5.0
POLL_S = 0.01
PODS_MAX = 2 ** (32 - BLOCK4_LENGTH) - 2
INTERFACE = "eth0"
POD_IP, POD_IPS = "cni.projectcalico.org/podIP", "cni.projectcalico.org/podIPs"


class PodFailed(Exception):
    """The CNI server did not wire or unwire the pod; the text is its answer."""


def add(
    lab: Lab,
    name: str,
    node_name: str,
    *,
    namespace: str = DEFAULT_NAMESPACE,
    labels: Mapping[str, str] | None = None,
    annotations: Mapping[str, str] | None = None,
    ports: Iterable[ContainerPort] = (),
    host_network: bool = False,
    service_account: str = "default",
    ready: bool = True,
    policies_wait_s: float = POLICIES_WAIT_S,
) -> LabPod:
    """Makes a pod and connects it; when this returns its object has its addresses.

    It waits as Calico's plugin does with `policy_setup_timeout_seconds`: until the dataplane says that the pod's
    policies hold, at most for so long; 0: not at all. The Kubernetes namespace must exist. Raises NoLab, PodFailed,
    kube.ApiFailed, BadName; a pod that failed is gone.
    """
    key = pod_key(check_namespace(namespace), check_pod_name(name))
    with transaction(lab):
        pod = _allocate(lab, key, name, lab.node(node_name), host_network)
        pod.namespace, pod.service_account = namespace, service_account
        pod.labels, pod.annotations, pod.ports = dict(labels or {}), dict(annotations or {}), tuple(ports)
        lab.pods[key] = pod
    try:
        kube.create(lab, _pod_object(pod))
        if not host_network:
            _wire(lab, pod)
            _wait_for_policies(lab, pod, policies_wait_s)
        _report_running(lab, pod, ready)
    except BaseException:
        _forget(lab, pod)
        raise
    return pod


def _allocate(lab: Lab, key: str, name: str, node: LabNode, host_network: bool) -> LabPod:
    """The pod with the first free addresses of its node's block. Raises NoLab."""
    if key in lab.pods:
        raise NoLab(f"lab {lab.name}: pod {key} is there already, on node{lab.pods[key].node}")
    if host_network:
        return LabPod(name, node.number, 0, node.netns, str(node.ip4), str(node.ip6), host_network=True)
    numbers = {pod.number for pod in lab.pods.values() if pod.node == node.number}
    number = next((n for n in range(1, PODS_MAX + 1) if n not in numbers), None)
    if number is None:
        raise NoLab(f"lab {lab.name}: {node.name} has {PODS_MAX} pods, all that its block has addresses for")
    return LabPod(name, node.number, number, pod_netns(lab.name, key), *node.pod_addresses(number))


def _pod_object(pod: LabPod) -> Object:
    """The Pod as the scheduler leaves it."""
    ports = [
        {"containerPort": port.port, "protocol": port.protocol}
        | ({"name": port.name} if port.name else {})
        | ({"hostPort": port.host_port} if port.host_port else {})
        for port in pod.ports
    ]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": pod.name,
            "namespace": pod.namespace,
            "labels": pod.labels,
            "annotations": pod.annotations,
        },
        "spec": {
            "nodeName": f"node{pod.node}",
            "serviceAccountName": pod.service_account,
            "hostNetwork": pod.host_network,
            "containers": [{"name": "main", "image": "none", "ports": ports}],
        },
        "status": {"phase": "Pending"},
    }


def _wire(lab: Lab, pod: LabPod) -> None:
    linux.ip(f"netns add {pod.netns}")
    linux.ip("link set lo up", pod.netns)
    reply = call_add(lab, pod)
    if not reply.successful:
        raise PodFailed(f"ADD {pod.key}: {reply.error_message}")
    ips = {POD_IP: f"{pod.ip4}/32", POD_IPS: f"{pod.ip4}/32,{pod.ip6}/128"}
    kube.annotate(lab, "pods", pod.namespace, pod.name, dict(ips))


def _wait_for_policies(lab: Lab, pod: LabPod, wait_s: float) -> None:
    """Waits until the dataplane reports the pod as up. Like Calico's plugin, goes on when the time is over."""
    run, deadline = lab.run(lab.node(f"node{pod.node}")), time.monotonic() + wait_s
    while time.monotonic() < deadline:
        if calico_node.felix_status(run).get("workloads", {}).get(f"{pod.namespace}/{pod.name}") == "up":
            return
        time.sleep(POLL_S)


def _report_running(lab: Lab, pod: LabPod, ready: bool) -> None:
    """Reports the pod as running, as the kubelet does."""
    status = {
        "phase": "Running",
        "podIP": pod.ip4,
        "podIPs": [{"ip": pod.ip4}, {"ip": pod.ip6}],
        "hostIP": str(lab.node(f"node{pod.node}").ip4),
        "conditions": kube.ready_conditions(ready),
    }
    kube.patch(lab, "pods", pod.namespace, pod.name, {"status": status}, status=True)


def _forget(lab: Lab, pod: LabPod) -> None:
    """Removes the pod's network namespace, its object and its entry in the lab's state."""
    if not pod.host_network and pod.netns in linux.namespaces(pod.netns):
        linux.end_processes(linux.pids_in(pod.netns), 0.5)
        linux.ip(f"netns del {pod.netns}")
    with transaction(lab):
        lab.pods.pop(pod.key, None)
    kube.delete(lab, "pods", pod.namespace, pod.name)


def call_add(lab: Lab, pod: LabPod) -> pb.AddReply:
    """The plugin's ADD call. Raises PodFailed if there is no answer."""
    ports = [
        pb.Port(name=port.name, protocol=port.protocol, port=port.port, host_port=port.host_port)
        for port in pod.ports
        if port.host_port
    ]
    request = pb.AddRequest(
        interface_name=INTERFACE,
        netns=f"/var/run/netns/{pod.netns}",
        desired_host_interface_name=veth_name(pod.namespace, pod.name),
        settings=pb.ContainerSettings(allow_ip_forwarding=False, mtu=0),
        container_ips=[
            pb.IPConfig(address=f"{pod.ip4}/32", gateway="<nil>"),
            pb.IPConfig(address=f"{pod.ip6}/128", gateway="<nil>"),
        ],
        container_routes=["0.0.0.0/0", "::/0"],
        workload=pb.WorkloadIDs(
            name=pod.name,
            namespace=pod.namespace,
            labels=pod.labels,
            annotations=pod.annotations,
            endpoint=INTERFACE,
            node=f"node{pod.node}",
            orchestrator="k8s",
            pod=pod.name,
            ports=ports,
        ),
        dataplane_options={"type": "grpc"},
    )
    reply: pb.AddReply = _call(lab, pod, "Add", request)
    return reply


def delete(lab: Lab, key: str) -> None:
    """Removes a pod from its network, then altogether. Raises NoLab, PodFailed, kube.ApiFailed."""
    pod = lab.pod(key)
    _terminate(lab, pod)
    if not pod.host_network:
        reply = call_del(lab, pod)
        if not reply.successful:
            raise PodFailed(f"DEL {key}: {reply.error_message}")
    _forget(lab, pod)


def _terminate(lab: Lab, pod: LabPod) -> None:
    """Marks the Pod as terminating and, as the plugin does, without addresses, unless its object was deleted before."""
    if kube.get(lab, "pods", pod.namespace, pod.name) is None:
        return
    kube.set_terminating(lab, pod.key)
    if not pod.host_network:
        kube.annotate(lab, "pods", pod.namespace, pod.name, {POD_IP: "", POD_IPS: ""})


def call_del(lab: Lab, pod: LabPod, *, names_namespace: bool = True) -> pb.DelReply:
    """The plugin's DEL call; runtimes may repeat it without the namespace's path. Raises PodFailed if unanswered."""
    path = f"/var/run/netns/{pod.netns}" if names_namespace else ""
    request = pb.DelRequest(interface_name=INTERFACE, netns=path)
    reply: pb.DelReply = _call(lab, pod, "Del", request)
    return reply


def _call(lab: Lab, pod: LabPod, method: str, request: object) -> Any:
    socket = lab.run(lab.node(f"node{pod.node}")) / "cni.sock"
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        stub = CniDataplaneStub(channel)  # type: ignore[no-untyped-call]
        try:
            return getattr(stub, method)(request, timeout=PLUGIN_WAIT_S)
        except grpc.RpcError as error:
            raise PodFailed(f"{method.upper()} {pod.key}: {error.code().name}: {error.details()}") from None
