"""AF_PACKET: VPP reads and writes the link through a socket. Any link will do; nothing is faster to give back."""

from collections.abc import Sequence

from schemas.calico_vpp import parse_go_bool
from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import AfPacketIntent, Intent
from vppd_guard.drivers import links
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.names import uplink_intent_name, uplink_vpp_tag
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep


class AfPacketDriver(UplinkDriver):
    """The link goes to VPP's namespace and stays a Linux link."""

    name = "af_packet"
    rx_mode_default = "interrupt"
    automatic = True
    messages = ("af_packet_create_v3",)
    plugins = ("af_packet_plugin.so",)
    linux_hears_wire = True

    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> list[str]:
        return links.obstacles_to_move_link(link)

    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        return (links.promiscuous_link_step(link), links.move_link_step(link, config.vpp_netns))

    def interface_intent(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Intent:
        return AfPacketIntent(
            name=uplink_intent_name(link.name),
            host_interface=link.name,
            mac=link.mac,
            tag=uplink_vpp_tag(link.name),
            gso=config.debug.gsoEnabled,
            rx_frames_per_block=spec.rx_ring,
            tx_frames_per_block=spec.tx_ring,
            rx_queues=spec.rx_queues,
            tx_queues=spec.tx_queues,
            qdisc_bypass=parse_go_bool(spec.annotations.get("AfPacketQdiscBypass", "")),
            v3=parse_go_bool(spec.annotations.get("AfPacketUseV3", "")),
        )
