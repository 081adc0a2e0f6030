"""Edge: starts VPP once without uplinks: does it run, read its startup.conf, answer by its API?

The answer to `sockclnt_create` (VPP API: memclnt) lists all messages with their CRCs, so that missing ones are known
while the host is still whole. The sockets lie in a directory of their own: the writer must not take this VPP for the
real one.
"""

import asyncio
import struct
from contextlib import suppress
from pathlib import Path

from bus import whole_files
from schemas.config import NodeConfig
from vppd_guard.linux.moving import ensure_netns
from vppd_guard.vpp import process
from vppd_guard.vpp.process import VppLaunch

_SOCKCLNT_CREATE = 15  # the one message whose number is fixed
_HEADER = struct.Struct(">QII")  # VPP's socket transport: unused, length of the message, unused
_CREATE = struct.Struct(">HI64s")
CREATED = struct.Struct(">HIIiIH")  # number, client index, context, response, index, count
ENTRY = struct.Struct(">H64s")
_ANSWER_S_MAX = 15.0
_VPP_NAME = b"vppd-guard-trial"


class VppDryRunFailed(Exception):
    """VPP did not pass; the text says why."""


async def _api_messages(socket: Path) -> frozenset[str]:
    """The names of all API messages, without their CRCs. Raises OSError, ValueError for what is no VPP."""
    reader, writer = await asyncio.open_unix_connection(str(socket))
    try:
        body = _CREATE.pack(_SOCKCLNT_CREATE, 0, _VPP_NAME)
        writer.write(_HEADER.pack(0, len(body), 0) + body)
        _, size, _ = _HEADER.unpack(await reader.readexactly(_HEADER.size))
        return message_names(await reader.readexactly(size))
    except asyncio.IncompleteReadError as error:
        raise ValueError("VPP closed the connection") from error
    finally:
        writer.close()


def message_names(reply: bytes) -> frozenset[str]:
    """Names in a sockclnt_create_reply. Raises ValueError."""
    try:
        count = CREATED.unpack_from(reply)[-1]
        rows = [ENTRY.unpack_from(reply, CREATED.size + at * ENTRY.size)[1] for at in range(count)]
    except struct.error as error:
        raise ValueError(f"sockclnt_create_reply of {len(reply)} bytes: {error}") from error
    return frozenset(row.split(b"\0", 1)[0].decode("ascii", "replace").rpartition("_")[0] for row in rows)


async def _dry_run_vpp(config: NodeConfig, conf: str, script: str) -> frozenset[str]:
    """Messages of a VPP that was started with that configuration, and has ended again. Raises VppDryRunFailed."""
    directory = config.vpp_run
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    launch = VppLaunch(
        config.vpp_binary, directory / "startup.conf", config.vpp_netns, config.vpp_preload, survives=False
    )
    whole_files.replace_file_whole(launch.conf, conf.encode(), 0o644, sync=False)
    whole_files.replace_file_whole(directory / "startup.exec", script.encode(), 0o644, sync=False)
    log = directory / "vpp.log"
    log.unlink(missing_ok=True)
    config.vpp_api.unlink(missing_ok=True)
    await asyncio.to_thread(ensure_netns, config.vpp_netns)
    vpp = process.start_vpp_process(launch, log)
    try:
        if not await vpp.answers(config.vpp_api, _ANSWER_S_MAX):
            raise VppDryRunFailed(f"VPP {vpp.reason or 'does not accept API clients'}: {_last_line(log)}")
        async with asyncio.timeout(_ANSWER_S_MAX):
            return await _api_messages(config.vpp_api)
    except (OSError, ValueError, TimeoutError) as error:
        raise VppDryRunFailed(f"VPP's API: {error or 'no answer'}: {_last_line(log)}") from error
    finally:
        await vpp.stop()


def _last_line(log: Path) -> str:
    lines = []
    with suppress(OSError):
        lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


class VppDryRuns:
    """Dry runs that were passed: they are not repeated for the same VPP and configuration."""

    def __init__(self) -> None:
        self._passed: dict[tuple[object, ...], frozenset[str]] = {}

    async def api_messages(self, config: NodeConfig, conf: str, script: str) -> frozenset[str]:
        """API messages of this VPP with that configuration. Raises VppDryRunFailed."""
        try:
            binary = config.vpp_binary.stat()
        except OSError as error:
            raise VppDryRunFailed(f"VPPD_VPP_BIN: {config.vpp_binary}: {error.strerror}") from error
        key = (config.vpp_binary, binary.st_mtime_ns, binary.st_size, conf, script)
        if key not in self._passed:
            self._passed = {key: await _dry_run_vpp(config, conf, script)}
        return self._passed[key]
