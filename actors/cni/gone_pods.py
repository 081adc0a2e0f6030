"""Edge: pods whose namespace has gone and whose DEL never came, or came without the namespace's path.

A pod's namespace ends with the pod, and the runtime may tell of that late, without a path, or never. So clean-up does
not depend on that call: namespaces are looked at on such a DEL, before a pod is mended, and now and then.
"""

import asyncio
import time

from actors.cni import netns
from actors.cni.desired import CniPodTable
from actors.cni.pods import CniPod
from actors.cni.wiring import PodWiring
from actors.runtime.context import ActorContext
from actors.runtime.realised import IntentsNotRealised

LOOK_EVERY_S = 30.0


class GonePods:
    """Withdraws them."""

    def __init__(self, context: ActorContext, table: CniPodTable, wiring: PodWiring) -> None:
        self._context, self._table, self._wiring = context, table, wiring

    async def look_for_ever(self) -> None:
        """Looks now and then, until the task is cancelled."""
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            await self.look(time.monotonic() + LOOK_EVERY_S)

    async def look(self, deadline: float) -> None:
        """Withdraws all pods whose namespace has gone; what is not done by the deadline is done later."""
        gone = [pod for pod in self._table.pods.values() if netns.has_netns_vanished(pod.netns)]
        await asyncio.gather(*(self.withdraw(pod, deadline) for pod in gone))

    async def withdraw(self, pod: CniPod, deadline: float) -> None:
        """Withdraws a pod if its namespace has gone."""
        if not netns.has_netns_vanished(pod.netns):
            return
        try:
            if await self._wiring.remove_gone(pod, deadline):
                self._context.counters["gone_pods"] += 1
                self._context.log.info("pod has gone", pod=pod.key, netns=pod.netns)
        except (IntentsNotRealised, OSError, TimeoutError) as error:
            why = str(error) or "another call for it has not ended"
            self._context.log.warning("pod has gone, not withdrawn yet", pod=pod.key, netns=pod.netns, why=why)
