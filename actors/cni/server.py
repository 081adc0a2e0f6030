"""Edge: the gRPC calls of Calico's CNI plugin. An ADD is answered when VPP holds the pod, or leaves nothing behind.

The plugin waits 5 s; an answer comes before that, always. Calls for one pod follow one another, those for different
pods run side by side. Errors are answers (`successful = false`), not RPC errors, and name what is wrong.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import grpc

from actors.cni import netns
from actors.cni.desired import tun_name
from actors.cni.pods import BadRequest, Pod, place, read
from actors.runtime.realised import NotRealised
from schemas.intents import interface_key
from schemas.npol import interface_policies_key
from schemas.proto import cnibackend_pb2 as pb
from schemas.proto.cnibackend_pb2_grpc import CniDataplaneServicer, add_CniDataplaneServicer_to_server

if TYPE_CHECKING:
    from actors.cni.actor import CniManager

CONTAINER_MAC = "02:00:00:00:00:00"  # a tun has none, but the plugin must be able to parse one
ROLLBACK_S = 1.0  # of the deadline
WITHDRAWN_AGAIN_S = 5.0
STOP_S = 0.5


class CniServer(CniDataplaneServicer):
    """The service `cni.CniDataplane`."""

    def __init__(self, manager: "CniManager") -> None:
        self.manager = manager
        self._server: Any = None
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}  # pod key -> lock, calls that hold or await it
        self._leaving: dict[str, tuple[Pod, asyncio.Task[None]]] = {}  # not wanted, yet still in VPP or on disk

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
        deadline = started + self.manager.config.cni_deadline_s
        try:
            asked = read(request)
            await self.manager.runtime.heard(left(deadline))  # the uplinks' MTU, among others
            pod = self.manager.with_mtu(asked)
            async with self._turn(pod.key, deadline):
                name = await self._add(pod, deadline)
        except (BadRequest, NotRealised, netns.NoNamespace, OSError, TimeoutError) as error:
            return self._refused("add", f"{request.workload.namespace}/{request.workload.pod}", error, started)
        took_ms = (time.monotonic() - started) * 1000
        self.manager.runtime.peer.counters["adds"] += 1
        self.manager.runtime.log.info("added", pod=pod.key, addresses=pod.addresses, interface=name, took_ms=took_ms)
        return pb.AddReply(successful=True, host_interface_name=name, container_mac=CONTAINER_MAC)

    async def _add(self, pod: Pod, deadline: float) -> str:
        """Returns the name of VPP's interface. Raises what `Add` answers."""
        if not netns.exists(pod.netns):
            raise netns.NoNamespace(f"netns {pod.netns}: is not a network namespace")
        before = self.manager.pods.get(pod.key)
        if before is not None and before.same_request(pod):
            return await self._set_up(before, deadline)
        await self._make_room(pod, deadline)
        try:
            self.manager.store.save(pod)
            self.manager.pods[pod.key] = pod
            self.manager.coming.add(pod.key)
            cause = self.manager.runtime.wake(f"cni-add/{pod.key}")
            self._note(pod, cause, deadline, "asked")
            name = await self._set_up(pod, deadline - ROLLBACK_S)
        except BaseException:
            await self._roll_back(pod, deadline)
            raise
        self.manager.coming.discard(pod.key)
        self.manager.runtime.wake(cause)
        self._note(pod, cause, deadline, "answered")
        return name

    def _note(self, pod: Pod, cause: str, deadline: float, step: str) -> None:
        took_s = self.manager.config.cni_deadline_s - left(deadline)
        self.manager.runtime.peer.trace(f"cni-add {step}", pod.key, cause, took_s)

    async def _set_up(self, pod: Pod, deadline: float) -> str:
        """Waits for VPP, then does the pod's side. Returns the name of VPP's interface."""
        statuses = await self.manager.runtime.realised(self.manager.intents_of(pod), left(deadline))
        async with asyncio.timeout(left(deadline)):
            await self.manager.dress(pod)
        return f"vpp-tun-{statuses[interface_key(tun_name(pod))].details['sw_if_index']}"

    async def _make_room(self, pod: Pod, deadline: float) -> None:
        """Withdraws the pod's old sandbox, and pods whose namespace has gone that hold one of its addresses.

        Another pod's address is refused while that pod lives. Looks again after each withdrawal, for the world may
        have changed meanwhile.
        """
        while (other := self._in_the_way(pod)) is not None:
            await self._withdraw(other, deadline)

    def _in_the_way(self, pod: Pod) -> Pod | None:
        for other in self._all():
            shared = set(other.addresses) & set(pod.addresses)
            if other.key == pod.key or (shared and other.key in self._leaving):
                return other
            if shared and netns.exists(other.netns):
                raise BadRequest("container_ips", f"{min(shared)} belongs to pod {other.key}")
            if shared:
                return other
        return None

    async def _roll_back(self, pod: Pod, deadline: float) -> None:
        """Leaves nothing behind, if need be after the answer."""
        self.manager.runtime.peer.counters["rollbacks"] += 1
        with suppress(NotRealised):
            await self._withdraw(pod, deadline)

    async def _withdraw(self, pod: Pod, deadline: float) -> None:
        """The pod goes from VPP, then its record. Raises NotRealised if that is not done by then; it goes on."""
        if pod.key not in self._leaving:
            self.manager.forget(pod)
            self._leaving[pod.key] = (pod, self.manager.runtime.spawn(self._leave(pod)))
        try:
            async with asyncio.timeout(left(deadline)):
                await asyncio.shield(self._leaving[pod.key][1])
        except TimeoutError:
            raise NotRealised(f"pod {pod.key}: still in VPP") from None

    async def _leave(self, pod: Pod) -> None:
        """Until VPP holds nothing of the pod; the record goes last, so that a crash in the middle is continued."""
        keys = [intent.key for intent in self.manager.intents_of(pod)]
        while pod.key in self._leaving:
            try:
                await self.manager.runtime.withdrawn(keys, WITHDRAWN_AGAIN_S)
                self.manager.store.remove(pod.key)
                del self._leaving[pod.key]
            except NotRealised as error:
                self.manager.runtime.log.warning("pod not withdrawn yet", pod=pod.key, why=error)
            except OSError as error:
                self.manager.runtime.log.error("pod record not removed", pod=pod.key, why=error)
                await asyncio.sleep(WITHDRAWN_AGAIN_S)

    def _all(self) -> list[Pod]:
        """The pods that are here, and those that are leaving."""
        return [*self.manager.pods.values(), *(pod for pod, _ in self._leaving.values())]

    def _at(self, asked: str) -> Pod | None:
        return next((pod for pod in self._all() if pod.place == asked), None)

    @asynccontextmanager
    async def _turn(self, key: str, deadline: float) -> AsyncIterator[None]:
        """Calls for one pod follow one another, first come, first served. Raises TimeoutError."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with asyncio.timeout(left(deadline)):
                await lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = (lock, users - 1)

    # --- DEL

    async def Del(self, request: pb.DelRequest, context: Any) -> pb.DelReply:  # noqa: N802 - the wire's name
        """Unwires a pod. Of one that is not known there is nothing left to do."""
        started = time.monotonic()
        deadline = started + self.manager.config.cni_deadline_s
        asked = place(request.netns, request.interface_name)
        pod = self._at(asked)
        if pod is None:
            self.manager.runtime.peer.counters["unknown_dels"] += 1
            self.manager.runtime.log.info("unknown pod", netns=request.netns, interface=request.interface_name)
            return pb.DelReply(successful=True)
        try:
            async with self._turn(pod.key, deadline):
                if (present := self._at(asked)) is not None:  # while it waited the pod may have got a new sandbox
                    await self._withdraw(present, deadline)
        except (NotRealised, OSError, TimeoutError) as error:
            return self._refused_del(pod, error, started)
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
        if f"waits for {interface_policies_key('')}" in text:
            text += " (the policy manager has not said yet what holds on the pod's interface)"
        took_ms = (time.monotonic() - started) * 1000
        self.manager.runtime.peer.counters[f"failed_{call}s"] += 1
        self.manager.runtime.log.warning(f"{call} failed", pod=pod, why=text, took_ms=took_ms)
        return text


def left(deadline: float) -> float:
    """Seconds until the deadline, at least a moment."""
    return max(0.1, deadline - time.monotonic())
