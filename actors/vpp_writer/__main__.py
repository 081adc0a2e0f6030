"""The VPP writer: `python -m actors.vpp_writer`.

Hears    every owner's intents
Says      the status of each, and VppEpoch
"""

import asyncio

from actors.vpp_writer import gc_tuning
from actors.vpp_writer.process import WriterProcess
from bus.log import Log
from bus.peer import Peer
from bus.process import run_process
from schemas.config import NodeConfig


async def _main(config: NodeConfig, peer: Peer, log: Log, stop: asyncio.Event) -> int:
    gc_tuning.tune_gc()
    return await WriterProcess(config, peer, log, stop).run()


if __name__ == "__main__":
    run_process("vpp-writer", "actors.vpp_writer", "The only VPP API client: makes VPP hold the intents.", _main)
