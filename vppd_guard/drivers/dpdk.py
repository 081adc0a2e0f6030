"""dpdk: a device of DPDK's, made by startup.conf (its stanza: `vpp/startup_conf.py`) and found by its tag."""

from collections.abc import Sequence

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import Intent, PreconfiguredInterfaceIntent
from vppd_guard.drivers import pci
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import VFIO_NOIOMMU_FILE, HostMachine
from vppd_guard.drivers.names import uplink_intent_name, uplink_vpp_tag
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep

_BESIDE_LINUX = ("mlx4_core", "mlx5_core")  # DPDK drives these without taking them from Linux


class DpdkDriver(UplinkDriver):
    """Not automatic: VPP's DPDK plugin takes memory and time at every start."""

    name = "dpdk"
    rx_mode_default = "default"  # not all of DPDK's drivers can do without polling
    messages = ("sw_interface_set_mac_address",)
    plugins = ("dpdk_plugin.so",)

    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> list[str]:
        driver = _kernel_driver(link, spec)
        wrong = pci.obstacles_to_pci_bind(machine, link.pci, driver)
        if driver in _BESIDE_LINUX:
            wrong.append(f"its link would stay in the host, and in the way of the tap ({driver}): vppDriver rdma")
        device = machine.device(link.pci)
        if driver == pci.VFIO_PCI_DRIVER and device and not device.iommu_group and not machine.has_hugepages():
            wrong.append("without an IOMMU and without hugepages DPDK has no memory that the device can reach")
        return wrong

    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        driver, device = _kernel_driver(link, spec), machine.device(link.pci)
        guarded = driver == pci.VFIO_PCI_DRIVER and device is not None and bool(device.iommu_group)
        steps = []
        # Where VFIO may do without an IOMMU, DPDK insists on physical addresses, which need hugepages.
        if guarded and not machine.has_hugepages() and machine.noiommu() == "Y":
            steps.append(pci.kernel_setting_step(machine, VFIO_NOIOMMU_FILE, "N", "VFIO with the IOMMU"))
        return (*steps, *pci.vfio_binding_steps(machine, link.pci, link.name, driver))

    def interface_intent(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Intent:
        return PreconfiguredInterfaceIntent(
            name=uplink_intent_name(link.name), mac=link.mac, tag=uplink_vpp_tag(link.name)
        )


def _kernel_driver(link: CapturedLink, spec: UplinkSpec) -> str:
    """The kernel driver of the device at the time when VPP starts."""
    if spec.newDriver:
        return spec.newDriver
    return link.driver if link.driver in (*pci.USER_SPACE_DRIVERS, *_BESIDE_LINUX) else pci.VFIO_PCI_DRIVER
