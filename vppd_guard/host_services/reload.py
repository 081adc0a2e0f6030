"""Edge: has the host's services read their files again. Bounded; a failure is a text, never an exception.

Nothing is restarted (networkctl(1) reload, udevadm(8) control --reload, nmcli(1) general reload conf).
"""

import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress

from vppd_guard.host_services.host import HostReader

_COMMANDS: Mapping[str, tuple[str, ...]] = {
    "systemd-udevd": ("udevadm", "control", "--reload"),
    "systemd-networkd": ("networkctl", "reload"),
    "NetworkManager": ("nmcli", "general", "reload", "conf"),
}
_RELOAD_S_MAX = 1.5  # for all of them together: they run side by side
_WORDS_MAX = 200
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


def reload_command(service: str, host: HostReader) -> tuple[str, ...]:
    """The command that reloads a service, in the host's own root directory. Raises KeyError."""
    inside = () if str(host.root) == "/" else ("chroot", str(host.root))
    return (*inside, *_COMMANDS[service])


def reload_host_services(services: Iterable[str], host: HostReader, limit_s: float = _RELOAD_S_MAX) -> list[str]:
    """Reloads each service once. Returns what went wrong, in words. Blocks for at most `limit_s` and a moment."""
    return run_side_by_side({name: reload_command(name, host) for name in services if name in _COMMANDS}, limit_s)


def run_side_by_side(commands: Mapping[str, Sequence[str]], limit_s: float) -> list[str]:
    """Runs the commands side by side and kills late ones with their children. Returns what went wrong, in words."""
    deadline = time.monotonic() + limit_s
    complaints = []
    with tempfile.TemporaryFile() as no_input:
        started: list[tuple[str, subprocess.Popen[bytes], int]] = []
        for name, words in commands.items():
            # A file, not a pipe: a child that lives on and holds a pipe would keep us waiting for its end.
            try:
                output = os.memfd_create("told")
            except OSError as error:
                complaints.append(f"{name}: {error}")
                continue
            try:
                child = subprocess.Popen(
                    words, stdin=no_input, stdout=output, stderr=output, env=_ENVIRONMENT, start_new_session=True
                )
                started.append((name, child, output))
            except OSError as error:
                os.close(output)
                complaints.append(f"{name}: {error}")
        for name, child, output in started:
            try:
                code = child.wait(max(0.0, deadline - time.monotonic()))
                output_text = os.pread(output, _WORDS_MAX, 0).decode(errors="replace").strip()
                if code:
                    complaints.append(f"{name}: {commands[name][-2:]} ended with {code}: {output_text or 'no words'}")
            except subprocess.TimeoutExpired:
                with suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
                child.wait()
                complaints.append(f"{name}: not done within {limit_s:g} s")
            finally:
                os.close(output)
    return complaints
