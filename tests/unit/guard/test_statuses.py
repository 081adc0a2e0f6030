"""The guard waits until this life of VPP holds its intents, not the one before."""

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from schemas.codec import value_fingerprint
from schemas.facts import VppEpochFact
from schemas.intents import Ip6Intent
from schemas.statuses import AppliedStatus, IntentStatus
from schemas.words import intent_status_word
from vppd_guard.states.statuses import wait_until_guard_intents_hold

INTENT = Ip6Intent("host/eth0")
OLD, NEW = VppEpochFact(connected=True, epoch=1, pid=17), VppEpochFact(connected=True, epoch=2, pid=18)


def applied(epoch: int) -> AppliedStatus:
    return AppliedStatus(value_fingerprint(INTENT), epoch)


class TellingPeer:
    """Tells what is on the bus, one moment after another."""

    def __init__(self, *moments: tuple[VppEpochFact, IntentStatus | None]) -> None:
        self.moments = list(moments)
        self.waiting: tuple[str, ...] = ()

    def rows(self, word: str) -> dict[str, Any]:
        epoch, status = self.moments[0]
        if word == intent_status_word("guard"):
            return {} if status is None else {INTENT.key: status}
        return {"vpp": epoch}

    async def changes(self, _timeout_s: float) -> list[Any]:
        self.moments.pop(0)
        return []


def test_what_an_earlier_vpp_held_does_not_count_whichever_stream_comes_first() -> None:
    peer = TellingPeer((OLD, applied(1)), (NEW, applied(1)), (NEW, None), (NEW, applied(2)))
    context = SimpleNamespace(peer=peer)
    asyncio.run(
        wait_until_guard_intents_hold(cast(Any, context), cast(Any, SimpleNamespace(pid=NEW.pid)), {INTENT.key: INTENT})
    )
    assert peer.moments == [(NEW, applied(2))]
