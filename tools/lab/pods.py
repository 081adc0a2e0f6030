"""Pods of a lab: a namespace each, wired by the same gRPC call that Calico's CNI plugin makes."""

from typing import Any

import grpc

from schemas.proto import cnibackend_pb2 as pb
from schemas.proto.cnibackend_pb2_grpc import CniDataplaneStub
from tools.lab import host
from tools.lab.plan import BLOCK4_LENGTH, Node, check_pod_name, pod_netns
from tools.lab.state import Lab, NoLab, Pod, changing

PLUGIN_WAIT_S = 5.0  # Calico's plugin waits so long
PODS_MAX = 2 ** (32 - BLOCK4_LENGTH) - 2
INTERFACE = "eth0"
NAMESPACE = "default"


class PodFailed(Exception):
    """The CNI server did not wire or unwire the pod; the text is its answer."""


def add(lab: Lab, name: str, node_name: str) -> Pod:
    """Makes a pod and has it wired. Raises NoLab, PodFailed; a pod that failed is gone."""
    with changing(lab):
        pod = lab.pods[check_pod_name(name)] = _allocate(lab, name, lab.node(node_name))
    try:
        host.ip(f"netns add {pod.netns}")
        host.ip("link set lo up", pod.netns)
        reply = call_add(lab, pod)
        if not reply.successful:
            raise PodFailed(f"ADD {name}: {reply.error_message}")
    except BaseException:
        _forget(lab, pod)
        raise
    return pod


def _allocate(lab: Lab, name: str, node: Node) -> Pod:
    """The pod with the first free addresses of its node's block. Raises NoLab."""
    if name in lab.pods:
        raise NoLab(f"lab {lab.name}: pod {name} is there already, on node{lab.pods[name].node}")
    taken = {pod.number for pod in lab.pods.values() if pod.node == node.number}
    number = next((n for n in range(1, PODS_MAX + 1) if n not in taken), None)
    if number is None:
        raise NoLab(f"lab {lab.name}: {node.name} has {PODS_MAX} pods, all that its block has addresses for")
    return Pod(name, node.number, number, pod_netns(lab.name, name), *node.pod_addresses(number))


def _forget(lab: Lab, pod: Pod) -> None:
    """Takes the pod's namespace and its line in the lab's state away."""
    if pod.netns in host.namespaces(pod.netns):
        host.end(host.pids_in(pod.netns), 0.5)
        host.ip(f"netns del {pod.netns}")
    with changing(lab):
        lab.pods.pop(pod.name, None)


def call_add(lab: Lab, pod: Pod) -> pb.AddReply:
    """The plugin's ADD call. Raises PodFailed if there is no answer."""
    request = pb.AddRequest(
        interface_name=INTERFACE,
        netns=f"/var/run/netns/{pod.netns}",
        desired_host_interface_name=f"cali{pod.number:011x}",
        settings=pb.ContainerSettings(allow_ip_forwarding=False, mtu=0),
        container_ips=[
            pb.IPConfig(address=f"{pod.ip4}/32", gateway="<nil>"),
            pb.IPConfig(address=f"{pod.ip6}/128", gateway="<nil>"),
        ],
        container_routes=["0.0.0.0/0", "::/0"],
        workload=pb.WorkloadIDs(
            name=pod.name,
            namespace=NAMESPACE,
            endpoint=INTERFACE,
            node=f"node{pod.node}",
            orchestrator="k8s",
            pod=pod.name,
        ),
        dataplane_options={"type": "grpc"},
    )
    reply: pb.AddReply = _call(lab, pod, "Add", request)
    return reply


def delete(lab: Lab, name: str) -> None:
    """Has a pod unwired, and takes its namespace away. Raises NoLab, PodFailed."""
    pod = lab.pod(name)
    reply = call_del(lab, pod)
    if not reply.successful:
        raise PodFailed(f"DEL {name}: {reply.error_message}")
    _forget(lab, pod)


def call_del(lab: Lab, pod: Pod) -> pb.DelReply:
    """The plugin's DEL call. Raises PodFailed if there is no answer."""
    request = pb.DelRequest(interface_name=INTERFACE, netns=f"/var/run/netns/{pod.netns}")
    reply: pb.DelReply = _call(lab, pod, "Del", request)
    return reply


def _call(lab: Lab, pod: Pod, method: str, request: object) -> Any:
    socket = lab.run(lab.node(f"node{pod.node}")) / "cni.sock"
    with grpc.insecure_channel(f"unix:{socket}") as channel:
        stub = CniDataplaneStub(channel)  # type: ignore[no-untyped-call]
        try:
            return getattr(stub, method)(request, timeout=PLUGIN_WAIT_S)
        except grpc.RpcError as error:
            raise PodFailed(f"{method.upper()} {pod.name}: {error.code().name}: {error.details()}") from None
