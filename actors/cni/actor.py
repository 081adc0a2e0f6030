"""CNI server: pods asked for by Calico's plugin become interfaces in VPP and in the pods' namespaces.

Hears    Uplink (for its MTU), VppEpoch
Says      PodInterface
Intents   the pods' interfaces, tables, addresses, routes

The pods are remembered on disk, one file each; what they need in VPP is decided in `desired.py`; the calls are
answered in `server.py`, only when VPP holds it all.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from typing import ClassVar

from actors.cni import desired, netns
from actors.cni.pods import Pod, chosen_mtu
from actors.cni.server import CniServer
from actors.cni.store import Store
from actors.runtime.actor import Actor, hears
from actors.runtime.realised import NotRealised
from schemas.config import NodeConfig
from schemas.facts import Fact, Uplink, VppEpoch
from schemas.intents import Intent

MEND_WITHIN_S = 30.0
MEND_AGAIN_S = 0.1


class CniManager(Actor):
    """All pods of this node."""

    name: ClassVar[str] = "cni"

    def __init__(self, config: NodeConfig) -> None:
        self.config = config
        self.pods: dict[str, Pod] = {}
        self.coming: set[str] = set()  # keys of pods that are not set up yet
        self.uplinks: dict[str, Uplink] = {}
        self.store = Store(config.state / "cni" / "pods")
        self.server = CniServer(self)
        self._epoch = 0
        self._unmended: dict[str, str] = {}

    @hears(Uplink)
    def uplink(self, key: str, uplink: Uplink | None) -> None:
        self.uplinks.pop(key, None)
        if uplink is not None:
            self.uplinks[key] = uplink

    @hears(VppEpoch)
    def epoch(self, key: str, epoch: VppEpoch | None) -> None:
        if epoch is not None and epoch.connected and epoch.epoch != self._epoch:
            self._epoch = epoch.epoch
            for pod in self.pods.values():
                self.runtime.spawn(self._mend(pod, self._epoch))

    def intents_of(self, pod: Pod) -> list[Intent]:
        """What one pod needs in VPP."""
        return desired.intents(pod, self.config)

    def with_mtu(self, pod: Pod) -> Pod:
        """The pod with the MTU that it gets for its life; there are no tunnels yet that would lessen it."""
        return chosen_mtu(pod, (uplink.mtu for uplink in self.uplinks.values()))

    def desired(self) -> Iterator[Intent]:
        return (intent for pod in self.pods.values() for intent in self.intents_of(pod))

    def facts(self) -> Mapping[str, Mapping[str, Fact]]:
        return {"pod-interface": desired.facts(self.pods.values(), self.coming)}

    def unwell(self) -> Sequence[str]:
        return [f"pod {key}: {why}" for key, why in self._unmended.items()]

    async def on_start(self) -> None:
        """Pods of before are known before anything is said; then calls are taken."""
        pods, damaged = self.store.load()
        for name in damaged:
            self.runtime.peer.counters["damaged_records"] += 1
            self.runtime.log.error("damaged pod record set aside", file=name, directory=self.store.directory)
        for pod in pods:
            if netns.gone(pod.netns):
                self.runtime.log.info("pod has gone", pod=pod.key, netns=pod.netns)
                self.store.remove(pod.key)
            else:
                self.pods[pod.key] = pod
        self.runtime.log.info("pods", restored=len(self.pods), damaged=len(damaged))
        await self.server.start(self.config.cni_socket)

    async def on_stop(self) -> None:
        await self.server.stop()

    async def _mend(self, pod: Pod, epoch: int) -> None:
        """After a new VPP: the devices are persistent, but one that VPP had to make anew is bare."""
        while self.pods.get(pod.key) is pod and self._epoch == epoch:
            try:
                statuses = await self.runtime.realised(self.intents_of(pod), MEND_WITHIN_S)
                if all(status.epoch == epoch for status in statuses.values()):
                    await self.dress(pod)
                    self._unmended.pop(pod.key, None)
                    return
            except (NotRealised, netns.NoNamespace, OSError) as error:
                if self.pods.get(pod.key) is pod:
                    self._unmended[pod.key] = str(error)
                self.runtime.log.warning("pod not mended", pod=pod.key, why=error)
                if not isinstance(error, NotRealised):
                    return
            await asyncio.sleep(MEND_AGAIN_S)  # statuses of the VPP before, or a refusal that may pass

    def forget(self, pod: Pod) -> None:
        """The pod is not wanted any more."""
        self.pods.pop(pod.key, None)
        self.coming.discard(pod.key)
        self._unmended.pop(pod.key, None)
        self.runtime.wake(f"cni-del/{pod.key}")

    async def dress(self, pod: Pod) -> None:
        """The pod's side. Raises NoNamespace, OSError."""
        await asyncio.get_running_loop().run_in_executor(netns.THREAD, netns.dress, pod)
