"""Edge: the gRPC calls of Calico's CNI plugin, translated; what they do is in `wiring.py`.

The plugin waits 5 s; an answer comes before that, always. Errors are answers (`successful = false`), not RPC errors,
and name what is wrong.
"""

import time
from pathlib import Path
from typing import Any

import grpc

from actors.cni import netns
from actors.cni.buffer_claims import NoFreeBuffers
from actors.cni.gone_pods import GonePods
from actors.cni.pods import BadPodRequest, parse_pod_request, pod_device_id
from actors.cni.wiring import PodWiring
from actors.runtime.context import ActorContext
from actors.runtime.realised import IntentsNotRealised
from actors.runtime.unix_socket import ListeningSocket
from bus import whole_files
from schemas.npol import interface_policies_intent_key
from schemas.proto import cnibackend_pb2 as pb
from schemas.proto.cnibackend_pb2_grpc import CniDataplaneServicer, add_CniDataplaneServicer_to_server

_CONTAINER_MAC = "02:00:00:00:00:00"  # a tun has none, but the plugin must be able to parse one
_STOP_S = 0.5
_REFUSALS = (
    BadPodRequest,
    NoFreeBuffers,
    IntentsNotRealised,
    netns.NoPodNamespace,
    OSError,
    TimeoutError,
)


class CniServer(CniDataplaneServicer):
    """The service `cni.CniDataplane`."""

    def __init__(self, context: ActorContext, wiring: PodWiring, gone_pods: GonePods) -> None:
        self._context, self._wiring, self._gone_pods = context, wiring, gone_pods
        self._server: Any = None
        self._socket: ListeningSocket | None = None

    async def start(self, socket: Path) -> None:
        """Listens. Raises LockFileHeld, OSError."""
        self._socket = ListeningSocket(socket, self._listen, self._context.log)
        await self._socket.open()
        self._context.spawn(self._socket.keep())

    async def _listen(self, socket: Path) -> None:
        if self._server is not None:
            await self._server.stop(_STOP_S)
        self._server = grpc.aio.server()
        add_CniDataplaneServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        if not self._server.add_insecure_port(f"unix://{socket}"):
            raise OSError(f"{socket}: cannot listen")
        await self._server.start()

    async def stop(self) -> None:
        """Lets running calls end, for a moment."""
        if self._server is not None:
            await self._server.stop(_STOP_S)
        if self._socket is not None:
            self._socket.close()

    async def Add(self, request: pb.AddRequest, context: Any) -> pb.AddReply:  # noqa: N802 - the wire's name
        """Wires a pod."""
        started = time.monotonic()
        if not request.netns:
            return pb.AddReply(successful=True, container_mac=_CONTAINER_MAC)
        try:
            pod = parse_pod_request(request, self._context.config.interfaces.maxPodIfSpec)
            name = await self._wiring.add(pod, started + self._context.config.cni_deadline_s)
        except _REFUSALS as error:
            workload = f"{request.workload.namespace}/{request.workload.pod}"
            return pb.AddReply(successful=False, error_message=self._error("add", workload, error, started))
        took_ms = (time.monotonic() - started) * 1000
        self._context.counters["adds"] += 1
        self._context.log.info("added", pod=pod.key, addresses=pod.addresses, interface=name, took_ms=took_ms)
        for problem in pod.problems:
            self._context.log.warning("pod", pod=pod.key, problem=problem)
        return pb.AddReply(successful=True, host_interface_name=name, container_mac=_CONTAINER_MAC)

    async def Del(self, request: pb.DelRequest, context: Any) -> pb.DelReply:  # noqa: N802 - the wire's name
        """Unwires a pod. By a device that is not known it may mean one whose namespace has gone: those are unwired."""
        started = time.monotonic()
        device = pod_device_id(request.netns, request.interface_name)
        pod = self._wiring.pod_at(device)
        if pod is None:
            self._context.counters["unknown_dels"] += 1
            self._context.log.info("unknown pod", netns=request.netns, interface=request.interface_name)
            await self._gone_pods.look(started + self._context.config.cni_deadline_s)
            return pb.DelReply(successful=True)
        try:
            await self._wiring.remove(device, started + self._context.config.cni_deadline_s)
        except (IntentsNotRealised, OSError, TimeoutError) as error:
            return pb.DelReply(successful=False, error_message=self._error("del", pod.key, error, started))
        took_ms = (time.monotonic() - started) * 1000
        self._context.counters["dels"] += 1
        self._context.log.info("deleted", pod=pod.key, took_ms=took_ms)
        return pb.DelReply(successful=True)

    def _error(self, call: str, pod: str, error: BaseException, started: float) -> str:
        """The answer's text for what went wrong; counted and logged."""
        text = whole_files.file_error_words(error) if isinstance(error, OSError) else str(error)
        text = text or f"not done in {self._context.config.cni_deadline_s:g} s"
        if f"waits for {interface_policies_intent_key('')}" in text:
            text += " (the policy manager has not said yet what holds on the pod's interface)"
        if text.startswith("translation/") and "owned by" in text:
            text += " (a Service's node port has what this host port asks for)"
        took_ms = (time.monotonic() - started) * 1000
        self._context.counters[f"failed_{call}s"] += 1
        self._context.log.warning(f"{call} failed", pod=pod, why=text, took_ms=took_ms)
        return text
