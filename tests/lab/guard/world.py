"""One node and a host outside, joined by a wire: the guard's world, with real processes and real packets.

The node's VPP is the one that $VPP names ($VPPD_VPP_PRELOAD goes into its environment), else vppsim. Everything is in
namespaces of its own, and goes with `remove`, whatever state a test has left it in.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from tests.iproute import ip, ip_json
from tests.waiting import until
from tools.lab.cluster.node_processes import REAL_STARTUP_CONF
from tools.lab.linux import netns_command
from vppd_guard.report.history import GuardHistory
from vppd_guard.report.history_line import GuardHistoryLine

REAL = os.environ.get("VPP", "")
VPP = REAL or str(Path(sys.executable).with_name("vppsim"))
HOST_MAC = "02:90:00:00:00:07"
HOST4, HOST6, GATEWAY4, GATEWAY6 = "192.0.2.7", "2001:db8::7", "192.0.2.1", "2001:db8::1"
RUNNING = "running"


class World:
    """The node's processes, the namespaces `host`, `vpp` and `lan`, and what can be seen of them."""

    def __init__(self, directory: Path, number: int) -> None:
        self.directory = directory
        tag = f"gd{os.getpid() % 100_000}x{number}"
        self.host, self.vpp_netns, self.lan = (f"{tag}-{word}" for word in ("host", "vpp", "lan"))
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.uplinks: list[dict[str, Any]] = [{"interfaceName": "eth0"}]
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("VPPD_", "CALICOVPP_"))},
            "NODENAME": "n1",
            "VPPD_RUN": str(directory / "run"),
            "VPPD_STATE": str(directory / "state"),
            "VPPD_VPP_BIN": VPP,
            "VPPD_VPP_PRELOAD": os.environ.get("VPPD_VPP_PRELOAD", ""),
            "VPPD_VPP_NETNS": self.vpp_netns,
            "VPPD_HOST_NETNS": f"/var/run/netns/{self.host}",
            "VPPD_PREFLIGHT_WAIVE": "vhost-net",
            "CALICOVPP_ENABLE_NETWORK_MANAGER_HOOK": "false",
        }
        if REAL:
            self.environment["CALICOVPP_CONFIG_TEMPLATE"] = REAL_STARTUP_CONF

    # --- the wire and the addresses

    def wire_up(self) -> None:
        """A wire and a host outside that is the gateway."""
        self.wire("eth0", "lan0", HOST_MAC)
        self.address("eth0", "lan0")

    def make_bare(self) -> None:
        """Namespaces without a wire."""
        for netns in (self.host, self.vpp_netns, self.lan):
            ip("netns add", netns)
            ip("link set lo up", netns=netns)

    def wire(self, host_end: str, lan_end: str, mac: str) -> None:
        """A veth pair from the host to the outside."""
        ip(f"link add {host_end} address {mac} type veth peer name {lan_end} netns {self.lan}", netns=self.host)
        ip(f"link set {lan_end} up", netns=self.lan)
        for netns, name in ((self.host, host_end), (self.lan, lan_end)):
            # The checksums of what leaves a namespace for another by VPP must be those of the packet.
            line = ["ip", "netns", "exec", netns, "ethtool", "-K", name, "tx", "off"]
            subprocess.run(line, check=False, capture_output=True)

    def address(self, host_end: str, lan_end: str, families: str = "46") -> None:
        """Addresses and routes as a host has them."""
        ip(f"link set {host_end} mtu 1400 up", netns=self.host)
        if "4" in families:
            ip(f"addr add {GATEWAY4}/24 dev {lan_end}", netns=self.lan)
            ip(f"addr add {HOST4}/24 dev {host_end}", netns=self.host)
            ip(f"route add default via {GATEWAY4} dev {host_end} metric 50", netns=self.host)
            ip(f"route add 198.51.100.0/24 via 192.0.2.9 dev {host_end} src {HOST4}", netns=self.host)
        if "6" in families:
            ip(f"addr add {GATEWAY6}/64 dev {lan_end} nodad", netns=self.lan)
            ip(f"addr add {HOST6}/64 dev {host_end} nodad", netns=self.host)
            ip(f"-6 route add default via {GATEWAY6} dev {host_end}", netns=self.host)
        self.settled(host_end)

    def settled(self, link: str) -> None:
        """Waits until the link has its link-local address for good."""
        table = f"-6 route show table local dev {link}"
        until(lambda: "fe80::" in ip(table, netns=self.host), "the link-local address is settled")

    # --- processes

    def start(self, name: str, *command: str, **more: str) -> None:
        """Starts a process in the host's namespace; its log goes on where an earlier one ended."""
        environment = self.environment | {"CALICOVPP_INTERFACES": json.dumps({"uplinkInterfaces": self.uplinks})}
        line = ["ip", "netns", "exec", self.host, sys.executable, *command]
        with (self.directory / f"{name}.log").open("ab") as log:
            self.processes[name] = subprocess.Popen(line, env=environment | more, stdout=log, stderr=log)

    def start_basics(self) -> None:
        """Bus and writer, as supervisord starts them before the guard."""
        self.start("bus", "-m", "bus")
        self.start("vpp-writer", "-m", "actors.vpp_writer")

    def start_guard(self, **more: str) -> None:
        """The guard, with `more` in its environment."""
        self.start("guard", "-m", "vppd_guard", **more)

    def tell(self, name: str, number: int) -> None:
        """Sends a signal."""
        self.processes[name].send_signal(number)

    def end(self, name: str, number: int = signal.SIGTERM) -> int:
        """Ends a process. Returns its exit code."""
        process = self.processes.pop(name)
        process.send_signal(number)
        return process.wait(timeout=30)

    def command(self, *words: str) -> "subprocess.CompletedProcess[str]":
        """A command of the guard for people, run to its end."""
        environment = self.environment | {"CALICOVPP_INTERFACES": json.dumps({"uplinkInterfaces": self.uplinks})}
        line = ["ip", "netns", "exec", self.host, sys.executable, "-m", "vppd_guard", *words]
        return subprocess.run(line, env=environment, capture_output=True, text=True, timeout=60, check=False)

    def log(self, name: str = "guard") -> str:
        """What a process has logged."""
        path = self.directory / f"{name}.log"
        return path.read_text(errors="replace") if path.exists() else ""

    # --- what is so

    def vpps(self) -> list[int]:
        """The processes of the node's VPP."""
        mark = str(self.directory / "run" / "vpp" / "startup.conf").encode()
        return _with(mark)

    def history(self) -> list[GuardHistoryLine]:
        """What the guards of this node have done."""
        return GuardHistory(self.directory / "state" / "guard").read()

    def states(self) -> list[str]:
        """The states that they entered, in order."""
        return [line.to for line in self.history() if line.to]

    def is_running(self) -> bool:
        """Does VPP carry the host, as the guard that lives now says?"""
        lines = self.history()
        starts = [at for at, line in enumerate(lines) if line.what == "the guard starts"]
        lives = self.processes.get("guard")
        if not starts or (lives is not None and lines[starts[-1]].pid != lives.pid):
            return False  # what is written there is of an earlier one
        return [line.to for line in lines[starts[-1] :] if line.to][-1:] == [RUNNING]

    def running(self) -> "World":
        """Waits until VPP carries the host."""
        try:
            until(self.is_running, "the guard is running")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.log()[-4000:]}") from None
        return self

    def linux(self, link: str = "eth0") -> dict[str, Any]:
        """All of an uplink that must come back, as ip(8) shows it."""
        [link_state] = [x for x in ip_json("-d link", netns=self.host) if x.get("ifname") == link] or [{}]
        if not link_state:
            return {"gone": True}
        links = ip_json(f"addr show dev {link}", netns=self.host)
        addresses = [(a["local"], a["prefixlen"], a["scope"]) for x in links for a in x.get("addr_info", ())]
        routes = [ip(f"{family} route show table all dev {link}", netns=self.host) for family in ("-4", "-6")]
        lines = [" ".join(line.split()) for text in routes for line in text.splitlines()]
        state = {key: link_state[key] for key in ("address", "mtu", "promiscuity")}
        kind = link_state.get("linkinfo", {}).get("info_kind")
        return {
            **state,
            "kind": kind,
            "up": "UP" in link_state["flags"],
            "addresses": sorted(addresses),
            "routes": sorted(line for line in lines if "multicast" not in line and "anycast" not in line),
        }

    def answers(self, address: str = HOST4, within_s: float = 0.3) -> bool:
        """Does the host answer the host outside?"""
        return self._pings(self.lan, address, within_s)

    def reaches(self, address: str, within_s: float = 1.0) -> bool:
        """Does that address outside answer the host?"""
        return self._pings(self.host, address, within_s)

    @staticmethod
    def _pings(netns: str, address: str, within_s: float) -> bool:
        family = "-6" if ":" in address else "-4"
        line = ["ip", "netns", "exec", netns, "ping", family, "-c", "1", "-W", str(within_s), address]
        return subprocess.run(line, check=False, capture_output=True).returncode == 0

    @contextmanager
    def pinged(self, address: str = HOST4) -> Iterator[dict[str, float]]:
        """The host outside pings the host meanwhile; afterwards the result has `lost` and `longest_gap_ms`."""
        result: dict[str, float] = {}
        sender = [sys.executable, "-m", "tools.lab.traffic.ping_sender", "--tell", address]
        process = subprocess.Popen(netns_command(self.lan, *sender), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"pinging\n"
        try:
            yield result
        finally:
            out, _ = process.communicate(timeout=30)
            result.update({key: value or 0.0 for key, value in json.loads(out).items()})

    def told_addresses(self) -> str:
        """The uplink's row on the bus, as `vppd tap state` prints it."""
        vppd = Path(sys.executable).with_name("vppd")
        line = [vppd, "tap", "state", "uplink", "eth0", "--run", self.environment["VPPD_RUN"]]
        return subprocess.run(line, capture_output=True, text=True, timeout=20, check=False).stdout

    def leftovers(self) -> list[str]:
        """What a guard that has ended may not leave."""
        leftovers = [
            f"process {pid}" for pid in _with(str(self.directory / "run").encode() + b"/") if self.is_vpp_of(pid)
        ]
        journal = self.directory / "state" / "guard" / "undo.journal"
        leftovers += [str(journal)] if journal.exists() else []
        names = [x["ifname"] for x in ip_json("link", netns=self.vpp_netns)]
        return leftovers + [f"link {name} in VPP's namespace" for name in names if name != "lo"]

    def is_vpp_of(self, pid: int) -> bool:
        """Is it one of ours, or a trial of it?"""
        with suppress(OSError):
            return b"startup.conf" in Path(f"/proc/{pid}/cmdline").read_bytes()
        return False

    def remove(self) -> None:
        """Everything of it."""
        for name in list(self.processes):
            with suppress(subprocess.TimeoutExpired):
                self.end(name, signal.SIGKILL)
        for pid in _with(f"{self.directory}/".encode()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for netns in (self.host, self.vpp_netns, self.lan):
            subprocess.run(["ip", "netns", "del", netns], check=False, stderr=subprocess.DEVNULL)
        for mount in (self.directory / "state",):
            subprocess.run(["umount", "-l", str(mount)], check=False, stderr=subprocess.DEVNULL)
        shutil.rmtree(self.directory, ignore_errors=True)


def ping_guard(world: World) -> str:
    """What the guard says of itself on the bus; waits for a guard that has just been started."""
    line = [Path(sys.executable).with_name("vppd"), "ask", "ping", "guard", "--run", world.environment["VPPD_RUN"]]

    def reply() -> str:
        process = subprocess.run(line, capture_output=True, text=True, timeout=20, check=False)
        return process.stdout if process.returncode == 0 else ""

    return str(until(reply, "the guard answers on the bus"))


def _with(mark: bytes) -> list[int]:
    """Processes whose command line has that in it."""
    pids = []
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            if entry.name.isdigit() and mark in (entry / "cmdline").read_bytes():
                pids.append(int(entry.name))
    return pids


def outages() -> Path | None:
    """Where measured outages are written, one JSON object a line: the table of docs/guard.md is made of them."""
    text = os.environ.get("VPPD_OUTAGES")
    return Path(text) if text else None


def measured(crash: str, at: str, result: Mapping[str, float]) -> None:
    """Notes an outage, if anybody wants to know."""
    path = outages()
    if path is not None:
        row = {"vpp": "real" if REAL else "vppsim", "crash": crash, "at": at, **result}
        with path.open("a") as handle:
            handle.write(json.dumps(row) + "\n")
