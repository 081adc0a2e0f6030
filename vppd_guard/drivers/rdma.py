"""rdma: VPP drives a Mellanox NIC by RDMA verbs, beside Linux's driver.

VPP finds the RDMA device through sysfs, which shows the link only in the host's namespace. So the link moves after VPP
has its interface, because the host's tap needs its name.
"""

from collections.abc import Sequence

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import Intent, RdmaIntent
from vppd_guard.drivers import links
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.names import uplink_intent_name, uplink_vpp_tag
from vppd_guard.drivers.rings import ring_size_problems
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep

_KERNEL_DRIVER = "mlx5_core"
_RING = (256, 32768)  # descriptors; VPP: rdma_create_v4


class RdmaDriver(UplinkDriver):
    """The link stays a Linux link; packets go past it."""

    name = "rdma"
    automatic = True
    messages = ("rdma_create_v4",)
    plugins = ("rdma_plugin.so",)

    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> list[str]:
        wrong = links.obstacles_to_move_link(link)
        if link.driver != _KERNEL_DRIVER:
            wrong.append(f"its kernel driver is {link.driver or 'none'}, not {_KERNEL_DRIVER}")
        elif not machine.is_rdma_shared():
            wrong.append("RDMA devices are bound to network namespaces (rdma system set netns shared)")
        return wrong + ring_size_problems(spec, *_RING)

    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        return ()

    def steps_after_interface(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        return (links.move_link_step(link, config.vpp_netns),)

    def interface_intent(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Intent:
        return RdmaIntent(
            name=uplink_intent_name(link.name),
            host_interface=link.name,
            mac=link.mac,
            tag=uplink_vpp_tag(link.name),
            rx_queues=spec.rx_queues,
            rx_ring=spec.rx_ring,
            tx_ring=spec.tx_ring,
        )
