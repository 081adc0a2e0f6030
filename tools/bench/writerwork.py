"""The other end of the writer benchmark: `python -m tools.bench.writerwork BUS ROUTES` says as routing, in a process of
its own, that it wants so many routes, once a line on standard input begins it, and tells when all are applied."""

import asyncio
import json
import sys
import time
from pathlib import Path

from bus.peer import BusPeer
from bus.subscriptions import StreamChange
from schemas.statuses import AppliedStatus
from schemas.words import intent_status_word
from tools.bench import writerload

OWNER = "routing"


def _tell(**values: float | bool) -> None:
    sys.stdout.write(json.dumps(values) + "\n")
    sys.stdout.flush()


async def _main(bus: Path, count: int) -> None:
    async with BusPeer(OWNER, bus) as peer:
        peer.subscribe(intent_status_word(OWNER), "vpp-writer")
        rows = {intent.key: intent for intent in writerload.routes(count).intents}
        while peer.broker_session is None:
            await peer.changes(0.05)
        peer.publish("intent", {})
        _tell(ready=True)
        await asyncio.to_thread(sys.stdin.readline)
        waiting, began = set(rows), time.monotonic()
        peer.publish("intent", rows)
        while waiting:
            events = await peer.changes(1.0)
            waiting -= {e.key for e in events if isinstance(e, StreamChange) and isinstance(e.value, AppliedStatus)}
        _tell(seconds=time.monotonic() - began)
        await asyncio.to_thread(sys.stdin.readline)
        peer.publish("intent", {})
        await peer.flush(60.0)


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
