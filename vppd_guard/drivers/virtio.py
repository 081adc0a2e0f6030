"""virtio: VPP's own driver for a virtio NIC, the device bound to VFIO."""

from collections.abc import Sequence

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import Intent, VirtioPciIntent
from vppd_guard.drivers import pci
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.names import uplink_intent_name, uplink_vpp_tag
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep

_KERNEL_DRIVER = "virtio-pci"


class VirtioDriver(UplinkDriver):
    """The device leaves Linux's driver; it has no network device while VPP has it."""

    name = "virtio"
    automatic = True
    messages = ("virtio_pci_create_v2",)

    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> list[str]:
        wrong = pci.obstacles_to_pci_bind(machine, link.pci, spec.newDriver or pci.VFIO_PCI_DRIVER)
        if link.driver not in (_KERNEL_DRIVER, *pci.USER_SPACE_DRIVERS):
            wrong.append(f"its kernel driver is {link.driver or 'none'}, not {_KERNEL_DRIVER}")
        if not spec.vppDriver and not machine.has_hugepages():
            wrong.append("no hugepage is free")
        return wrong

    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        return pci.vfio_binding_steps(machine, link.pci, link.name, spec.newDriver or pci.VFIO_PCI_DRIVER)

    def interface_intent(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Intent:
        return VirtioPciIntent(
            name=uplink_intent_name(link.name),
            pci=link.pci,
            mac=link.mac,
            tag=uplink_vpp_tag(link.name),
            gso=config.debug.gsoEnabled,
        )
