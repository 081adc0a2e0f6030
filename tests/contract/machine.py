"""Namespaces, VPP processes and an observer of their own: nothing here is the writer's."""

import os
import signal
import subprocess
import sys
import warnings
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from vpp_papi.vpp_papi import VPPApiClient

from tests.waiting import until

SIMULATOR = Path(sys.executable).with_name("vppsim")
CONFIG = """\
unix {{ nodaemon runtime-dir {run} cli-listen {run}/cli.sock pidfile {run}/vpp.pid poll-sleep-usec 50 }}
api-trace {{ on }}
cpu {{ workers 0 }}
socksvr {{ socket-name {run}/vpp-api.sock }}
statseg {{ size 32M page-size 4K socket-name {run}/stats.sock }}
memory {{ main-heap-page-size 4K main-heap-size 512M }}
buffers {{ buffers-per-numa 16384 page-size 4K }}
cnat {{ session-max 65536 session-cleanup-timeout 0.01 }}
plugins {{
  {path}
  plugin default {{ disable }}
  plugin af_packet_plugin.so {{ enable }}
  plugin af_xdp_plugin.so {{ enable }}
  plugin vmxnet3_plugin.so {{ enable }}
  plugin rdma_plugin.so {{ enable }}
  plugin tap_plugin.so {{ enable }}
  plugin ping_plugin.so {{ enable }}
  plugin cnat_plugin.so {{ enable }}
  plugin npol_plugin.so {{ enable }}
  plugin urpf_plugin.so {{ enable }}
}}
"""

FINISH_CHECKSUMS = """
import ctypes, fcntl, socket, struct, sys
value = ctypes.create_string_buffer(struct.pack("II", 0x17, 0))
request = struct.pack("16sP16x", sys.argv[1].encode(), ctypes.addressof(value))
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8946, request)
"""


class Namespace:
    """A network namespace with loopback up; gone with the test."""

    def __init__(self, name: str, stack: ExitStack) -> None:
        self.name = name
        subprocess.run(["ip", "netns", "add", name], check=True)
        stack.callback(subprocess.run, ["ip", "netns", "del", name], check=False)
        self.run("sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0", "net.ipv6.conf.all.accept_dad=0")
        self.ip("link", "set", "lo", "up")

    def run(self, *command: str) -> str:
        """The command's output; it must succeed."""
        enter = ["ip", "netns", "exec", self.name]
        result = subprocess.run([*enter, *command], check=False, capture_output=True, text=True, timeout=30)
        assert result.returncode == 0, f"{' '.join(command)}: {result.stdout}{result.stderr}"
        return result.stdout

    def ip(self, *words: str) -> str:
        return self.run("ip", *words)

    def pings(self, address: str, *options: str) -> bool:
        """Is one echo request answered within a second?"""
        command = ["ip", "netns", "exec", self.name, "ping", "-n", "-c1", "-W1", *options, address]
        return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0

    def has_link(self, name: str) -> bool:
        return f" {name}: " in self.ip("-o", "link").replace("@", ": ")


class Vpp:
    """A VPP binary in a namespace and a directory; may be killed and started again."""

    def __init__(self, run: Path, namespace: Namespace) -> None:
        self.run, self.namespace = run, namespace
        self.socket = run / "vpp-api.sock"
        self._process: subprocess.Popen[bytes] | None = None
        self._client: VPPApiClient | None = None

    def start(self) -> None:
        """Starts a life and waits until its API answers."""
        plugins = os.environ.get("VPPD_VPP_PLUGINS", "")
        config = self.run / "startup.conf"
        config.write_text(CONFIG.format(run=self.run, path=f"path {plugins}" if plugins else ""))
        binary = os.environ.get("VPP") or str(SIMULATOR)
        command = ["ip", "netns", "exec", self.namespace.name, binary, "-c", str(config)]
        preload = os.environ.get("VPPD_VPP_PRELOAD", "")
        if preload:
            command[4:4] = ["env", f"LD_PRELOAD={preload}"]
        with (self.run / "log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log)
        until(self._observes, f"VPP answers; its log is {self.run}/log")

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def kill(self) -> None:
        """Ends the life as a crash does."""
        self._end(signal.SIGKILL)

    def tell(self, number: signal.Signals) -> None:
        """Tells the process something else than to end."""
        assert self._process is not None
        self._process.send_signal(number)

    def stop(self) -> None:
        """Ends the life, if there is one."""
        self._end(signal.SIGTERM)

    def _end(self, number: signal.Signals) -> None:
        if self._process is None:
            return
        if self._client is not None:
            self._client.disconnect()  # type: ignore[no-untyped-call]
            self._client = None
        self._process.send_signal(number)
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self._process = None
        self.socket.unlink(missing_ok=True)

    def _observes(self) -> bool:
        assert self.alive, f"VPP ended at once:\n{(self.run / 'log').read_text()[-2000:]}"
        if not self.socket.exists():
            return False
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            client = VPPApiClient(bootstrapapi=True, server_address=str(self.socket))  # type: ignore[no-untyped-call]
            try:
                client.connect("observer")  # type: ignore[no-untyped-call]
            except OSError:
                client.transport.socket.close()
                return False
        self._client = client
        return True

    def ask(self, message: str, **fields: Any) -> Any:
        """What an independent client is answered."""
        assert self._client is not None, "VPP is not running"
        return getattr(self._client.api, message)(**fields)

    def message_names(self) -> dict[int, str]:
        """The names of VPP's messages by number."""
        assert self._client is not None, "VPP is not running"
        table: dict[str, int] = self._client.transport.message_table
        return {number: name.rpartition("_")[0] for name, number in table.items()}

    def show(self, listing: str) -> str:
        """What VPP shows to people."""
        return str(self.ask("cli_inband", cmd=f"show {listing}").reply)

    def interfaces(self) -> dict[str, Any]:
        """Rows of sw_interface_dump by tag; untagged ones by VPP's name."""
        return {row.tag or row.interface_name: row for row in self.ask("sw_interface_dump")}

    def tables(self) -> dict[tuple[str, int], int]:
        """Table ids by (VPP's name of the table, IP version), without table 0."""
        rows = [row.table for row in self.ask("ip_table_dump")]
        return {(row.name, 6 if row.is_ip6 else 4): row.table_id for row in rows if row.table_id}

    def routes(self, table_id: int = 0, version: int = 4) -> dict[str, Any]:
        """Rows of a table by prefix."""
        table = {"table_id": table_id, "is_ip6": version == 6}
        return {str(row.route.prefix): row.route for row in self.ask("ip_route_dump", table=table)}

    def addresses(self, sw_if_index: int) -> set[str]:
        """All addresses of an interface."""
        return {
            str(row.prefix)
            for is_ipv6 in (False, True)
            for row in self.ask("ip_address_dump", sw_if_index=sw_if_index, is_ipv6=is_ipv6)
        }


def veth(first_namespace: Namespace, name: str, second_namespace: Namespace, other_name: str) -> str:
    """A veth pair, both ends up. Returns the MAC of the first end."""
    first_namespace.ip("link", "add", name, "type", "veth", "peer", "name", other_name, "netns", second_namespace.name)
    first_namespace.ip("link", "set", name, "up")
    second_namespace.ip("link", "set", other_name, "up")
    return mac_of(first_namespace, name)


def finish_checksums(namespace: Namespace, device: str) -> None:
    """Packets leave the device with finished checksums (ioctl ETHTOOL_STXCSUM 0, ethtool's `-K DEVICE tx off`)."""
    namespace.run(sys.executable, "-c", FINISH_CHECKSUMS, device)


def mac_of(namespace: Namespace, device: str) -> str:
    return namespace.run("cat", f"/sys/class/net/{device}/address").strip()
