"""The VPP writer: `python -m actors.vpp_writer`.

Hears    every owner's intents
Says      the status of each, and VppEpochFact
"""

import asyncio

from actors.vpp_writer import gc_tuning
from actors.vpp_writer.process import WriterProcess
from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.process import run_bus_process
from schemas.config import NodeConfig


async def _main(config: NodeConfig, peer: BusPeer, log: ProcessLog, stop: asyncio.Event) -> int:
    gc_tuning.tune_writer_garbage_collector()
    return await WriterProcess(config, peer, log, stop).run()


if __name__ == "__main__":
    run_bus_process("vpp-writer", "actors.vpp_writer", "The only VPP API client: makes VPP hold the intents.", _main)
