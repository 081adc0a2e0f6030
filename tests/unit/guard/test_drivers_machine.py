"""What is read of a machine, from recorded trees; and of this one, without an error."""

from pathlib import Path

import pytest

from tests.unit.guard.sysfs import machine, nic, put
from vppd_guard.drivers.machine import HostMachine, PciDevice


@pytest.mark.parametrize(
    ("text", "version"),
    [("6.1.0-13-amd64", (6, 1, 0)), ("5.10.16.3-microsoft", (5, 10, 16)), ("6.8", (6, 8, 0)), ("odd", ())],
)
def test_a_kernel_s_version_has_numbers(tmp_path: Path, text: str, version: tuple[int, ...]) -> None:
    assert machine(tmp_path, kernel=text).kernel_version() == version


def test_a_device_is_read_with_its_functions(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, "0000:3b:00.0", "i40e", link="eth0", vfs_max=12)
    for number in (10, 2):
        tree.path(f"/sys/bus/pci/devices/0000:3b:00.0/virtfn{number}").symlink_to(f"../0000:3b:02.{number}")
    assert tree.device("0000:3b:00.0") == PciDevice(
        pci="0000:3b:00.0",
        vendor="8086",
        device="154c",
        driver="i40e",
        iommu_group="17",
        links=("eth0",),
        vfs_max=12,
        vfs=("0000:3b:02.2", "0000:3b:02.10"),
    )
    assert tree.device("") is None
    assert tree.device("0000:99:00.0") is None


def test_a_virtual_function_knows_its_physical_one(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, "0000:3b:02.0", "iavf")
    tree.path("/sys/bus/pci/devices/0000:3b:02.0/physfn").symlink_to("../0000:3b:00.0")
    device = tree.device("0000:3b:02.0")
    assert device is not None
    assert device.physical == "0000:3b:00.0"


def test_the_link_of_a_virtio_nic_is_found_under_its_virtio_device(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, "0000:00:03.0", "virtio-pci", vendor="1af4")
    tree.path("/sys/bus/pci/devices/0000:00:03.0/virtio2/net/eth0").mkdir(parents=True)
    device = tree.device("0000:00:03.0")
    assert device is not None
    assert device.links == ("eth0",)


def test_the_first_cpu_is_the_container_s(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    assert tree.first_cpu() == ""
    put(tree, "/sys/fs/cgroup/cpuset.cpus", "\n")
    put(tree, "/sys/fs/cgroup/cpuset.cpus.effective", "0-7\n")
    assert tree.first_cpu() == "0"
    put(tree, "/sys/fs/cgroup/cpuset.cpus", "4,6-7\n")
    assert tree.first_cpu() == "4"


def test_how_much_memory_may_be_locked(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    assert tree.locked_memory_max() is None
    put(tree, "/proc/self/limits", "Max locked memory         8388608              8388608              bytes\n")
    assert tree.locked_memory_max() == 8388608
    put(tree, "/proc/self/limits", "Max locked memory         unlimited            unlimited            bytes\n")
    assert tree.locked_memory_max() is None


def test_whether_the_kernel_serves_taps(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    assert not tree.has_vhost_net()
    put(tree, "/dev/vhost-net", "")
    assert tree.has_vhost_net()


def test_this_machine_can_be_read() -> None:
    this_machine = HostMachine()
    assert this_machine.kernel_version() > (4,)
    assert all(pages.free <= pages.total for pages in this_machine.hugepages())
    for entry in Path("/sys/bus/pci/devices").glob("*"):
        device = this_machine.device(entry.name)
        assert device is not None
        assert len(device.vendor) == 4
