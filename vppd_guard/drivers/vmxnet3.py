"""vmxnet3: VPP's own driver for VMware's NIC, the device bound to VFIO."""

from collections.abc import Sequence

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import Intent, Vmxnet3Intent
from vppd_guard.drivers import pci
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.names import uplink_intent_name, uplink_vpp_tag
from vppd_guard.drivers.rings import ring_size_problems
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep

_KERNEL_DRIVER = "vmxnet3"
_PCI_DOMAIN_MAX = 0xFFFF  # VPP: vmxnet3_create has 16 bits for it
_RING = (64, 4096, 64)  # descriptors, in steps of; VPP: vmxnet3_queue_size_valid


class Vmxnet3Driver(UplinkDriver):
    """The device leaves Linux's driver; it has no network device while VPP has it."""

    name = "vmxnet3"
    automatic = True
    messages = ("vmxnet3_create",)
    plugins = ("vmxnet3_plugin.so",)

    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> list[str]:
        wrong = pci.obstacles_to_pci_bind(machine, link.pci, pci.VFIO_PCI_DRIVER)
        if link.driver not in (_KERNEL_DRIVER, pci.VFIO_PCI_DRIVER):
            wrong.append(f"its kernel driver is {link.driver or 'none'}, not {_KERNEL_DRIVER}")
        if link.pci and int(link.pci.partition(":")[0], 16) > _PCI_DOMAIN_MAX:
            wrong.append(f"VPP cannot name the PCI domain of {link.pci}")
        return wrong + ring_size_problems(spec, *_RING)

    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        return pci.vfio_binding_steps(machine, link.pci, link.name)

    def interface_intent(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Intent:
        return Vmxnet3Intent(
            name=uplink_intent_name(link.name),
            pci=link.pci,
            mac=link.mac,
            tag=uplink_vpp_tag(link.name),
            gso=config.debug.gsoEnabled,
            rx_queues=spec.rx_queues,
            tx_queues=spec.tx_queues,
            rx_ring=spec.rx_ring,
            tx_ring=spec.tx_ring,
        )
