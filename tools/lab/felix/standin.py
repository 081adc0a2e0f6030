"""The stand-in's life: watch, calculate, send the difference to the driver, until the driver or a signal ends it."""

import asyncio
import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import DecodeError

from bus.log import ProcessLog
from tools.lab.felix.apiwatch import ObjectCache
from tools.lab.felix.calc import calculate
from tools.lab.felix.config import KEYS_WITHOUT_RESTART
from tools.lab.felix.dataplane_state import DataplaneState
from tools.lab.felix.delta import Message, messages
from tools.lab.felix.driver import DriverGone, DriverProcess
from tools.lab.felix.status_file import StatusFile
from tools.lab.felix.wire import FelixEncoding

COALESCE_S = 0.02
DRIVER_GONE_PAUSE_S = 2.0
BATCH_BYTES = 1 << 16
EXIT_DRIVER_GONE, EXIT_CONFIG_CHANGED = 1, 129


@dataclass(frozen=True)
class StandInOptions:
    """The options of the command line."""

    node: str
    api: str
    driver: Path
    version: str
    status: Path | None = None
    config: Mapping[str, str] = field(default_factory=dict)


class ConfigChanged(Exception):
    """Felix ends on a change of its configuration, and starts anew."""


class FelixStandIn:
    """One life of the stand-in."""

    def __init__(self, options: StandInOptions, log: ProcessLog) -> None:
        self._options, self._log = options, log
        self._encoding = FelixEncoding(options.version)
        self._changed = asyncio.Event()
        self._cache = ObjectCache(options.api, self._changed.set, log)
        self._status = StatusFile(options.status, options.node, options.version)
        self._sent_state = DataplaneState()
        self._sequence = 0
        self._in_sync = False

    async def run(self) -> int:
        """Runs to the end. Returns the exit status."""
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ending.set)
        self._status.save()
        work = [asyncio.create_task(part) for part in (self._cache.run(), self._serve(), ending.wait())]
        await asyncio.wait(work, return_when=asyncio.FIRST_COMPLETED)
        errors = [task.exception() for task in work if task.done() and task.exception()]
        for task in work:
            task.cancel()
        await asyncio.gather(*work, return_exceptions=True)
        return await self._verdict(errors)

    async def _verdict(self, errors: list[BaseException | None]) -> int:
        match errors:
            case []:
                return 0
            case [DriverGone() as error, *_]:
                self._log.error("driver gone", why=error)
                await asyncio.sleep(DRIVER_GONE_PAUSE_S)
                return EXIT_DRIVER_GONE
            case [ConfigChanged() as change, *_]:
                self._log.info("configuration changed", keys=change)
                return EXIT_CONFIG_CHANGED
        raise errors[0] or RuntimeError("no error")

    async def _serve(self) -> None:
        """Starts the driver when all objects are listed, then keeps it up to date. Raises DriverGone, ConfigChanged."""
        while not self._cache.in_sync:
            await self._change()
        driver = await DriverProcess.start(self._options.driver, os.environ)
        self._status.record_driver(driver.pid)
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen(driver))
                tasks.create_task(self._tell(driver))
        except* (DriverGone, ConfigChanged) as group:
            raise group.exceptions[0] from None
        finally:
            await driver.stop()

    async def _change(self) -> None:
        await self._changed.wait()
        await asyncio.sleep(COALESCE_S)
        self._changed.clear()

    async def _tell(self, driver: DriverProcess) -> None:
        while True:
            await self._flush(driver)
            await self._change()

    async def _flush(self, driver: DriverProcess) -> None:
        """One flush: what differs, and InSync after the first one."""
        options = self._options
        desired = calculate(self._cache.objects, options.node, options.version, options.config)
        for name, why in desired.problems.items():
            if self._sent_state.problems.get(name) != why:
                self._log.warning("object left out", object=name, why=why)
        if self._in_sync:
            self._check_config(desired)
        updates = list(messages(self._sent_state, desired))
        if not self._in_sync:
            updates.append(("in_sync", {}))
        await self._send(driver, updates)
        self._sent_state, self._in_sync = desired, True
        self._status.record_flush(desired, True)
        if updates:
            self._log.info(
                "flush", messages=len(updates), workloads=len(desired.workloads), policies=len(desired.policies)
            )

    def _check_config(self, desired: DataplaneState) -> None:
        before, after = self._sent_state.config, desired.config
        keys = sorted(key for key in {*before, *after} - {*KEYS_WITHOUT_RESTART} if before.get(key) != after.get(key))
        if keys:
            raise ConfigChanged(",".join(keys))

    async def _send(self, driver: DriverProcess, updates: Iterable[Message]) -> None:
        batch: list[bytes] = []
        size = 0
        for kind, body in updates:
            data = self._encoding.encode(kind, body, self._sequence)
            if data is None:
                continue
            self._sequence += 1
            self._status.record_sent(kind, body)
            batch.append(data)
            size += len(data)
            if size > BATCH_BYTES:
                await driver.send(*batch)
                batch, size = [], 0
        if batch:
            await driver.send(*batch)

    async def _listen(self, driver: DriverProcess) -> None:
        while True:
            data = await driver.receive()
            try:
                kind, body = self._encoding.decode(data)
            except DecodeError as error:
                raise DriverGone(f"the driver sent malformed data: {error}") from None
            self._status.record_received(kind, body)
            self._log.debug("dataplane says", message=kind, body=body)
