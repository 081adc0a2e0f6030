"""Edge: VPP's process. Only its pidfd decides whether it has ended."""

import asyncio
import ctypes
import os
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from bus.process_start import process_start_ticks
from bus.shortage import raise_shortage
from vppd_guard.linux.namespaces import CLONE_NEWNET, NETNS_DIRECTORY

_STOP_S_MAX = 0.7  # from SIGINT to SIGKILL: the guard itself has to end within 2 s
_KILL_S_MAX = 5.0
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True)
class VppLaunch:
    """How a VPP is started."""

    binary: Path
    conf: Path
    netns: str  # name of the namespace that it runs in
    preload: str = ""  # LD_PRELOAD of its environment
    survives: bool = True  # the guard: a VPP with a NIC of the host must; that of a dry run must not


class VppInstance:
    """A VPP that this guard has started or adopted."""

    def __init__(self, pid: int, start_ticks: int, child: "subprocess.Popen[bytes] | None") -> None:
        self.pid, self.start_ticks = pid, start_ticks
        self._child = child
        self._pidfd = os.pidfd_open(pid)
        self.ended = asyncio.Event()
        asyncio.get_running_loop().add_reader(self._pidfd, self._on_end)
        self.reason = ""

    def _on_end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        os.close(self._pidfd)
        self.reason = self._why()
        self.ended.set()

    def _why(self) -> str:
        return _end_reason(self._child.wait()) if self._child is not None else reap_vpp_process(self.pid)

    def signal(self, number: int) -> None:
        """Forwards a signal, if VPP still runs."""
        if not self.ended.is_set():
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    async def stop(self) -> None:
        """SIGINT, then SIGKILL. Returns when VPP has ended. Raises TimeoutError."""
        for number, patience_s in ((signal.SIGINT, _STOP_S_MAX), (signal.SIGKILL, _KILL_S_MAX)):
            if self.ended.is_set():
                return
            self.signal(number)
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    await self.ended.wait()
        if not self.ended.is_set():
            raise TimeoutError(f"VPP, process {self.pid}, does not end by SIGKILL")

    async def answers(self, socket: Path, within_s: float) -> bool:
        """Waits until VPP accepts API clients. False: it ended, or did not in time."""
        deadline = time.monotonic() + within_s
        while time.monotonic() < deadline and not self.ended.is_set():
            with suppress(OSError):
                _, writer = await asyncio.open_unix_connection(str(socket))
                writer.close()
                return True
            await asyncio.sleep(0.01)
        return False


def start_vpp_process(launch: VppLaunch, log: Path) -> VppInstance:
    """Starts VPP in its namespace, in a session of its own: it outlives the guard, if it is to. Raises OSError.

    Its output goes to a file, because a guard that is killed would close a pipe.
    """
    environment = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    if launch.preload:
        environment["LD_PRELOAD"] = launch.preload
    handle = os.open(NETNS_DIRECTORY / launch.netns, os.O_RDONLY)
    try:
        with log.open("ab") as output:
            child = subprocess.Popen(
                [str(launch.binary), "-c", str(launch.conf)],
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_in_namespace(handle, survives=launch.survives),
            )
    except subprocess.SubprocessError as error:
        raise OSError(f"{launch.binary}: {error}") from error
    finally:
        os.close(handle)
    try:
        return VppInstance(child.pid, process_start_ticks(child.pid), child)
    except OSError:  # a VPP whose end would not be noticed must not have a NIC
        child.kill()
        child.wait()
        raise


def _in_namespace(handle: int, *, survives: bool) -> Callable[[], None]:
    libc = ctypes.CDLL(None, use_errno=True)

    def enter() -> None:
        if libc.setns(handle, CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "setns")
        if not survives:
            libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_MEMLOCK, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    return enter


def adopt_vpp_process(pid: int, since: int) -> VppInstance | None:
    """The VPP of an earlier guard; None: it does not run any more. Raises OSError: that cannot be seen just now."""
    if not since or process_start_ticks(pid) != since:
        return None
    try:
        return VppInstance(pid, since, None)
    except ProcessLookupError:
        return None


def reap_vpp_process(pid: int) -> str:
    """Why a VPP of an earlier guard ended, which has. If that guard was this very process, VPP is our child still."""
    try:
        _, status = os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        return "ended (its wait status went to its first parent)"
    return _end_reason(os.waitstatus_to_exitcode(status))


def _end_reason(code: int) -> str:
    return f"killed by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def find_vpp_by_conf(conf: Path) -> VppInstance | None:
    """The VPP that runs with this startup.conf, whoever started it. Raises OSError: that cannot be seen just now."""
    mark = f"\0-c\0{conf}\0".encode()
    for entry in Path("/proc").iterdir():
        try:
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                return adopt_vpp_process(int(entry.name), process_start_ticks(int(entry.name)))
        except OSError as error:
            raise_shortage(error)
    return None
