"""Edge: TCP transfers between namespaces, measured."""

import json
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

from tools.lab import linux

PORT = 5201
PEER = (sys.executable, "-m", "tools.lab.traffic.transfer_peer")


@dataclass(frozen=True)
class Transfer:
    """The outcome of a TCP transfer."""

    bytes: int
    seconds: float
    intact: bool

    @property
    def mbit_s(self) -> float:
        return self.bytes * 8 / 1e6 / self.seconds if self.seconds else 0.0


def transfer(from_netns: str, to_netns: str, address: str, count: int) -> Transfer:
    """Sends `count` bytes over TCP. Raises linux.CommandFailed."""
    command = linux.netns_command(to_netns, *PEER, "receive", str(PORT))
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as receiver:
        try:
            assert receiver.stdout
            receiver.stdout.readline()
            sender = linux.netns_command(from_netns, *PEER, "send", address, str(PORT), str(count))
            sender_report: dict[str, Any] = json.loads(linux.run(*sender, timeout_s=90))
            receiver_report: dict[str, Any] = json.loads(receiver.stdout.readline() or "{}")
        finally:
            receiver.kill()
    intact = receiver_report.get("sha256") == sender_report["sha256"] and receiver_report.get("bytes") == count
    return Transfer(int(receiver_report.get("bytes", 0)), float(receiver_report.get("seconds", 0)), intact)
