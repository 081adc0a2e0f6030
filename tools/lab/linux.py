"""Edge: the machine's namespaces, links and processes, by iproute2 and /proc."""

import os
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

NETNS = Path("/var/run/netns")


class CommandFailed(Exception):
    """A command failed; the text has it and what it said."""


def run(*command: str, timeout_s: float = 30.0) -> str:
    """Runs a command to its end. Returns what it printed. Raises CommandFailed."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout_s, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise CommandFailed(f"{' '.join(command)}: {error}") from None
    if done.returncode:
        raise CommandFailed(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def ip(line: str, netns: str | None = None) -> str:
    """One `ip` command, in a namespace if one is named."""
    return run("ip", *(("-n", netns) if netns else ()), *line.split())


def inside(netns: str, *command: str) -> list[str]:
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


def started(pid: int) -> int:
    """When a process started, clock ticks since boot; 0 if there is none, or it is a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0
    return 0 if fields[0] == "Z" else int(fields[19])


def send(pid: int, number: int) -> None:
    """A signal; a process that is gone is no error."""
    with suppress(ProcessLookupError):
        os.kill(pid, number)


def end(pids: Sequence[int], patience_s: float) -> None:
    """SIGTERM, and SIGKILL for those still there after `patience_s`."""
    lives = {pid: since for pid in pids if (since := started(pid))}
    for number, wait_s in ((signal.SIGTERM, patience_s), (signal.SIGKILL, 5.0)):
        for pid in lives:
            send(pid, number)
        deadline = time.monotonic() + wait_s
        while lives and time.monotonic() < deadline:
            lives = {pid: since for pid, since in lives.items() if _alive(pid) and started(pid) == since}
            time.sleep(0.02)


def _alive(pid: int) -> bool:
    with suppress(ChildProcessError, OSError):
        os.waitpid(pid, os.WNOHANG)  # if it was our child
    return started(pid) != 0


def told_of(directory: Path) -> dict[int, str]:
    """pid -> command line of a lab's processes: told of its directory by environment, or its API server."""
    mark, found = f"{directory}/".encode(), {}
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and int(entry.name) != os.getpid():
                command = (entry / "cmdline").read_bytes()
                if mark in (entry / "environ").read_bytes() or (b"tools.lab.apiserver" in command and mark in command):
                    found[int(entry.name)] = command.replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def traces(lab: str, directory: Path) -> dict[str, list[str]]:
    """What there is of a lab: its namespaces, links of the machine, processes told of its directory, files."""
    return {
        "namespaces": namespaces(f"{lab}-"),
        "links": sorted(line.split(": ")[1].partition("@")[0] for line in ip("-o link").splitlines()),
        "processes": sorted(told_of(directory).values()),
        "files": [str(directory)] if directory.exists() else [],
    }
