"""Edge: the user's scripts at five moments of the guard's life, which are Calico/VPP's.

A script cannot hold up the guard beyond its time limit, cannot flood its log, and cannot end it. It runs as
`/bin/bash -c <script> <POINT> <uplinks...>`: `$0` is the point, `$1` the first uplink.
"""

import asyncio
import os
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum

from bus.log import ProcessLog
from bus.shortage import is_shortage

_LIMIT_S = 10.0
_TERM_S = 0.5  # from SIGTERM to SIGKILL
_SHORTAGE_PAUSE_S = 0.5
_DRAIN_S = 0.2  # for the last words of a script that has ended while children of it hold its output
LINES_MAX = 200
LINE_MAX = 500


class HostHookPoint(StrEnum):
    """The moments. The variable of a script is `CALICOVPP_HOOK_<POINT>`."""

    BEFORE_IF_READ = "BEFORE_IF_READ"  # nothing is captured yet: a script may still make the interface
    BEFORE_VPP_RUN = "BEFORE_VPP_RUN"  # the NIC is about to be, or is, VPP's
    VPP_RUNNING = "VPP_RUNNING"  # the host tap has the uplink's addresses
    VPP_DONE_OK = "VPP_DONE_OK"  # Linux has everything back after an ordered end
    VPP_ERRORED = "VPP_ERRORED"  # Linux has everything back after a failure


@dataclass(frozen=True)
class HostHookResult:
    """Outcome of a script. `code`: as `subprocess` has it; None: it did not start, or was ended by the guard."""

    ran: bool
    code: int | None = None
    late: bool = False
    took_s: float = 0.0


async def run_host_hook(
    point: HostHookPoint,
    script: str,
    names: Sequence[str],
    log: ProcessLog,
    limit_s: float = _LIMIT_S,
    *,
    render: Callable[[str], str],
) -> HostHookResult:
    """Runs one script; "" runs nothing. `render` replaces the tokens of templates. Raises only CancelledError."""
    if not script.strip():
        return HostHookResult(ran=False)
    started = time.monotonic()
    try:
        command = ["/bin/bash", "-c", render(script), point.value, *names]
        child, output, transport = await _start_within(limit_s, command)
    except (OSError, ValueError) as error:
        log.warning("hook not run", point=point.value, why=error)
        return HostHookResult(ran=False)
    reading = asyncio.create_task(_read(output, point, log))
    try:
        late = await _is_late(child, reading, limit_s)
    finally:
        reading.cancel()
        transport.close()
    result = HostHookResult(
        ran=True, code=None if late else child.returncode, late=late, took_s=time.monotonic() - started
    )
    write = log.info if result.code == 0 else log.warning
    outcome = {"why": f"not done within {limit_s:g} s: ended"} if late else {"code": child.returncode}
    write("hook", point=point.value, took_ms=result.took_s * 1000, **outcome)
    return result


async def _start_within(
    limit_s: float, command: Sequence[str]
) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader, asyncio.BaseTransport]:
    """As `_start`; want of descriptors, memory or threads is waited out for at most so long."""
    deadline = time.monotonic() + limit_s
    while True:
        try:
            return await _start(command)
        except OSError as error:
            if not is_shortage(error) or time.monotonic() >= deadline:
                raise
        await asyncio.sleep(_SHORTAGE_PAUSE_S)


async def _start(
    command: Sequence[str],
) -> tuple[asyncio.subprocess.Process, asyncio.StreamReader, asyncio.BaseTransport]:
    """The script's process in a group of its own, its output, and the transport to close. Raises OSError, ValueError.

    A pipe of our own: asyncio's would make the end of the script wait for all who hold the pipe open. It is read from
    before the script starts: whoever cancels us at that very moment must not leave the script behind.
    """
    read_end, write_end = os.pipe()
    try:
        output, transport = await _reader(read_end)
        try:
            child = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=write_end,
                stderr=write_end,
                start_new_session=True,
            )
        except BaseException:
            transport.close()
            raise
    finally:
        os.close(write_end)
    return child, output, transport


async def _is_late(child: asyncio.subprocess.Process, reading: "asyncio.Task[None]", limit_s: float) -> bool:
    """Waits for the script's end and its last words; one that takes longer than `limit_s` is late, and is ended."""
    late = False
    try:
        try:
            async with asyncio.timeout(limit_s):
                await child.wait()
        except TimeoutError:
            late = True
            await _end_group(child)
        await asyncio.wait([reading], timeout=_DRAIN_S)
    except asyncio.CancelledError:
        _signal(child.pid, signal.SIGKILL)
        await child.wait()
        raise
    return late


async def _end_group(child: asyncio.subprocess.Process) -> None:
    """SIGTERM, then SIGKILL, to the script's process group."""
    _signal(child.pid, signal.SIGTERM)
    with suppress(TimeoutError):
        async with asyncio.timeout(_TERM_S):
            await child.wait()
    _signal(child.pid, signal.SIGKILL)
    await child.wait()


def _signal(group: int, number: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)


async def _reader(handle: int) -> tuple[asyncio.StreamReader, asyncio.BaseTransport]:
    reader = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(handle, "rb", buffering=0)
    )
    return reader, transport


async def _read(output: asyncio.StreamReader, point: HostHookPoint, log: ProcessLog) -> None:
    """Logs the output line by line. What exceeds the limits is read and dropped, so that the script is not held up."""
    partial, lines = b"", 0
    while chunk := await output.read(4096):
        *whole, partial = (partial + chunk).split(b"\n")
        if len(partial) > LINE_MAX:
            whole, partial = [*whole, partial], b""
        for line in whole:
            lines += 1
            if lines <= LINES_MAX:
                _log_line(line, point, log)
            elif lines == LINES_MAX + 1:
                log.warning("hook says too much", point=point.value, lines_max=LINES_MAX)
    if partial and lines < LINES_MAX:
        _log_line(partial, point, log)


def _log_line(line: bytes, point: HostHookPoint, log: ProcessLog) -> None:
    log.info("hook says", point=point.value, line=line[:LINE_MAX].decode(errors="replace").rstrip("\r"))
