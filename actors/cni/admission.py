"""Edge: a pod is let in only if VPP has the buffers that its rings may take.

Where VPP's stats segment cannot be read pods are let in, and the log says so, once until it can be read.
"""

import asyncio

from actors.cni.buffer_claims import BufferClaims
from actors.cni.interface_spec import buffers_needed
from actors.cni.pods import CniPod
from actors.cni.stats_segment import StatsUnreadable, read_buffers
from actors.runtime.context import ActorContext


class BufferAdmission:
    """Asks, for each pod that comes, whether VPP has buffers for it."""

    def __init__(self, context: ActorContext) -> None:
        self._context = context
        self._claims = BufferClaims()
        self._is_blind = False

    async def admit(self, pod: CniPod) -> None:
        """Lets the pod in and keeps its buffers for it, until `wired` or `drop`. Raises NoFreeBuffers."""
        try:
            seen = await asyncio.to_thread(read_buffers, self._context.config.vpp_run / "stats.sock")
        except StatsUnreadable as error:
            if not self._is_blind:
                self._context.log.warning("buffers not known, pods are let in without", why=str(error))
            self._is_blind = True
            return
        self._is_blind = False
        needed = buffers_needed(pod.spec or self._context.config.interfaces.defaultPodIfSpec)
        self._claims.claim(pod.key, needed, seen.available, seen.turn)

    def wired(self, pod: CniPod) -> None:
        """VPP has the pod."""
        self._claims.wired(pod.key)

    def drop(self, pod: CniPod) -> None:
        """The pod did not come, or goes."""
        self._claims.drop(pod.key)
