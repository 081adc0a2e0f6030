"""Edge: why a process is not ready, as its row of the word `process` tells everybody."""

from collections.abc import Sequence

from bus.peer import BusPeer

_NO_BROKER = "bus: no broker"


def report_process_health(peer: BusPeer, reasons: Sequence[str]) -> bool:
    """States why this process is not ready; no reasons: it is ready. Returns whether that has changed."""
    waiting = (*reasons,) if peer.broker_session is not None else (_NO_BROKER, *reasons)
    changed = waiting != peer.waiting
    peer.waiting, peer.ready = waiting, not waiting
    return changed
