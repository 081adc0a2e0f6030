"""The steps that change a link, on real links in namespaces."""

import ctypes
import os
import subprocess
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pyroute2.netlink.exceptions import NetlinkError

from tests.iproute import ip, ip_json
from vppd_guard.drivers import avf, links, pci
from vppd_guard.drivers.channels import NicChannels, nic_channels, set_nic_channels
from vppd_guard.linux import namespaces
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.namespaces import CLONE_NEWNET, NETNS_DIRECTORY
from vppd_guard.undo.records import LinkMovedRecord
from vppd_guard.undo.step import LinuxStep

LINK = CapturedLink(name="eth0", mac="02:90:00:00:00:07", mtu=1500)
T = TypeVar("T")


class Host:
    """A host and VPP's place, each a namespace; the host's eth0 is a veth with four queues."""

    def __init__(self, tag: str) -> None:
        self.name, self.vpp = f"{tag}-host", f"{tag}-vpp"
        self._thread = ThreadPoolExecutor(1, initializer=self._enter)

    def make(self) -> None:
        ip("netns", "add", self.name)
        veth = "link add eth0 numrxqueues 4 numtxqueues 4 type veth peer name far numrxqueues 4 numtxqueues 4"
        ip("-n", self.name, *veth.split())
        ip("-n", self.name, "link", "set", "eth0", "address", LINK.mac, "mtu", "9000", "up")

    def remove(self) -> None:
        self._thread.shutdown()
        for netns in (self.name, self.vpp):
            subprocess.run(["ip", "netns", "del", netns], check=False, stderr=subprocess.DEVNULL)

    def does(self, work: Callable[[], T]) -> T:
        """Runs `work` in the host's namespace."""
        return self._thread.submit(work).result(timeout=30)

    def takes(self, step: LinuxStep) -> None:
        """The step is needed, taken, and has its effect."""
        assert self.does(step.needs) == ""
        assert self.does(step.holds) != ""
        self.does(step.do)
        assert self.does(step.holds) == ""

    def _enter(self) -> None:
        with (NETNS_DIRECTORY / self.name).open() as netns_file:
            assert ctypes.CDLL(None).setns(netns_file.fileno(), CLONE_NEWNET) == 0


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Host]:
    machine = Host(f"ds{os.getpid() % 10000}{tmp_path.name[-2:]}")
    try:
        machine.make()
        yield machine
    finally:
        machine.remove()


def link_in(netns: str, name: str = "eth0") -> dict[str, Any]:
    """What `ip -d link` tells of a link; nothing: it is not there."""
    with suppress(subprocess.CalledProcessError):
        return ip_json("-d link show", name, netns=netns)[0]
    return {}


def test_a_link_is_made_promiscuous_and_moves(host: Host) -> None:
    host.takes(links.promiscuous_link_step(LINK))
    assert link_in(host.name)["promiscuity"] == 1
    step = links.move_link_step(LINK, host.vpp)
    assert host.does(step.undo) == LinkMovedRecord("eth0", host.vpp)
    assert host.does(step.needs) == ""
    host.does(step.do)
    assert host.does(step.holds) == ""
    assert link_in(host.name) == {}
    assert "UP" in link_in(host.vpp)["flags"]


def test_a_link_that_is_not_there_cannot_move(host: Host) -> None:
    ip("-n", host.name, "link", "del", "eth0")
    assert host.does(links.move_link_step(LINK, host.vpp).needs) == "eth0: no such link"


def test_a_link_that_may_be_gone_moves_if_it_is_there(host: Host) -> None:
    step = links.move_link_step(LINK, host.vpp, must=False)
    assert host.does(step.undo) == LinkMovedRecord("eth0", host.vpp)
    host.does(step.do)
    assert host.does(step.holds) == ""
    assert "UP" in link_in(host.vpp)["flags"]
    ip("-n", host.vpp, "link", "del", "eth0")
    assert host.does(step.undo) is None
    assert host.does(step.needs) == ""
    host.does(step.do)
    assert host.does(step.holds) == ""


def test_an_mtu_is_lowered(host: Host) -> None:
    host.takes(links.link_mtu_step(LINK, 3072))
    assert link_in(host.name)["mtu"] == 3072


def test_queues_are_counted_and_set(host: Host) -> None:
    assert host.does(lambda: nic_channels("eth0")) == NicChannels(4, 4)
    host.takes(links.link_queues_step(LINK, 2, must=True))
    assert host.does(lambda: nic_channels("eth0")) == NicChannels(2, 4)


def test_queues_that_a_link_cannot_have_are_an_error_only_if_they_were_asked_for(host: Host) -> None:
    with pytest.raises(OSError, match="Invalid argument"):
        host.does(links.link_queues_step(LINK, 9, must=True).do)
    step = links.link_queues_step(LINK, 9, must=False)
    host.does(step.do)
    assert host.does(step.holds) == ""
    assert host.does(lambda: nic_channels("eth0")) == NicChannels(4, 4)


def test_links_that_do_not_tell_their_queues(host: Host) -> None:
    assert host.does(lambda: nic_channels("lo")) is None
    with pytest.raises(OSError, match="lo: its driver does not tell"):
        host.does(lambda: set_nic_channels("lo", 2))
    with pytest.raises(OSError, match="no such link: 'gone'"):
        host.does(lambda: nic_channels("gone"))


def test_a_link_without_virtual_functions_refuses_settings_of_one(host: Host) -> None:
    step = avf.vf_settings_step(LINK)
    assert host.does(step.holds) == f"virtual function 0 has the MAC address none, not {LINK.mac}"
    with pytest.raises(NetlinkError, match="not supported"):
        host.does(step.do)


def test_a_link_is_renamed_once_its_name_is_free(host: Host) -> None:
    ip("-n", host.name, "link", "add", "dev5", "type", "bridge")
    with ThreadPoolExecutor(1) as aside:
        renaming = aside.submit(lambda: host.does(lambda: pci.rename_link("dev5", "eth0")))
        assert not renaming.done()
        ip("-n", host.name, "link", "del", "eth0")
        renaming.result(timeout=10)
    assert link_in(host.name)["linkinfo"]["info_kind"] == "bridge"


def test_a_link_whose_name_stays_taken_is_named(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pci, "RESTORE_S_MAX", 0.1)
    ip("-n", host.name, "link", "add", "dev5", "type", "bridge")
    with pytest.raises(TimeoutError, match="dev5: the name eth0 is taken"):
        host.does(lambda: pci.rename_link("dev5", "eth0"))


def test_making_a_namespace_stacks_no_mounts(host: Host) -> None:
    def mounts() -> int:
        lines = Path("/proc/self/mountinfo").read_text().splitlines()
        return sum(line.split()[4].startswith(str(NETNS_DIRECTORY.resolve())) for line in lines)

    host.does(links.move_link_step(LINK, host.vpp).do)
    before, more = mounts(), f"{host.vpp}2"
    namespaces.create_netns(more)
    try:
        assert namespaces.netns_exists(more)
        assert mounts() == before + 1
    finally:
        subprocess.run(["ip", "netns", "del", more], check=True)
