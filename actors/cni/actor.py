"""CNI server: pods asked for by Calico's plugin become interfaces in VPP and in the pods' namespaces.

Hears     UplinkFact (for its MTU and addresses), VppEpochFact
Says      PodInterfaceFact
Intents   the pods' interfaces, tables, addresses, routes, translations of host ports

The pods are remembered on disk, one file each; what they need in VPP is decided in `desired.py`. A call is taken by
`server.py`, and answered when `wiring.py` has seen that VPP holds all of the pod.
"""

import asyncio
from collections.abc import Sequence
from typing import ClassVar

from actors.cni import desired, netns
from actors.cni.desired import CniPodTable
from actors.cni.gone_pods import GonePods
from actors.cni.pods import CniPod
from actors.cni.repair import PodRepair
from actors.cni.server import CniServer
from actors.cni.store import PodStore
from actors.cni.wiring import PodWiring
from actors.runtime.actor import Actor, hears_fact, store_fact
from actors.runtime.context import ActorContext
from actors.runtime.decision import ActorDecision, intents_by_key
from bus import whole_files
from schemas.facts import UplinkFact, VppEpochFact


class CniManager(Actor):
    """Stores this node's pods; decides what they need in VPP."""

    name: ClassVar[str] = "cni"

    def __init__(self, context: ActorContext) -> None:
        super().__init__(context)
        self.table = CniPodTable()
        self.store = PodStore(context.config.state / "cni" / "pods")
        wiring = PodWiring(context, self.table, self.store)
        self.gone_pods = GonePods(context, self.table, wiring)
        self.server = CniServer(context, wiring, self.gone_pods)
        self.repair = PodRepair(context, self.table, self.gone_pods)
        self._looking: asyncio.Task[None] | None = None

    @hears_fact(UplinkFact)
    def uplink(self, key: str, uplink: UplinkFact | None) -> None:
        store_fact(self.table.uplinks, key, uplink)

    @hears_fact(VppEpochFact)
    def epoch(self, key: str, epoch: VppEpochFact | None) -> None:
        if epoch is not None and epoch.connected:
            self.repair.new_epoch(epoch.epoch)

    def decide(self) -> ActorDecision:
        pods, config, addresses = self.table.pods.values(), self.context.config, self.table.node_addresses()
        return ActorDecision(
            intents=intents_by_key(intent for pod in pods for intent in desired.pod_intents(pod, config, addresses)),
            facts={"pod-interface": desired.pod_facts(pods, self.table.coming)},
        )

    def unwell(self) -> Sequence[str]:
        return [f"pod {key}: {why}" for key, why in self.table.unrepaired.items()]

    async def on_start(self) -> None:
        """Restores the pods of an earlier life from disk, then listens, and looks for those that have gone."""
        pods, damaged = self.store.load()
        for name in damaged:
            self.context.counters["damaged_records"] += 1
            self.context.log.error("damaged pod record set aside", file=name, directory=self.store.directory)
        for pod in pods:
            if netns.is_netns_path_absent(pod.netns):
                self.context.log.info("pod has gone", pod=pod.key, netns=pod.netns)
                self._forget_record(pod)
            else:
                self.table.pods[pod.key] = pod
        self.context.log.info("pods", restored=len(self.table.pods), damaged=len(damaged))
        await self.server.start(self.context.config.cni_socket)
        self._looking = self.context.spawn(self.gone_pods.look_for_ever())

    def _forget_record(self, pod: CniPod) -> None:
        try:
            self.store.remove(pod.key)
        except OSError as error:  # the next life finds it again, and that its pod has gone
            self.context.log.error("pod record not removed", pod=pod.key, why=whole_files.file_error_words(error))

    async def on_stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
        await self.server.stop()
