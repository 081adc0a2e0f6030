"""Edge: the machine's namespaces, links and processes, by iproute2 and /proc."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from bus.process_start import process_start_ticks

NETNS = Path("/var/run/netns")


class CommandFailed(Exception):
    """A command failed; the text has the command and its output."""


def run(*command: str, timeout_s: float = 30.0) -> str:
    """Runs a command to its end. Returns what it printed. Raises CommandFailed."""
    try:
        completed = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{' '.join(command)}: {error}") from None
    if completed.returncode:
        raise CommandFailed(f"{' '.join(command)}: {(completed.stderr or completed.stdout).strip()}")
    return completed.stdout


def ip(line: str, netns: str | None = None) -> str:
    """One `ip` command, in a namespace if one is named."""
    return run("ip", *(("-n", netns) if netns else ()), *line.split())


def netns_command(netns: str, *command: str) -> list[str]:
    """The command line that runs `command` in a namespace."""
    return ["ip", "netns", "exec", netns, *command]


def namespaces(prefix: str) -> list[str]:
    """Named namespaces that begin with `prefix`."""
    return sorted(path.name for path in NETNS.iterdir() if path.name.startswith(prefix)) if NETNS.is_dir() else []


def pids_in(netns: str) -> list[int]:
    """Processes whose network namespace this is."""
    with suppress(CommandFailed):
        return [int(word) for word in run("ip", "netns", "pids", netns).split()]
    return []


def send_signal(pid: int, number: int) -> None:
    """Sends a signal; a process that has ended is no error."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def end_processes(pids: Sequence[int], patience_s: float) -> None:
    """SIGTERM, and SIGKILL for those still there after `patience_s`."""
    lives = {pid: since for pid in pids if (since := process_start_ticks(pid))}
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 5.0)):
        for pid in lives:
            send_signal(pid, number)
        deadline = time.monotonic() + wait_s
        while lives and time.monotonic() < deadline:
            lives = {pid: since for pid, since in lives.items() if _alive(pid) and process_start_ticks(pid) == since}
            time.sleep(0.02)


def _alive(pid: int) -> bool:
    with suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)  # if it was our child
    return process_start_ticks(pid) != 0


def processes_of(directory: Path) -> dict[int, str]:
    """pid -> command line of a lab's processes: its directory is in their environment, or they are its API server."""
    mark, commands = f"{directory}/".encode(), {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                command = (entry / "cmdline").read_bytes()
                if mark in (entry / "environ").read_bytes() or (b"tools.lab.apiserver" in command and mark in command):
                    commands[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return commands


def traces(lab: str, directory: Path) -> dict[str, list[str]]:
    """Traces of a lab: its namespaces, links of the machine, its processes, its files."""
    return {
        "namespaces": namespaces(f"{lab}-"),
        "links": sorted(line.split(": ")[1].partition("@")[0] for line in ip("-o link").splitlines()),
        "processes": sorted(processes_of(directory).values()),
        "files": [str(directory)] if directory.exists() else [],
    }
