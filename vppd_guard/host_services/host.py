"""Edge: the host's file system and processes, below `root` (`/host` in a container).

A process counts only in the guard's own network namespace: a lab in a namespace of its own, on a laptop with
NetworkManager, finds none.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_COMM_MAX = 15  # proc_pid_comm(5): the kernel keeps 15 bytes of a program's name
_SAME_NETWORK = Path("/proc/self/ns/net")


def _index(name: str) -> int:
    try:
        return socket.if_nametoindex(name)
    except OSError:
        return 0


@dataclass(frozen=True)
class HostReader:
    """The host, read whenever it is asked."""

    root: Path = Path("/")
    index: Callable[[str], int] = _index  # a link's number in the guard's network namespace; 0: there is none

    def path(self, text: str) -> Path:
        """Path of a file of the host, "/run/...", as this process sees it."""
        return self.root / text.lstrip("/")

    def read(self, text: str) -> str:
        """Text of a file; "": it cannot be read."""
        try:
            return self.path(text).read_text(errors="replace")
        except OSError:
            return ""

    def processes(self, program: str) -> list[tuple[str, ...]]:
        """Command lines of the processes of that name in the guard's network namespace."""
        command_lines = []
        with suppress(OSError):
            guard_netns = _SAME_NETWORK.stat()
            for entry in self.path("/proc").iterdir():
                with suppress(OSError):
                    if not entry.name.isdigit() or (entry / "comm").read_text().strip() != program[:_COMM_MAX]:
                        continue
                    process_netns = (entry / "ns" / "net").stat()
                    if (process_netns.st_dev, process_netns.st_ino) == (guard_netns.st_dev, guard_netns.st_ino):
                        words = (entry / "cmdline").read_bytes().decode(errors="replace").rstrip("\0")
                        command_lines.append(tuple(words.split("\0")))
        return command_lines

    def runs(self, program: str, sign: str) -> bool:
        """Does the program run, and does its own mark, a path below /run, exist?"""
        return self.path(sign).exists() and bool(self.processes(program))


def shell_assignments(text: str) -> dict[str, str]:
    """The `KEY=value` lines of a state file of systemd's or NetworkManager's, without quotes."""
    pairs = (line.partition("=") for line in text.splitlines() if not line.startswith(("#", "[")))
    return {key.strip(): value.strip().strip('"') for key, equals, value in pairs if equals}
