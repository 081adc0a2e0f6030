"""VPP's own parser takes what is rendered for each driver. VPP=/usr/bin/vpp: the real one; else vppsim's.

VPPD_VPP_PLUGINS: where its plugins are, a colon list, if not beside it.
What cannot be shown without the NICs is that a device works. A VPP that was built without DPDK must stumble over DPDK's
stanza and over nothing else; one that has it is to go on without the device, which is not there.
"""

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from schemas.config import NodeConfig, UplinkSpec
from tests.waiting import until
from vppd_guard.drivers.registry import UPLINK_DRIVERS
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.vpp.startup_conf import StartupConfUplink, render_vpp_startup_files

REAL = os.environ.get("VPP", "")
PLUGINS = os.environ.get("VPPD_VPP_PLUGINS", "")
# The reference's, on a machine without hugepages and with few cores; the sockets are where the reference has them.
TEMPLATE = f"""\
unix {{
  nodaemon
  full-coredump   # {{ a comment's brace
  cli-listen /var/run/vpp/cli.sock
  pidfile /run/vpp/vpp.pid
  exec /etc/vpp/startup.exec
  poll-sleep-usec 50
}}
api-trace {{ on }}
cpu {{ workers 0 }}
socksvr {{ socket-name /var/run/vpp/vpp-api.sock }}
statseg {{ default size 32M page-size 4K }}
plugins {{
    {f"path {PLUGINS}" if PLUGINS else ""}
    plugin default {{ enable }}
    plugin dpdk_plugin.so {{ disable }}
    plugin bpf_trace_filter.so {{ enable }}
}}
memory {{ main-heap-size 512M main-heap-page-size 4K }}
buffers {{ buffers-per-numa 16384 }}
"""


class Vpp:
    """One life of VPP in a namespace of its own."""

    def __init__(self, directory: Path) -> None:
        self.config = NodeConfig(run=directory, startup_conf=TEMPLATE, startup_exec="show version\n")
        self.netns = f"vs{os.getpid()}"
        self._log = directory / "log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, uplink: StartupConfUplink) -> None:
        """Starts VPP with what is rendered for the uplink on a machine without hugepages."""
        rendered = render_vpp_startup_files(self.config, [uplink], has_hugepages=False)
        conf = rendered.conf.replace("buffers-per-numa 16384 }", "buffers-per-numa 16384 page-size 4K }")
        run = self.config.vpp_run
        run.mkdir()
        (run / "startup.conf").write_text(conf)
        (run / "startup.exec").write_text(rendered.exec)
        subprocess.run(["ip", "netns", "add", self.netns], check=True)
        binary = REAL or str(Path(sys.executable).with_name("vppsim"))
        preload = [f"LD_PRELOAD={os.environ['VPPD_VPP_PRELOAD']}"] if os.environ.get("VPPD_VPP_PRELOAD") else []
        command = ["ip", "netns", "exec", self.netns, "env", *preload, binary, "-c", str(run / "startup.conf")]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def answers(self) -> bool:
        """Does it accept API clients, before it ends?"""
        assert self._process is not None
        process = self._process
        until(lambda: process.poll() is not None or self._accepts(), lambda: f"an end or an answer:\n{self.log()}")
        return process.poll() is None

    def _accepts(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client, suppress(OSError):
            client.connect(str(self.config.vpp_api))
            return True
        return False

    def writes_its_pid(self) -> None:
        """Waits for the pid file, which may come a moment after the socket."""
        until((self.config.vpp_run / "vpp.pid").exists, lambda: f"there is a pid file:\n{self.log()}")

    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def remove(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait(timeout=10)
        subprocess.run(["ip", "netns", "del", self.netns], check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def vpp() -> Iterator[Vpp]:
    with tempfile.TemporaryDirectory(prefix="vs") as directory:
        vpp = Vpp(Path(directory))
        try:
            yield vpp
        finally:
            vpp.remove()


def knows_dpdk() -> bool:
    """Has this VPP the DPDK plugin? vppsim reads all stanzas."""
    beside = Path(REAL).resolve().parents[1].glob("lib/**/vpp_plugins/dpdk_plugin.so")
    return not REAL or any(beside) or any(Path(place, "dpdk_plugin.so").exists() for place in PLUGINS.split(":"))


@pytest.mark.parametrize("driver", UPLINK_DRIVERS, ids=lambda driver: driver.name)
def test_vpp_takes_what_is_rendered_for_each_driver(vpp: Vpp, driver: object) -> None:
    [of_name] = [known for known in UPLINK_DRIVERS if known is driver]
    link = CapturedLink(name="eth0", mac="02:90:00:00:00:07", mtu=1500, pci="0000:ff:1f.7")
    vpp.start(StartupConfUplink(link, UplinkSpec(interfaceName="eth0", vppDriver=of_name.name), of_name))
    if of_name.name == "dpdk" and not knows_dpdk():
        assert not vpp.answers()
        assert "unknown input `dpdk" in vpp.log()
        return
    assert vpp.answers(), vpp.log()
    vpp.writes_its_pid()
    if REAL:
        assert {"cli.sock", "stats.sock"} <= {path.name for path in vpp.config.vpp_run.iterdir()}
