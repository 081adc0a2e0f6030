"""Edge: configures the pods' side again after VPP has restarted; pods whose namespace has gone are withdrawn.

The tun devices are persistent, so most are as they were; one that VPP had to make anew has no address and no route.
"""

import asyncio
import time

from actors.cni import netns
from actors.cni.desired import CniPodTable, pod_intents
from actors.cni.gone_pods import GonePods
from actors.cni.pods import CniPod
from actors.runtime.context import ActorContext
from actors.runtime.realised import IntentsNotRealised

_REPAIR_WITHIN_S = 30.0
_REPAIR_AGAIN_S = 0.1
PODS_SIDE_AGAIN_S = 30.0  # its namespace is not mounted here, or refuses what the pod needs


class PodRepair:
    """A task for each pod, until it is repaired or has gone, or VPP is another again."""

    def __init__(self, context: ActorContext, table: CniPodTable, gone_pods: GonePods) -> None:
        self._context, self._table, self._gone_pods = context, table, gone_pods
        self._epoch = 0

    def new_epoch(self, epoch: int) -> None:
        """Starts the repair of all pods, if VPP is in another life than it was."""
        if epoch != self._epoch:
            self._epoch = epoch
            for pod in self._table.pods.values():
                self._context.spawn(self._repair(pod, epoch))

    async def _repair(self, pod: CniPod, epoch: int) -> None:
        while self._is_present(pod) and self._epoch == epoch:
            if netns.has_netns_vanished(pod.netns):  # VPP cannot make its device: there is nothing to wait for
                await self._gone_pods.withdraw(pod, time.monotonic() + _REPAIR_WITHIN_S)
                continue
            try:
                statuses = await self._context.realised(pod_intents(pod, self._context.config), _REPAIR_WITHIN_S)
                if all(status.epoch == epoch for status in statuses.values()):
                    await netns.configure_pod_in_thread(pod)
                    self._table.unrepaired.pop(pod.key, None)
                    return
            except (IntentsNotRealised, netns.NoPodNamespace, OSError) as error:
                if self._is_present(pod):
                    self._table.unrepaired[pod.key] = str(error)
                self._context.log.warning("pod not mended", pod=pod.key, why=error)
                if not isinstance(error, IntentsNotRealised):
                    await asyncio.sleep(PODS_SIDE_AGAIN_S)
            await asyncio.sleep(_REPAIR_AGAIN_S)  # statuses of the VPP before, or a refusal that may pass

    def _is_present(self, pod: CniPod) -> bool:
        return self._table.pods.get(pod.key) is pod
