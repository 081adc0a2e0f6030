"""vppsim as a process, its API client, and network namespaces."""

import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import vpp_papi

from tests.waiting import until

VPPApiClient: Any = vpp_papi.vpp_papi.VPPApiClient
PROJECT = Path(__file__).parents[3]
UPLINK_MAC = "02:00:00:00:00:aa"


class Simulator:
    """`python -m tools.vppsim` in a directory of its own, in a namespace if one is named."""

    def __init__(self, directory: Path, namespace: str = "", plugins: str = "") -> None:
        self.directory, self.namespace = directory, namespace
        self.socket = directory / "api.sock"
        self.config = directory / "startup.conf"
        self.config.write_text(
            f"unix {{ nodaemon runtime-dir {directory} pidfile {directory}/vpp.pid }}\n"
            f"socksvr {{ socket-name {self.socket} }}\n"
            f"buffers {{ buffers-per-numa 16384 page-size 4K }}\nplugins {{ {plugins} }}\n"
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._client: Any = None

    def start(self) -> None:
        """Start the process; does not wait."""
        enter = ["ip", "netns", "exec", self.namespace] if self.namespace else []
        command = [*enter, sys.executable, "-m", "tools.vppsim", "-c", str(self.config)]
        with (self.directory / "log").open("ab") as log:
            self._process = subprocess.Popen(command, cwd=PROJECT, stderr=log)

    @property
    def api(self) -> Any:
        """vpp_papi's client, with the definitions that vppsim itself serves."""
        if self._client is None:
            self._client = until(self._connect, "the API answers")
        return self._client.api

    def _connect(self) -> Any:
        """A client, or None while nobody answers."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # vpp_papi reads its own files the old way
            client = VPPApiClient(bootstrapapi=True, server_address=str(self.socket), read_timeout=5)
        try:
            client.connect("test")
        except OSError:
            client.transport.socket.close()
            return None
        return client

    def listen(self, callback: Callable[[str, Any], None]) -> None:
        """Call `callback(name, event)` for each event."""
        assert self.api
        assert self._client
        self._client.event_callback = callback

    def kill(self) -> int:
        """End the process at once, as a crash would; returns its exit status, also if it had ended before."""
        return self._end(signal.SIGKILL)

    def terminate(self) -> int:
        return self._end(signal.SIGTERM)

    def _end(self, how: signal.Signals) -> int:
        if self._client is not None and how != signal.SIGKILL:
            self._client.disconnect()
        assert self._process
        self._process.send_signal(how)
        status = self._process.wait(timeout=5)
        if self._client is not None and how == signal.SIGKILL:
            self._client.transport.connected = False
            self._client.disconnect()
        self._client = None
        return status

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def log(self) -> str:
        return (self.directory / "log").read_text()


class Namespace:
    """A named network namespace with its loopback up."""

    def __init__(self, name: str) -> None:
        self.name = f"vs{os.getpid()}-{name}"
        run("ip", "netns", "add", self.name)
        self.ip("link", "set", "lo", "up")

    def ip(self, *words: str) -> str:
        return run("ip", "-n", self.name, *words)

    def run(self, *command: str, check: bool = True) -> str:
        return run("ip", "netns", "exec", self.name, *command, check=check)

    def python(self, code: str) -> subprocess.Popen[str]:
        """Start a small Python program in the namespace, to read its output."""
        command = ["ip", "netns", "exec", self.name, sys.executable, "-c", code]
        return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def pings(self, address: str, *options: str) -> bool:
        return "1 received" in self.run("ping", "-c", "1", "-W", "2", *options, address, check=False)

    def delete(self) -> None:
        run("ip", "netns", "del", self.name)


def wire(vpp: Namespace, outside: Namespace) -> None:
    """Connect an outside host, 192.0.2.9 and 2001:db8::9 on its eth0, to the link up0 that VPP can take."""
    link = ("link", "add", "up0", "address", UPLINK_MAC, "type", "veth", "peer", "name", "eth0")
    vpp.ip(*link, "netns", outside.name)
    outside.ip("link", "set", "eth0", "up")
    for address in ("192.0.2.9/24", "2001:db8::9/64"):
        outside.ip("addr", "add", address, "dev", "eth0", *(["nodad"] if ":" in address else []))


def run(*command: str, check: bool = True) -> str:
    """Run a command; returns its output. Raises AssertionError if it fails and `check` is set."""
    process = subprocess.run(command, check=False, capture_output=True, text=True)
    assert not check or process.returncode == 0, f"{command}: {process.stderr}"
    return process.stdout
