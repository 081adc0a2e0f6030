"""Flows that never pause: each sends from one socket address to one, all the time, and counts what is answered."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.contract.machine import Namespace

_EVERY_S = "0.02"
_PING_ANSWERED, _SYN_ANSWERED = " bytes from ", "answered"
# One SYN after another from the same port, so all of them are one flow; a reset is an answer too.
_SYNS = """
import socket, sys
while True:
    with socket.socket(socket.AF_INET6 if ":" in sys.argv[1] else socket.AF_INET) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        client.bind(("", 40000))
        client.settimeout(float(sys.argv[2]))
        try:
            client.connect((sys.argv[1], 80))
        except TimeoutError:
            continue
        except ConnectionRefusedError:
            pass
        print("answered", flush=True)
"""


class SteadyFlow:
    """One flow that never pauses; what it says goes into a file."""

    def __init__(self, output: Path, answer: str) -> None:
        self._output, self._answer = output, answer

    @property
    def answers(self) -> int:
        """How many packets have been answered so far."""
        return self._output.read_text().count(self._answer)


@contextmanager
def pinging(where: Namespace, address: str, directory: Path) -> Iterator[SteadyFlow]:
    """Echo requests with one identifier."""
    command = ["ping", "-n", "-i", _EVERY_S, address]
    with _running(where, command, directory / f"ping-{where.name}") as output:
        yield SteadyFlow(output, _PING_ANSWERED)


@contextmanager
def knocking(where: Namespace, address: str, directory: Path) -> Iterator[SteadyFlow]:
    """SYNs to port 80 from one port."""
    command = ["python3", "-c", _SYNS, address, _EVERY_S]
    with _running(where, command, directory / f"syn-{where.name}") as output:
        yield SteadyFlow(output, _SYN_ANSWERED)


@contextmanager
def _running(where: Namespace, command: list[str], output: Path) -> Iterator[Path]:
    with output.open("w") as file:
        process = subprocess.Popen(
            ["ip", "netns", "exec", where.name, *command], stdout=file, stderr=subprocess.DEVNULL
        )
        try:
            yield output
            assert process.poll() is None, f"{command[0]} has ended: {output.read_text()}"
        finally:
            process.kill()
            process.wait()
