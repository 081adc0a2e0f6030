"""none: the user's own startup.conf or startup.exec makes the interface and tags it `main-<link>`."""

from collections.abc import Sequence

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import Intent, PreconfiguredInterfaceIntent
from vppd_guard.drivers import links, pci
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.names import uplink_intent_name, uplink_vpp_tag
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep


class UserDefinedDriver(UplinkDriver):
    """The device goes to another kernel driver, if the configuration names one.

    Else the link waits until VPP has run its startup.exec, which may look for it in the host; then it moves to VPP's
    namespace, because the host's tap needs its name.
    """

    name = "none"
    rx_mode_default = "default"
    messages = ("sw_interface_set_mac_address",)

    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> list[str]:
        return (
            pci.obstacles_to_pci_bind(machine, link.pci, spec.newDriver)
            if spec.newDriver
            else links.obstacles_to_move_link(link)
        )

    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        return pci.vfio_binding_steps(machine, link.pci, link.name, spec.newDriver) if spec.newDriver else ()

    def steps_after_interface(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        return () if spec.newDriver else (links.move_link_step(link, config.vpp_netns, must=False),)

    def interface_intent(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Intent:
        return PreconfiguredInterfaceIntent(
            name=uplink_intent_name(link.name), mac=link.mac, tag=uplink_vpp_tag(link.name)
        )
