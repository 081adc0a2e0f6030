"""Edge: the one VPP of this guard: its instance, and how the last one ended."""

import asyncio
from pathlib import Path

from vppd_guard.vpp import cores, process
from vppd_guard.vpp.process import VppInstance, VppLaunch


class VppSupervisor:
    """At most one VPP at a time. Restoring Linux ends it first: its taps hold the names of the links."""

    def __init__(self, log: Path) -> None:
        self.log = log  # VPP's own
        self.instance: VppInstance | None = None
        self.end_reason = ""  # of the last VPP
        self.last_words: tuple[str, ...] = ()  # of the last VPP: what killed it, and its backtrace

    @property
    def runs(self) -> bool:
        """Is there a VPP that has not ended?"""
        return self.instance is not None and not self.instance.ended.is_set()

    @property
    def ended(self) -> asyncio.Event | None:
        """Set when VPP ends; None: there is no VPP."""
        return self.instance.ended if self.instance is not None else None

    def start(self, launch: VppLaunch) -> VppInstance:
        """Starts a VPP. Raises OSError."""
        self.instance = process.start_vpp_process(launch, self.log)
        return self.instance

    def signal(self, number: int) -> None:
        """Forwards a signal, if VPP runs."""
        if self.instance is not None:
            self.instance.signal(number)

    async def stop(self) -> None:
        """Ends VPP, if there is one, and keeps why it ended and its last words. Raises TimeoutError."""
        if self.instance is None:
            return
        await self.instance.stop()
        self.end_reason, self.instance = self.instance.reason, None
        self.last_words = tuple(cores.vpp_last_words(self.log))
