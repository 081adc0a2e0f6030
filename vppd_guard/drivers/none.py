"""none: the user's own startup.conf or startup.exec makes the interface, and tags it `main-<link>`."""

from collections.abc import Sequence

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import Existing, Intent
from vppd_guard.captured import Captured
from vppd_guard.drivers import links, pci
from vppd_guard.drivers.machine import Machine
from vppd_guard.drivers.names import uplink_name, uplink_tag
from vppd_guard.steps import Step


class NoDriver:
    """The link is got out of the host's way: to another kernel driver if one is named, else to VPP's namespace."""

    name = "none"
    automatic = False
    messages: tuple[str, ...] = ("sw_interface_set_mac_address",)
    plugins: tuple[str, ...] = ()
    sees_wire = False
    mtu_max = 0

    def unfit(self, link: Captured, spec: UplinkSpec, machine: Machine) -> list[str]:
        return pci.unfit_for(machine, link.pci, spec.newDriver) if spec.newDriver else links.unfit_to_move(link)

    def before(self, link: Captured, spec: UplinkSpec, config: NodeConfig, machine: Machine) -> Sequence[Step]:
        if spec.newDriver:
            return pci.vfio_steps(machine, link.pci, link.name, spec.newDriver)
        return (links.move_step(link, config.vpp_netns),)

    def after(self, link: Captured, spec: UplinkSpec, config: NodeConfig, machine: Machine) -> Sequence[Step]:
        return ()

    def intent(self, link: Captured, spec: UplinkSpec, config: NodeConfig, machine: Machine) -> Intent:
        return Existing(name=uplink_name(link), mac=link.mac, tag=uplink_tag(link))

    def rx_mode(self, spec: UplinkSpec) -> str:
        return spec.rx_mode("default")
