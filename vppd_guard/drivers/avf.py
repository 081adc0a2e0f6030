"""avf: an Intel virtual function by VPP's device framework (driver "iavf"), the function bound to VFIO.

The uplink is a virtual function, or a physical function: then a virtual one is made and given the uplink's MAC address,
and the physical one waits in VPP's namespace, because the host's tap needs its name.
"""

from collections.abc import Sequence

from pyroute2 import IPRoute

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import DevicePortIntent, Intent
from vppd_guard.drivers import links, pci
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine, pci_device_path
from vppd_guard.drivers.names import uplink_intent_name, uplink_vpp_tag
from vppd_guard.drivers.rings import ring_size_problems
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep

_KERNEL_DRIVER = "iavf"
_INTEL = "8086"
_RING = (32, 4096)  # descriptors; VPP: src/drivers/iavf/iavf.c
_VF_NUMBER = 0  # the number of the virtual function that is made


class AvfDriver(UplinkDriver):
    """Not automatic: it needs a virtual function, which somebody has to choose or to allow."""

    name = "avf"
    messages = ("dev_attach", "dev_create_port_if")

    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> list[str]:
        if _is_virtual_function(link, machine):
            return pci.obstacles_to_pci_bind(machine, link.pci, pci.VFIO_PCI_DRIVER) + ring_size_problems(spec, *_RING)
        return (
            links.obstacles_to_move_link(link)
            + _obstacles_to_virtual_function(link, machine)
            + ring_size_problems(spec, *_RING)
        )

    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        if _is_virtual_function(link, machine):
            return pci.vfio_binding_steps(machine, link.pci, link.name)
        function_words = f"virtual function {_VF_NUMBER} of {link.name}"
        number = f"{pci_device_path(link.pci)}/sriov_numvfs"
        steps = [
            pci.kernel_setting_step(machine, number, str(_VF_NUMBER + 1), f"make {function_words}"),
            vf_settings_step(link),
        ]
        steps += pci.vfio_noiommu_steps(machine, machine.device(link.pci))
        steps.append(
            pci.bind_pci_driver_step(
                machine, lambda: _virtual_function(link, machine), pci.VFIO_PCI_DRIVER, function_words
            )
        )
        return (*steps, links.move_link_step(link, config.vpp_netns))

    def interface_intent(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Intent:
        return DevicePortIntent(
            name=uplink_intent_name(link.name),
            pci=_virtual_function(link, machine),
            driver="iavf",
            mac=link.mac,
            tag=uplink_vpp_tag(link.name),
            rx_queues=spec.rx_queues,
            tx_queues=spec.tx_queues,
            rx_ring=spec.rx_ring,
            tx_ring=spec.tx_ring,
        )


def _is_virtual_function(link: CapturedLink, machine: HostMachine) -> bool:
    """Is the uplink a virtual function? Its driver tells: a virtual machine does not show the physical one."""
    device = machine.device(link.pci)
    return link.driver == _KERNEL_DRIVER or bool(device and device.physical)


def _virtual_function(link: CapturedLink, machine: HostMachine) -> str:
    """PCI address of the virtual function for VPP; "": it has not been made yet."""
    if _is_virtual_function(link, machine):
        return link.pci
    device = machine.device(link.pci)
    return device.vfs[_VF_NUMBER] if device and len(device.vfs) > _VF_NUMBER else ""


def _obstacles_to_virtual_function(link: CapturedLink, machine: HostMachine) -> list[str]:
    """Why no virtual function can be made of the link's device."""
    device = machine.device(link.pci)
    if device is None:
        return ["it is no PCI device"]
    wrong = []
    if device.vendor != _INTEL:
        wrong.append(f"its vendor is {device.vendor}, not Intel ({_INTEL})")
    if not device.vfs_max:
        wrong.append("it can have no virtual functions")
    if device.vfs:
        wrong.append(f"it has virtual functions already ({', '.join(device.vfs)}): name the link of one as the uplink")
    if not machine.has_kernel_driver(pci.VFIO_PCI_DRIVER):
        wrong.append(f"kernel driver {pci.VFIO_PCI_DRIVER} is not loaded")
    elif not device.iommu_group and not machine.noiommu():
        wrong.append(pci.NO_IOMMU_PROBLEM)
    return wrong


def vf_settings_step(link: CapturedLink) -> LinuxStep:
    """The virtual function may use the uplink's MAC address and others, as those of the pods behind VPP."""

    def change() -> None:
        with IPRoute() as ip:
            index = ip.link_lookup(ifname=link.name)[0]
            for setting in ({"mac": link.mac}, {"trust": 1}, {"spoofchk": 0}):
                ip.link("set", index=index, vf={"vf": _VF_NUMBER, **setting})

    def holds() -> str:
        with IPRoute() as ip:
            [message] = ip.link("get", ifname=link.name, ext_mask=1)  # RTEXT_FILTER_VF
        functions = message.get_attr("IFLA_VFINFO_LIST")
        settings = [info.get_attr("IFLA_VF_MAC") for info in functions.get_attrs("IFLA_VF_INFO")] if functions else []
        macs = {setting["vf"]: setting["mac"] for setting in settings}
        now = macs.get(_VF_NUMBER, "none")
        return "" if now == link.mac else f"virtual function {_VF_NUMBER} has the MAC address {now}, not {link.mac}"

    return LinuxStep(title=f"give virtual function {_VF_NUMBER} the MAC address {link.mac}", do=change, holds=holds)
