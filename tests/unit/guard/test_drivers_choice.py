"""Which driver takes which link, and why not another: machines that are recorded, not here."""

from pathlib import Path

import pytest

from schemas.config import UPLINK_DRIVER_NAMES as NAMES
from schemas.config import UplinkSpec
from tests.unit.guard.sysfs import machine, nic, put
from vppd_guard.drivers.machine import Hugepages
from vppd_guard.drivers.registry import UPLINK_DRIVERS, UplinkDriverChoice, choose_uplink_drivers, uplink_driver_named
from vppd_guard.linux.captured import CapturedLink

PCI = "0000:3b:00.0"


def link(driver: str = "", *, pci: str = PCI, kind: str = "", master: str = "", mtu: int = 1500) -> CapturedLink:
    """eth0, on that kernel driver."""
    return CapturedLink(name="eth0", mac="02:90:00:00:00:07", mtu=mtu, pci=pci, driver=driver, kind=kind, master=master)


def spec(driver: str = "", new: str = "", **fields: int) -> UplinkSpec:
    return UplinkSpec(interfaceName="eth0", vppDriver=driver, newDriver=new, **fields)  # type: ignore[arg-type]


def names(choice: UplinkDriverChoice) -> list[str]:
    return [driver.name for driver in choice.candidates]


def test_every_name_of_the_configuration_has_a_driver() -> None:
    assert {driver.name for driver in UPLINK_DRIVERS} == set(NAMES) - {""}
    assert uplink_driver_named("dpdk").name == "dpdk"


def test_the_automatic_order_is_that_of_the_reference() -> None:
    automatic = [driver.name for driver in UPLINK_DRIVERS if driver.automatic]
    assert automatic == ["virtio", "rdma", "vmxnet3", "af_xdp", "af_packet"]


@pytest.mark.parametrize(
    ("kernel_driver", "chosen"),
    [
        ("virtio-pci", ["virtio", "af_xdp", "af_packet"]),
        ("mlx5_core", ["rdma", "af_xdp", "af_packet"]),
        ("vmxnet3", ["vmxnet3", "af_xdp", "af_packet"]),
        ("e1000e", ["af_xdp", "af_packet"]),
    ],
)
def test_a_nic_gets_its_own_driver_first(tmp_path: Path, kernel_driver: str, chosen: list[str]) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, kernel_driver, link="eth0")
    choice = choose_uplink_drivers(link(kernel_driver), spec(), tree)
    assert names(choice) == chosen
    assert set(choice.passed_over) == {"virtio", "rdma", "vmxnet3"} - set(chosen)
    assert all(f"its kernel driver is {kernel_driver}" in reason for reason in choice.passed_over.values())


def test_a_link_without_a_device_gets_af_packet(tmp_path: Path) -> None:
    choice = choose_uplink_drivers(link(pci="", kind="veth"), spec(), machine(tmp_path))
    assert names(choice) == ["af_packet"]
    assert "no PCI device" in choice.passed_over["virtio"]


@pytest.mark.parametrize(
    ("kernel", "old"), [("5.3.18-150", True), ("5.4.0", False), ("6.1.0-13", False), ("5.10", False)]
)
def test_kernel_versions_are_compared_as_a_whole(tmp_path: Path, kernel: str, old: bool) -> None:
    tree = machine(tmp_path, kernel=kernel)
    choice = choose_uplink_drivers(link("e1000e"), spec("af_xdp"), tree)
    assert names(choice) == ([] if old else ["af_xdp"])
    assert ("it needs Linux 5.4" in choice.passed_over.get("af_xdp", "")) is old


@pytest.mark.parametrize("kind", ["bond", "bridge"])
def test_a_link_that_cannot_leave_the_host_is_refused(tmp_path: Path, kind: str) -> None:
    choice = choose_uplink_drivers(link(pci="", kind=kind), spec(), machine(tmp_path))
    assert names(choice) == []
    assert f"a {kind} cannot be moved" in choice.passed_over["af_packet"]


def test_a_port_of_a_bridge_is_refused(tmp_path: Path) -> None:
    choice = choose_uplink_drivers(link("e1000e", master="br0"), spec("af_packet"), machine(tmp_path))
    assert choice.passed_over == {"af_packet": "it is a port of br0"}


def test_without_a_free_hugepage_virtio_is_passed_over_but_may_be_named(tmp_path: Path) -> None:
    tree = machine(tmp_path, free=0)
    nic(tree, PCI, "virtio-pci", link="eth0")
    assert choose_uplink_drivers(link("virtio-pci"), spec(), tree).passed_over["virtio"] == "no hugepage is free"
    assert names(choose_uplink_drivers(link("virtio-pci"), spec("virtio"), tree)) == ["virtio"]


def test_free_hugepages_are_those_that_the_container_may_have(tmp_path: Path) -> None:
    tree = machine(tmp_path, free=64)
    assert tree.hugepages() == (Hugepages(2 << 20, 128, 64),)
    put(tree, "/sys/fs/cgroup/hugetlb.2MB.max", "8388608\n")
    put(tree, "/sys/fs/cgroup/hugetlb.2MB.current", "4194304\n")
    assert tree.hugepages() == (Hugepages(2 << 20, 128, 2),)
    put(tree, "/sys/fs/cgroup/hugetlb.2MB.max", "0\n")
    assert not tree.has_hugepages()


def test_where_the_kernel_shows_no_sizes_the_default_one_counts(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    (tmp_path / "sys/kernel/mm/hugepages").rename(tmp_path / "gone")
    assert tree.hugepages() == ()
    put(tree, "/proc/meminfo", "HugePages_Total:      16\nHugePages_Free:        3\nHugepagesize:       2048 kB\n")
    assert tree.hugepages() == (Hugepages(2 << 20, 16, 3),)


def test_vfio_needs_an_iommu_or_leave_to_do_without(tmp_path: Path) -> None:
    for number, (mode, fits) in enumerate([("", False), ("N", True), ("Y", True)]):
        tree = machine(tmp_path / str(number), noiommu=mode)
        nic(tree, PCI, "vmxnet3", link="eth0", group="")
        choice = choose_uplink_drivers(link("vmxnet3"), spec("vmxnet3"), tree)
        assert names(choice) == (["vmxnet3"] if fits else [])
        assert ("no IOMMU guards it" in choice.passed_over.get("vmxnet3", "")) is not fits


def test_vfio_needs_the_whole_iommu_group(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "virtio-pci", link="eth0")
    nic(tree, "0000:3b:00.1", "pcieport")
    assert names(choose_uplink_drivers(link("virtio-pci"), spec("virtio"), tree)) == ["virtio"]
    nic(tree, "0000:3b:00.2", "e1000e", link="eth1")
    [reason] = choose_uplink_drivers(link("virtio-pci"), spec("virtio"), tree).passed_over.values()
    assert reason == "its IOMMU group 17 is shared with 0000:3b:00.2 (e1000e)"


def test_a_group_that_vfio_made_up_is_no_iommu(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "virtio-pci", link="eth0")
    device = tree.device(PCI)
    assert device is not None
    assert device.iommu_group == "17"
    name = tmp_path / "sys/kernel/iommu_groups/17/name"
    name.write_text("vfio-noiommu\n")
    group = tmp_path / f"sys/bus/pci/devices/{PCI}/iommu_group"
    group.unlink()
    group.symlink_to(name.parent)
    device = tree.device(PCI)
    assert device is not None
    assert device.iommu_group == ""


def test_a_kernel_driver_that_is_not_loaded_is_named(tmp_path: Path) -> None:
    tree = machine(tmp_path, drivers=())
    nic(tree, PCI, "virtio-pci", link="eth0")
    for driver, new in [("virtio", "vfio-pci"), ("dpdk", "uio_pci_generic"), ("none", "igb_uio")]:
        choice = choose_uplink_drivers(link("virtio-pci"), spec(driver, new), tree)
        assert choice.passed_over == {driver: f"kernel driver {new} is not loaded"}


def test_rings_that_vpp_does_not_take_are_named(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "vmxnet3", link="eth0")
    [reason] = choose_uplink_drivers(link("e1000e"), spec("af_xdp", rxqsz=1000), tree).passed_over.values()
    assert reason == "rxqsz is 1000, not a power of two from 256 to 32768"
    [reason] = choose_uplink_drivers(link("vmxnet3"), spec("vmxnet3", txqsz=1000), tree).passed_over.values()
    assert reason == "txqsz is 1000, not a multiple of 64 from 64 to 4096"


def test_a_pci_domain_other_than_0_is_one_that_vmxnet3_takes(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    for pci, fits in [("0001:0b:00.0", True), ("10000:0b:00.0", False)]:
        nic(tree, pci, "vmxnet3", link="eth0")
        assert names(choose_uplink_drivers(link("vmxnet3", pci=pci), spec("vmxnet3"), tree)) == (
            ["vmxnet3"] if fits else []
        )


def test_rdma_needs_devices_that_all_namespaces_see(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "mlx5_core", link="eth0", vendor="15b3")
    put(tree, "/sys/module/ib_core/parameters/netns_mode", "N\n")
    [reason] = choose_uplink_drivers(link("mlx5_core"), spec("rdma"), tree).passed_over.values()
    assert "bound to network namespaces" in reason


def test_dpdk_is_refused_where_the_link_would_stay_in_the_host(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "mlx5_core", link="eth0", vendor="15b3")
    [reason] = choose_uplink_drivers(link("mlx5_core"), spec("dpdk"), tree).passed_over.values()
    assert "vppDriver rdma" in reason


def test_dpdk_without_an_iommu_needs_hugepages(tmp_path: Path) -> None:
    tree = machine(tmp_path, free=0)
    nic(tree, PCI, "e1000e", link="eth0", group="")
    assert "hugepages" in choose_uplink_drivers(link("e1000e"), spec("dpdk"), tree).passed_over["dpdk"]


def test_avf_needs_a_virtual_function_or_a_nic_that_can_have_one(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "i40e", link="eth0", vfs_max=32)
    assert names(choose_uplink_drivers(link("i40e"), spec("avf"), tree)) == ["avf"]
    nic(tree, "0000:3b:02.0", "iavf", link="eth1", group="70")
    assert names(choose_uplink_drivers(link("iavf", pci="0000:3b:02.0"), spec("avf"), tree)) == ["avf"]
    nic(tree, "0000:5e:00.0", "e1000e", link="eth2", vendor="1234")
    [reason] = choose_uplink_drivers(link("e1000e", pci="0000:5e:00.0"), spec("avf"), tree).passed_over.values()
    assert reason == "its vendor is 1234, not Intel (8086); it can have no virtual functions"
    tree.write(f"/sys/bus/pci/devices/{PCI}/sriov_numvfs", "1")
    [reason] = choose_uplink_drivers(link("i40e"), spec("avf"), tree).passed_over.values()
    assert "it has virtual functions already (0000:3b:00.1)" in reason
