"""The stand-in's life: watch, calculate, tell the driver what differs, until the driver or a signal ends it."""

import asyncio
import os
import signal
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.message import DecodeError

from bus.log import Log
from tools.lab.felix.account import Account
from tools.lab.felix.apiwatch import Mirror
from tools.lab.felix.calc import Wanted, calculate
from tools.lab.felix.config import TOLD_KEYS
from tools.lab.felix.delta import Message, messages
from tools.lab.felix.driver import Driver, DriverGone
from tools.lab.felix.wire import Wire

COALESCE_S = 0.02
DRIVER_GONE_PAUSE_S = 2.0
BATCH_BYTES = 1 << 16
EXIT_DRIVER_GONE, EXIT_CONFIG_CHANGED = 1, 129


@dataclass(frozen=True)
class Options:
    """What the command line says."""

    node: str
    api: str
    driver: Path
    version: str
    status: Path | None = None
    config: Mapping[str, str] = field(default_factory=dict)


class ConfigChanged(Exception):
    """Felix ends on a change of its configuration, and starts anew."""


class Felix:
    """One life of the stand-in."""

    def __init__(self, options: Options, log: Log) -> None:
        self._options, self._log = options, log
        self._wire = Wire(options.version)
        self._changed = asyncio.Event()
        self._mirror = Mirror(options.api, self._changed.set, log)
        self._account = Account(options.status, options.node, options.version)
        self._told = Wanted()
        self._sequence = 0
        self._in_sync = False

    async def run(self) -> int:
        """Runs to the end. Returns the exit status."""
        ending = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, ending.set)
        self._account.save()
        work = [asyncio.create_task(part) for part in (self._mirror.run(), self._serve(), ending.wait())]
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
            case [DriverGone() as gone, *_]:
                self._log.error("driver gone", why=gone)
                await asyncio.sleep(DRIVER_GONE_PAUSE_S)
                return EXIT_DRIVER_GONE
            case [ConfigChanged() as change, *_]:
                self._log.info("configuration changed", keys=change)
                return EXIT_CONFIG_CHANGED
        raise errors[0] or RuntimeError("no error")

    async def _serve(self) -> None:
        """Starts the driver when the cluster is known, then keeps it told. Raises DriverGone, ConfigChanged."""
        while not self._mirror.in_sync:
            await self._change()
        driver = await Driver.start(self._options.driver, os.environ)
        self._account.started(driver.pid)
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

    async def _tell(self, driver: Driver) -> None:
        while True:
            await self._flush(driver)
            await self._change()

    async def _flush(self, driver: Driver) -> None:
        """One flush: what differs, and InSync after the first one."""
        options = self._options
        wanted = calculate(self._mirror.objects, options.node, options.version, options.config)
        for name, why in wanted.problems.items():
            if self._told.problems.get(name) != why:
                self._log.warning("object left out", object=name, why=why)
        if self._in_sync:
            self._check_config(wanted)
        found = list(messages(self._told, wanted))
        if not self._in_sync:
            found.append(("in_sync", {}))
        await self._send(driver, found)
        self._told, self._in_sync = wanted, True
        self._account.flushed(wanted, True)
        if found:
            self._log.info("flush", messages=len(found), workloads=len(wanted.workloads), policies=len(wanted.policies))

    def _check_config(self, wanted: Wanted) -> None:
        before, after = self._told.config, wanted.config
        keys = sorted(key for key in {*before, *after} - {*TOLD_KEYS} if before.get(key) != after.get(key))
        if keys:
            raise ConfigChanged(",".join(keys))

    async def _send(self, driver: Driver, found: Iterable[Message]) -> None:
        batch: list[bytes] = []
        size = 0
        for kind, body in found:
            data = self._wire.encode(kind, body, self._sequence)
            if data is None:
                continue
            self._sequence += 1
            self._account.tells(kind, body)
            batch.append(data)
            size += len(data)
            if size > BATCH_BYTES:
                await driver.send(*batch)
                batch, size = [], 0
        if batch:
            await driver.send(*batch)

    async def _listen(self, driver: Driver) -> None:
        while True:
            data = await driver.receive()
            try:
                kind, body = self._wire.decode(data)
            except DecodeError as error:
                raise DriverGone(f"the driver said what is no message: {error}") from None
            self._account.heard(kind, body)
            self._log.debug("dataplane says", message=kind, body=body)
