"""AF_XDP: an XDP program hands the link's packets to VPP past Linux's stack.

Packets that arrive on a queue which VPP does not read are lost, so the link is given the configured number of queues
first. Without a configured number VPP takes all queues, if the link cannot do with one. A frame has to fit into a page:
the MTU is at most 3072.
"""

from collections.abc import Sequence

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import AfXdpIntent, Intent
from vppd_guard.drivers import links
from vppd_guard.drivers.channels import NicChannels, nic_channels
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.names import uplink_intent_name, uplink_vpp_tag
from vppd_guard.drivers.rings import ring_size_problems
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep

_KERNEL_MIN = (5, 4)
_MTU_MAX = 3072
_RING = (256, 32768)  # descriptors


class AfXdpDriver(UplinkDriver):
    """The link goes to VPP's namespace and stays a Linux link."""

    name = "af_xdp"
    automatic = True
    messages = ("af_xdp_create_v3", "sw_interface_set_mac_address")
    plugins = ("af_xdp_plugin.so",)
    mtu_max = _MTU_MAX

    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> list[str]:
        wrong = links.obstacles_to_move_link(link)
        if machine.kernel_version() < _KERNEL_MIN:
            wrong.append(
                f"it needs Linux {'.'.join(map(str, _KERNEL_MIN))}, this is {machine.kernel_version() or 'unknown'}"
            )
        if not link.pci and not spec.vppDriver:
            wrong.append("a link without a device of its own is not faster by it")
        if link.mtu > _MTU_MAX and not spec.vppDriver:
            wrong.append(f"the MTU of {link.mtu} would be lowered to {_MTU_MAX}")
        return wrong + ring_size_problems(spec, *_RING)

    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        steps = [links.promiscuous_link_step(link)]
        if _needs_queue_change(nic_channels(link.name), spec):
            steps.append(links.link_queues_step(link, spec.rx_queues, must=spec.rx > 0))
        if link.mtu > _MTU_MAX:
            steps.append(links.link_mtu_step(link, _MTU_MAX))
        return (*steps, links.move_link_step(link, config.vpp_netns))

    def interface_intent(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Intent:
        return AfXdpIntent(
            name=uplink_intent_name(link.name),
            host_interface=link.name,
            mac=link.mac,
            tag=uplink_vpp_tag(link.name),
            rx_queues=spec.rx,
            rx_ring=spec.rx_ring,
            tx_ring=spec.tx_ring,
        )


def _needs_queue_change(now: NicChannels | None, spec: UplinkSpec) -> bool:
    """Must the number of queues be changed? A link whose driver does not tell the number has one."""
    count = now.count if now else 1
    return spec.rx_queues != count and (now is not None or spec.rx > 0)
