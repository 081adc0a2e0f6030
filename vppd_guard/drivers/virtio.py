"""virtio: VPP's own driver for a virtio NIC, the device bound to VFIO."""

from collections.abc import Sequence

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import Intent, VirtioPci
from vppd_guard.drivers import pci
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import Machine
from vppd_guard.drivers.names import uplink_name, uplink_tag
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep

_KERNEL_DRIVER = "virtio-pci"


class VirtioDriver(UplinkDriver):
    """The device leaves Linux's driver; it has no network device while VPP has it."""

    name = "virtio"
    automatic = True
    messages = ("virtio_pci_create_v2",)

    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: Machine) -> list[str]:
        wrong = pci.obstacles_to_bind(machine, link.pci, spec.newDriver or pci.VFIO)
        if link.driver not in (_KERNEL_DRIVER, *pci.USER_SPACE):
            wrong.append(f"its kernel driver is {link.driver or 'none'}, not {_KERNEL_DRIVER}")
        if not spec.vppDriver and not machine.has_hugepages():
            wrong.append("no hugepage is free")
        return wrong

    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: Machine
    ) -> Sequence[LinuxStep]:
        return pci.vfio_steps(machine, link.pci, link.name, spec.newDriver or pci.VFIO)

    def interface_intent(self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: Machine) -> Intent:
        return VirtioPci(
            name=uplink_name(link.name),
            pci=link.pci,
            mac=link.mac,
            tag=uplink_tag(link.name),
            gso=config.debug.gsoEnabled,
        )
