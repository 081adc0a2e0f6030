"""Edge: after a new VPP the pods' devices, which are persistent, are given their side again.

A device that VPP had to make anew is bare; the others stay as they are.
"""

import asyncio

from actors.cni import netns
from actors.cni.desired import PodTable, intents
from actors.cni.pods import Pod
from actors.runtime.context import Context
from actors.runtime.realised import NotRealised

MEND_WITHIN_S = 30.0
MEND_AGAIN_S = 0.1


class Mending:
    """A task for each pod, until it is mended, has gone, or VPP is another again."""

    def __init__(self, context: Context, table: PodTable) -> None:
        self._context, self._table = context, table
        self._epoch = 0

    def new_epoch(self, epoch: int) -> None:
        """VPP is another than before, if `epoch` is."""
        if epoch != self._epoch:
            self._epoch = epoch
            for pod in self._table.pods.values():
                self._context.spawn(self._mend(pod, epoch))

    async def _mend(self, pod: Pod, epoch: int) -> None:
        while self._is_present(pod) and self._epoch == epoch:
            try:
                statuses = await self._context.realised(intents(pod, self._context.config), MEND_WITHIN_S)
                if all(status.epoch == epoch for status in statuses.values()):
                    await netns.dress_in_thread(pod)
                    self._table.unmended.pop(pod.key, None)
                    return
            except (NotRealised, netns.NoNamespace, OSError) as error:
                if self._is_present(pod):
                    self._table.unmended[pod.key] = str(error)
                self._context.log.warning("pod not mended", pod=pod.key, why=error)
                if not isinstance(error, NotRealised):
                    return
            await asyncio.sleep(MEND_AGAIN_S)  # statuses of the VPP before, or a refusal that may pass

    def _is_present(self, pod: Pod) -> bool:
        return self._table.pods.get(pod.key) is pod
