"""Edge: a pod's add, withdrawal and rollback. An add succeeds when VPP holds the pod, or leaves nothing behind.

Calls for one pod follow one another, those for different pods run side by side. All times are deadlines, seconds of
the monotonic clock.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from actors.cni import netns
from actors.cni.admission import BufferAdmission
from actors.cni.desired import CniPodTable, pod_intents, pod_tun_name
from actors.cni.pods import BadPodRequest, CniPod, pod_with_mtu
from actors.cni.store import PodStore
from actors.runtime.context import ActorContext
from actors.runtime.realised import IntentsNotRealised
from bus import whole_files
from schemas.intents import Intent, interface_intent_key

_ROLLBACK_S = 1.0  # of the deadline
_WITHDRAWN_AGAIN_S = 5.0
_REMOVED_AGAIN_S = 1.0
_LIFE_BITS = 48  # so that no two lives of a pod have the same number


class PodWiring:
    """Adds pods to this node and removes them."""

    def __init__(self, context: ActorContext, table: CniPodTable, store: PodStore) -> None:
        self._context, self._table, self._store = context, table, store
        self._buffers = BufferAdmission(context)
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}  # pod key -> lock, calls that hold or await it
        self._leaving: dict[str, tuple[CniPod, asyncio.Task[None]]] = {}  # removed, yet still in VPP or on disk
        self._unremoved: dict[str, str] = {}  # why the record of one that is in VPP no more is still on disk

    async def add(self, requested: CniPod, deadline: float) -> str:
        """Wires a pod. Returns the name of VPP's interface.

        Raises BadPodRequest, NoFreeBuffers, IntentsNotRealised, netns.NoPodNamespace, OSError, TimeoutError; then
        nothing of the pod stays, or is still being taken away.
        """
        await self._context.in_sync(_remaining_s(deadline))  # the uplinks' MTU, among others
        pod = pod_with_mtu(requested, (uplink.mtu for uplink in self._table.uplinks.values()))
        async with self._exclusive(pod.key, deadline):
            return await self._add(pod, deadline)

    async def remove(self, device_id: str, deadline: float) -> None:
        """Unwires the pod that has that device. Raises IntentsNotRealised, OSError, TimeoutError."""
        pod = self.pod_at(device_id)
        if pod is None:
            return
        async with self._exclusive(pod.key, deadline):
            if (present := self.pod_at(device_id)) is not None:  # while it waited the pod may have got a new sandbox
                await self._withdraw(present, deadline)

    async def remove_gone(self, pod: CniPod, deadline: float) -> bool:
        """Unwires that pod, and no other of its name, if its namespace has gone. Returns whether it did.

        Raises IntentsNotRealised, OSError, TimeoutError.
        """
        async with self._exclusive(pod.key, deadline):
            if self._table.pods.get(pod.key) is not pod or not netns.has_netns_vanished(pod.netns):
                return False
            await self._withdraw(pod, deadline)
            return True

    def pod_at(self, device_id: str) -> CniPod | None:
        """The pod that has that device, or had it and is still being taken away."""
        return next((pod for pod in self._present_and_leaving() if pod.device_id == device_id), None)

    async def _add(self, pod: CniPod, deadline: float) -> str:
        """Returns the name of VPP's interface. Raises as `add` does."""
        if not netns.is_network_namespace(pod.netns):
            raise netns.NoPodNamespace(f"netns {pod.netns}: is not a network namespace")
        before = self._table.pods.get(pod.key)
        if before is not None and before.same_request(pod):
            return await self._set_up(before, deadline)
        await self._let_in(pod, deadline)
        pod = pod.in_new_life(secrets.randbits(_LIFE_BITS))
        try:
            self._store.save(pod)
            self._table.pods[pod.key] = pod
            self._table.coming.add(pod.key)
            cause = self._context.wake(f"cni-add/{pod.key}")
            self._trace(pod, cause, deadline, "asked")
            name = await self._set_up(pod, deadline - _ROLLBACK_S)
        except BaseException:
            await self._roll_back(pod, deadline)
            raise
        self._buffers.wired(pod)
        self._table.coming.discard(pod.key)
        self._context.wake(cause)
        self._trace(pod, cause, deadline, "answered")
        return name

    async def _let_in(self, pod: CniPod, deadline: float) -> None:
        """Nobody has what the pod asks for, and VPP has buffers for it. Raises BadPodRequest, NoFreeBuffers."""
        await self._withdraw_conflicting(pod, deadline)
        await self._buffers.admit(pod)
        try:
            await self._withdraw_conflicting(pod, deadline)  # others may have come while VPP's buffers were counted
        except BaseException:
            self._buffers.drop(pod)
            raise

    def _trace(self, pod: CniPod, cause: str, deadline: float, step: str) -> None:
        took_s = self._context.config.cni_deadline_s - _remaining_s(deadline)
        self._context.trace(f"cni-add {step}", pod.key, cause, took_s)

    def _intents(self, pod: CniPod) -> list[Intent]:
        return pod_intents(pod, self._context.config, self._table.node_addresses())

    async def _set_up(self, pod: CniPod, deadline: float) -> str:
        """Waits for VPP, then does the pod's side. Returns the name of VPP's interface."""
        statuses = await self._context.realised(self._intents(pod), _remaining_s(deadline))
        async with asyncio.timeout(_remaining_s(deadline)):
            await netns.configure_pod_in_thread(pod)
        return f"vpp-tun-{statuses[interface_intent_key(pod_tun_name(pod))].details['sw_if_index']}"

    async def _withdraw_conflicting(self, pod: CniPod, deadline: float) -> None:
        """Withdraws the pod's old sandbox, the device's earlier pod, holders of its addresses and ports that have gone.

        Another pod's address or host port is refused while that pod lives. Looks again after each withdrawal, for the
        world may have changed meanwhile.
        """
        while (conflicting := self._conflicting(pod)) is not None:
            await self._withdraw(conflicting, deadline)

    def _conflicting(self, pod: CniPod) -> CniPod | None:
        for holder in self._present_and_leaving():
            shared = _shared(holder, pod)
            same = holder.key == pod.key or holder.device_id == pod.device_id  # a path may be used again
            if same or (shared and holder.key in self._leaving):
                return holder
            if shared and netns.is_network_namespace(holder.netns):
                raise BadPodRequest(*shared)
            if shared:
                return holder
        return None

    async def _roll_back(self, pod: CniPod, deadline: float) -> None:
        """Leaves nothing behind, if need be after the answer."""
        self._context.counters["rollbacks"] += 1
        with suppress(IntentsNotRealised):
            await self._withdraw(pod, deadline)

    async def _withdraw(self, pod: CniPod, deadline: float) -> None:
        """The pod goes from VPP, then its record. Raises IntentsNotRealised if that is not done by then; it goes on."""
        if pod.key not in self._leaving:
            self._table.forget(pod)
            self._buffers.drop(pod)
            self._context.wake(f"cni-del/{pod.key}")
            self._leaving[pod.key] = (pod, self._context.spawn(self._finish_withdrawal(pod)))
        try:
            async with asyncio.timeout(_remaining_s(deadline)):
                await asyncio.shield(self._leaving[pod.key][1])
        except TimeoutError:
            raise IntentsNotRealised(f"pod {pod.key}: {self._unremoved.get(pod.key, 'still in VPP')}") from None

    async def _finish_withdrawal(self, pod: CniPod) -> None:
        """Waits until VPP holds nothing of the pod. The record goes last: a restart in between goes on with it."""
        keys = [intent.key for intent in self._intents(pod)]
        while pod.key in self._leaving:
            try:
                await self._context.withdrawn(keys, _WITHDRAWN_AGAIN_S)
                self._store.remove(pod.key)
                del self._leaving[pod.key]
                self._unremoved.pop(pod.key, None)
            except IntentsNotRealised as error:
                self._context.log.warning("pod not withdrawn yet", pod=pod.key, why=error)
            except OSError as error:
                why = self._unremoved[pod.key] = whole_files.file_error_words(error)
                self._context.log.error("pod record not removed", pod=pod.key, why=why)
                await asyncio.sleep(_REMOVED_AGAIN_S)

    def _present_and_leaving(self) -> list[CniPod]:
        """All pods that may hold an address or a device."""
        return [*self._table.pods.values(), *(pod for pod, _ in self._leaving.values())]

    @asynccontextmanager
    async def _exclusive(self, key: str, deadline: float) -> AsyncIterator[None]:
        """Calls for one pod follow one another, first come, first served. Raises TimeoutError."""
        lock, users = self._locks.get(key, (asyncio.Lock(), 0))
        self._locks[key] = (lock, users + 1)
        try:
            async with asyncio.timeout(_remaining_s(deadline)):
                await lock.acquire()
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._locks.pop(key)
            if users > 1:
                self._locks[key] = (lock, users - 1)


def _shared(holder: CniPod, pod: CniPod) -> tuple[str, str] | None:
    """(field, why) of what both ask for and only one can have."""
    for address in sorted(set(holder.addresses) & set(pod.addresses)):
        return "container_ips", f"{address} belongs to pod {holder.key}"
    for host_port in pod.host_ports:
        if any(host_port.overlaps(held) for held in holder.host_ports):
            return "workload.ports.host_port", f"{host_port} belongs to pod {holder.key}"
    return None


def _remaining_s(deadline: float) -> float:
    """Seconds until the deadline, at least a moment."""
    return max(0.1, deadline - time.monotonic())
