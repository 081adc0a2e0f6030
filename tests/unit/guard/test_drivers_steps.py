"""What each driver does to Linux, in order, what undoes it, and what it asks of VPP."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from schemas.config import CalicoVppDebugConfig, NodeConfig, UplinkSpec
from schemas.intents import (
    AfPacketIntent,
    AfXdpIntent,
    DevicePortIntent,
    PreconfiguredInterfaceIntent,
    RdmaIntent,
    VirtioPciIntent,
    Vmxnet3Intent,
)
from tests.unit.guard.sysfs import Kernel, machine, nic, put
from tests.unit.guard.test_drivers_choice import PCI, link, spec
from vppd_guard.drivers import pci
from vppd_guard.drivers.channels import NicChannels
from vppd_guard.drivers.machine import VFIO_NOIOMMU_FILE
from vppd_guard.drivers.registry import UPLINK_DRIVERS, uplink_driver_named
from vppd_guard.undo.records import DriverBoundRecord, KernelSetRecord, UndoRecord
from vppd_guard.undo.step import LinuxStep

CONFIG = NodeConfig(vpp_netns="vpp")
DEVICE = f"/sys/bus/pci/devices/{PCI}"


def whats(steps: Sequence[LinuxStep]) -> list[str]:
    return [step.title for step in steps]


def take(steps: Sequence[LinuxStep]) -> list[UndoRecord]:
    """Takes the steps as the guard does: what is needed, the record, the change, the effect."""
    records = []
    for step in steps:
        assert step.needs() == "", step.title
        record = step.undo()
        step.do()
        assert step.holds() == "", step.title
        if record is not None:
            records.append(record)
    return records


def undo(tree: Kernel, records: list[UndoRecord]) -> None:
    """Undoes those that concern the kernel, the last first."""
    for record in reversed(records):
        match record:
            case DriverBoundRecord():
                pci.restore_kernel_driver(tree, record)
            case KernelSetRecord(path=path, before=before):
                tree.write(path, before)


def state(tree: Kernel) -> tuple[str, str, tuple[str, ...]]:
    device = tree.device(PCI)
    assert device is not None
    return device.driver, tree.read(VFIO_NOIOMMU_FILE), device.links


def test_af_packet_makes_the_link_promiscuous_and_moves_it() -> None:
    driver = uplink_driver_named("af_packet")
    steps = driver.steps_before_vpp(link(), spec("af_packet"), CONFIG, Kernel())
    assert whats(steps) == ["make eth0 promiscuous", "move eth0 to the namespace vpp"]


def test_af_packet_is_asked_for_as_configured() -> None:
    configured = UplinkSpec(
        interfaceName="eth0", rx=2, rxqsz=512, annotations={"AfPacketUseV3": "true", "AfPacketQdiscBypass": "1"}
    )
    assert uplink_driver_named("af_packet").interface_intent(link(), configured, CONFIG, Kernel()) == AfPacketIntent(
        name="uplink/eth0",
        host_interface="eth0",
        mac="02:90:00:00:00:07",
        tag="main-eth0",
        rx_frames_per_block=512,
        tx_frames_per_block=1024,
        rx_queues=2,
        tx_queues=1,
        qdisc_bypass=True,
        v3=True,
    )


@pytest.mark.parametrize(
    ("queues", "rx", "lines"),
    [
        (NicChannels(4, 8), 0, ["give eth0 1 receive queues"]),
        (NicChannels(4, 8), 8, ["give eth0 8 receive queues"]),
        (NicChannels(4, 8), 4, []),
        (NicChannels(1, 1), 0, []),
        (None, 0, []),
        (None, 2, ["give eth0 2 receive queues"]),
    ],
)
def test_af_xdp_gives_the_link_as_many_queues_as_are_read(
    monkeypatch: pytest.MonkeyPatch, queues: NicChannels | None, rx: int, lines: list[str]
) -> None:
    monkeypatch.setattr("vppd_guard.drivers.af_xdp.nic_channels", lambda name: queues)
    steps = uplink_driver_named("af_xdp").steps_before_vpp(link(), spec("af_xdp", rx=rx), CONFIG, Kernel())
    assert whats(steps) == ["make eth0 promiscuous", *lines, "move eth0 to the namespace vpp"]


def test_af_xdp_lowers_an_mtu_that_is_too_great(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vppd_guard.drivers.af_xdp.nic_channels", lambda name: None)
    driver = uplink_driver_named("af_xdp")
    assert "set the MTU of eth0 to 3072" in whats(
        driver.steps_before_vpp(link(mtu=9000), spec("af_xdp"), CONFIG, Kernel())
    )
    assert driver.mtu_max == 3072


def test_af_xdp_reads_all_queues_unless_a_number_is_asked_for() -> None:
    for rx, queues in [(0, 0), (3, 3)]:
        intent = uplink_driver_named("af_xdp").interface_intent(link(), spec("af_xdp", rx=rx), CONFIG, Kernel())
        assert isinstance(intent, AfXdpIntent)
        assert (intent.rx_queues, intent.rx_ring, intent.host_interface) == (queues, 1024, "eth0")


@pytest.mark.parametrize(
    ("name", "kernel_driver"), [("virtio", "virtio-pci"), ("vmxnet3", "vmxnet3"), ("dpdk", "ixgbe")]
)
def test_a_device_goes_to_vfio_and_comes_back(tmp_path: Path, name: str, kernel_driver: str) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, kernel_driver, link="eth0")
    before = state(tree)
    steps = uplink_driver_named(name).steps_before_vpp(link(kernel_driver), spec(name), CONFIG, tree)
    assert whats(steps) == [f"bind {PCI} (eth0) to vfio-pci"]
    records = take(steps)
    assert records == [DriverBoundRecord(PCI, kernel_driver, "eth0")]
    assert state(tree) == ("vfio-pci", "N", ())
    assert whats(uplink_driver_named(name).steps_before_vpp(link(kernel_driver), spec(name), CONFIG, tree)) == []
    undo(tree, records)
    assert state(tree) == before
    assert tree.read(f"{DEVICE}/driver_override") == ""


def test_without_an_iommu_vfio_is_told_to_do_without_while_vpp_has_the_device(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "vmxnet3", link="eth0", group="")
    records = take(uplink_driver_named("vmxnet3").steps_before_vpp(link("vmxnet3"), spec("vmxnet3"), CONFIG, tree))
    assert records == [KernelSetRecord(VFIO_NOIOMMU_FILE, "N"), DriverBoundRecord(PCI, "vmxnet3", "eth0")]
    assert state(tree) == ("vfio-pci", "Y", ())
    undo(tree, records)
    assert state(tree) == ("vmxnet3", "N", ("eth0",))


def test_dpdk_without_hugepages_uses_the_iommu(tmp_path: Path) -> None:
    tree = machine(tmp_path, free=0, noiommu="Y")
    nic(tree, PCI, "ixgbe", link="eth0")
    records = take(uplink_driver_named("dpdk").steps_before_vpp(link("ixgbe"), spec("dpdk"), CONFIG, tree))
    assert records == [KernelSetRecord(VFIO_NOIOMMU_FILE, "Y"), DriverBoundRecord(PCI, "ixgbe", "eth0")]
    undo(tree, records)
    assert state(tree) == ("ixgbe", "Y", ("eth0",))


@pytest.mark.parametrize("name", ["virtio", "dpdk", "none"])
def test_the_kernel_driver_may_be_named(tmp_path: Path, name: str) -> None:
    tree = machine(tmp_path, drivers=("uio_pci_generic",))
    nic(tree, PCI, "virtio-pci", link="eth0", group="")
    records = take(
        uplink_driver_named(name).steps_before_vpp(link("virtio-pci"), spec(name, "uio_pci_generic"), CONFIG, tree)
    )
    assert state(tree)[0] == "uio_pci_generic"
    undo(tree, records)
    assert state(tree) == ("virtio-pci", "N", ("eth0",))


def test_only_the_uplink_s_own_device_is_touched(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "ixgbe", link="eth0")
    nic(tree, "0000:3b:00.1", "ixgbe", link="eth1", group="18")
    take(uplink_driver_named("dpdk").steps_before_vpp(link("ixgbe"), spec("dpdk"), CONFIG, tree))
    twin = tree.device("0000:3b:00.1")
    assert twin is not None
    assert (twin.driver, twin.links) == ("ixgbe", ("eth1",))
    assert not tree.path("/sys/bus/pci/drivers/vfio-pci/new_id").exists()


@pytest.mark.parametrize("name", ["rdma", "none"])
def test_a_link_that_vpp_looks_for_in_the_host_moves_once_vpp_has_it(name: str) -> None:
    driver = uplink_driver_named(name)
    assert whats(driver.steps_before_vpp(link("mlx5_core"), spec(name), CONFIG, Kernel())) == []
    assert whats(driver.steps_after_interface(link("mlx5_core"), spec(name), CONFIG, Kernel())) == [
        "move eth0 to the namespace vpp"
    ]


def test_other_links_have_left_before() -> None:
    drivers = [driver for driver in UPLINK_DRIVERS if driver.name not in ("rdma", "none")]
    assert all(driver.steps_after_interface(link(), spec(driver.name), CONFIG, Kernel()) == () for driver in drivers)
    assert uplink_driver_named("none").steps_after_interface(link(), spec("none", "vfio-pci"), CONFIG, Kernel()) == ()


def test_avf_makes_a_virtual_function_which_goes_again(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "i40e", link="eth0", vfs_max=32)
    driver = uplink_driver_named("avf")
    steps = driver.steps_before_vpp(link("i40e"), spec("avf"), CONFIG, tree)
    assert whats(steps) == [
        f"make virtual function 0 of eth0: {DEVICE}/sriov_numvfs says 1",
        "give virtual function 0 the MAC address 02:90:00:00:00:07",
        "bind virtual function 0 of eth0 to vfio-pci",
        "move eth0 to the namespace vpp",
    ]
    make, _, bind, _ = steps
    assert take([make, bind]) == [
        KernelSetRecord(f"{DEVICE}/sriov_numvfs", "0"),
        DriverBoundRecord("0000:3b:00.1", "iavf"),
    ]
    function = tree.device("0000:3b:00.1")
    assert function is not None
    assert function.driver == "vfio-pci"
    assert driver.interface_intent(link("i40e"), spec("avf"), CONFIG, tree) == DevicePortIntent(
        name="uplink/eth0", pci="0000:3b:00.1", driver="iavf", mac="02:90:00:00:00:07", tag="main-eth0"
    )


def test_avf_binds_a_virtual_function_that_is_the_uplink(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "iavf", link="eth0")
    driver = uplink_driver_named("avf")
    assert whats(driver.steps_before_vpp(link("iavf"), spec("avf"), CONFIG, tree)) == [f"bind {PCI} (eth0) to vfio-pci"]
    intent = driver.interface_intent(link("iavf"), spec("avf"), CONFIG, tree)
    assert isinstance(intent, DevicePortIntent)
    assert intent.pci == PCI


def test_each_driver_asks_vpp_for_its_own_interface(tmp_path: Path) -> None:
    config = NodeConfig(debug=CalicoVppDebugConfig(gsoEnabled=False))
    kinds = {
        "virtio": VirtioPciIntent,
        "vmxnet3": Vmxnet3Intent,
        "rdma": RdmaIntent,
        "dpdk": PreconfiguredInterfaceIntent,
        "none": PreconfiguredInterfaceIntent,
    }
    for name, kind in kinds.items():
        intent = uplink_driver_named(name).interface_intent(link(), spec(name), config, machine(tmp_path / name))
        assert isinstance(intent, kind)
        assert (intent.key, intent.mac, intent.tag) == ("interface/uplink/eth0", "02:90:00:00:00:07", "main-eth0")  # type: ignore[attr-defined]
        assert getattr(intent, "pci", PCI) == PCI
        assert getattr(intent, "gso", False) is False


def test_queues_are_read_as_configured_else_as_suits_the_driver() -> None:
    defaults = {driver.name: driver.rx_mode(spec(driver.name)) for driver in UPLINK_DRIVERS}
    assert defaults["af_packet"] == "interrupt"
    assert {name for name, mode in defaults.items() if mode == "default"} == {"dpdk", "none"}
    for driver in UPLINK_DRIVERS:
        assert driver.rx_mode(UplinkSpec(interfaceName="eth0", rxMode="polling")) == "polling"
        assert driver.rx_mode(UplinkSpec(interfaceName="eth0", rxMode="quick")) == defaults[driver.name]


def test_restoring_a_device_that_is_gone_is_no_error(tmp_path: Path) -> None:
    pci.restore_kernel_driver(machine(tmp_path), DriverBoundRecord("0000:99:00.0", "ixgbe", "eth0"))


def test_restoring_twice_changes_nothing_more(tmp_path: Path) -> None:
    tree = machine(tmp_path)
    nic(tree, PCI, "ixgbe", link="eth0")
    records = take(uplink_driver_named("dpdk").steps_before_vpp(link("ixgbe"), spec("dpdk"), CONFIG, tree))
    undo(tree, records)
    once = state(tree)
    undo(tree, records)
    assert state(tree) == once == ("ixgbe", "N", ("eth0",))


def test_a_network_device_that_does_not_come_back_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pci, "RESTORE_S_MAX", 0.05)
    tree = machine(tmp_path)
    nic(tree, PCI, "ixgbe", link="eth0")
    records = take(uplink_driver_named("dpdk").steps_before_vpp(link("ixgbe"), spec("dpdk"), CONFIG, tree))
    put(tree, f"{DEVICE}/makes", "")
    with pytest.raises(TimeoutError, match=f"{PCI}: no network device by ixgbe"):
        undo(tree, records)


def test_a_device_comes_back_under_its_former_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    renamed: list[tuple[str, str]] = []
    monkeypatch.setattr(pci, "rename_link", lambda old, new: renamed.append((old, new)))
    tree = machine(tmp_path)
    nic(tree, PCI, "ixgbe", link="eth0")
    records = take(uplink_driver_named("dpdk").steps_before_vpp(link("ixgbe"), spec("dpdk"), CONFIG, tree))
    put(tree, f"{DEVICE}/makes", "enp59s0f0")
    undo(tree, records)
    assert renamed == [("enp59s0f0", "eth0")]
