"""Edge: the gRPC calls of Calico's CNI plugin. An ADD is answered when VPP holds the pod, or leaves nothing behind.

The plugin waits 5 s; an answer comes before that, always. Calls for one pod follow one another, those for different
pods run side by side. Errors are answers (`successful = false`), not RPC errors, and name what is wrong.
"""

import asyncio
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from actors.cni import netns
from actors.cni.desired import tun_name
from actors.cni.pods import BadRequest, Pod, place, read
from actors.runtime.realised import NotRealised
from schemas.intents import interface_key
from schemas.proto import cnibackend_pb2 as pb
from schemas.proto.cnibackend_pb2_grpc import CniDataplaneServicer, add_CniDataplaneServicer_to_server

if TYPE_CHECKING:
    from actors.cni.actor import CniManager

CONTAINER_MAC = "02:00:00:00:00:00"  # a tun has none, but the plugin must be able to parse one
ROLLBACK_S = 2.0
STOP_S = 0.5


class CniServer(CniDataplaneServicer):
    """The service `cni.CniDataplane`."""

    def __init__(self, manager: "CniManager") -> None:
        self.manager = manager
        self._server: Any = None
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def start(self, socket: Path) -> None:
        """Listens. Raises OSError."""
        socket.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        socket.unlink(missing_ok=True)
        self._server = grpc.aio.server()
        add_CniDataplaneServicer_to_server(self, self._server)  # type: ignore[no-untyped-call]
        if not self._server.add_insecure_port(f"unix://{socket}"):
            raise OSError(f"{socket}: cannot listen")
        await self._server.start()
        socket.chmod(0o600)
        self.manager.runtime.log.info("listening", socket=socket)

    async def stop(self) -> None:
        """Lets running calls end, for a moment."""
        if self._server is not None:
            await self._server.stop(STOP_S)

    # --- ADD

    async def Add(self, request: pb.AddRequest, context: Any) -> pb.AddReply:  # noqa: N802 - the wire's name
        """Wires a pod."""
        started = time.monotonic()
        if not request.netns:
            return pb.AddReply(successful=True, container_mac=CONTAINER_MAC)
        try:
            pod = self.manager.with_mtu(read(request))
            deadline = started + self.manager.config.cni_deadline_s
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + self.manager.config.cni_deadline_s):
                async with self._locks[pod.key]:
                    name = await self._add(pod, deadline)
        except (BadRequest, NotRealised, netns.NoNamespace, OSError, TimeoutError) as error:
            return self._refused("add", f"{request.workload.namespace}/{request.workload.pod}", error, started)
        took_ms = (time.monotonic() - started) * 1000
        self.manager.runtime.peer.counters["adds"] += 1
        self.manager.runtime.log.info("added", pod=pod.key, addresses=pod.addresses, interface=name, took_ms=took_ms)
        return pb.AddReply(successful=True, host_interface_name=name, container_mac=CONTAINER_MAC)

    async def _add(self, pod: Pod, deadline: float) -> str:
        """Returns the name of VPP's interface. Raises what `Add` answers."""
        manager = self.manager
        if not netns.exists(pod.netns):
            raise netns.NoNamespace(f"netns {pod.netns}: is not a network namespace")
        before = manager.pods.get(pod.key)
        if before is not None and not before.same_request(pod):
            await self._withdraw(before, deadline)
            before = None
        pod = before or pod
        if before is None:
            await self._free_addresses(pod, deadline)
        try:
            if before is None:
                manager.store.save(pod)
                manager.pods[pod.key] = pod
                manager.runtime.wake(f"cni-add/{pod.key}")
            wanted = manager.intents_of(pod)
            statuses = await manager.runtime.realised(wanted, max(0.1, deadline - time.monotonic() - ROLLBACK_S / 2))
            await manager.dress(pod)
        except BaseException:
            if before is None:
                await self._roll_back(pod)
            raise
        index = statuses[interface_key(tun_name(pod))].details["sw_if_index"]
        return f"vpp-tun-{index}"

    async def _free_addresses(self, pod: Pod, deadline: float) -> None:
        """Another pod's address is refused while that pod lives; of one whose namespace has gone it is taken."""
        for other in list(self.manager.pods.values()):
            shared = set(other.addresses) & set(pod.addresses)
            if not shared or other.key == pod.key:
                continue
            if netns.exists(other.netns):
                raise BadRequest("container_ips", f"{min(shared)} belongs to pod {other.key}")
            await self._withdraw(other, deadline)

    async def _roll_back(self, pod: Pod) -> None:
        """Leaves nothing behind; the record goes last, so that a crash in the middle is continued."""
        self.manager.runtime.peer.counters["rollbacks"] += 1
        with suppress(NotRealised, TimeoutError):
            await asyncio.shield(asyncio.ensure_future(self._withdraw(pod, time.monotonic() + ROLLBACK_S)))

    async def _withdraw(self, pod: Pod, deadline: float) -> None:
        """The pod's intents go, then its record. Raises NotRealised; the record stays then."""
        keys = [intent.key for intent in self.manager.intents_of(pod)]
        self.manager.pods.pop(pod.key, None)
        self.manager.runtime.wake(f"cni-del/{pod.key}")
        await self.manager.runtime.withdrawn(keys, max(0.1, deadline - time.monotonic()))
        self.manager.store.remove(pod.key)

    # --- DEL

    async def Del(self, request: pb.DelRequest, context: Any) -> pb.DelReply:  # noqa: N802 - the wire's name
        """Unwires a pod. Of one that is not known there is nothing left to do."""
        started = time.monotonic()
        asked = place(request.netns, request.interface_name)
        pods = [pod for pod in self.manager.pods.values() if pod.place == asked]
        if not pods:
            self.manager.runtime.peer.counters["unknown_dels"] += 1
            self.manager.runtime.log.info("unknown pod", netns=request.netns, interface=request.interface_name)
            return pb.DelReply(successful=True)
        pod = pods[0]
        try:
            async with self._locks[pod.key]:
                await self._withdraw(pod, started + self.manager.config.cni_deadline_s)
        except (NotRealised, OSError, TimeoutError) as error:
            self.manager.pods.setdefault(pod.key, pod)
            return self._refused_del(pod, error, started)
        self._locks.pop(pod.key, None)
        took_ms = (time.monotonic() - started) * 1000
        self.manager.runtime.peer.counters["dels"] += 1
        self.manager.runtime.log.info("deleted", pod=pod.key, took_ms=took_ms)
        return pb.DelReply(successful=True)

    # --- errors

    def _refused(self, call: str, pod: str, error: BaseException, started: float) -> pb.AddReply:
        return pb.AddReply(successful=False, error_message=self._error(call, pod, error, started))

    def _refused_del(self, pod: Pod, error: BaseException, started: float) -> pb.DelReply:
        return pb.DelReply(successful=False, error_message=self._error("del", pod.key, error, started))

    def _error(self, call: str, pod: str, error: BaseException, started: float) -> str:
        text = str(error) or f"not done in {self.manager.config.cni_deadline_s:g} s"
        took_ms = (time.monotonic() - started) * 1000
        self.manager.runtime.peer.counters[f"failed_{call}s"] += 1
        self.manager.runtime.log.warning(f"{call} failed", pod=pod, why=text, took_ms=took_ms)
        return text
