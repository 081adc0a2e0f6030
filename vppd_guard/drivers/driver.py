"""What all drivers have in common. Pure, apart from the steps that it returns and the machine that it reads."""

from abc import ABC, abstractmethod
from collections.abc import Sequence

from schemas.config import NodeConfig, UplinkSpec
from schemas.intents import Intent
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.undo.step import LinuxStep


class UplinkDriver(ABC):
    """A way of giving a NIC to VPP."""

    name: str  # the configuration's `vppDriver`
    automatic = False  # may `auto` choose it?
    messages: tuple[str, ...]  # VPP API messages without which it is of no use
    plugins: tuple[str, ...] = ()  # VPP's plugins likewise, "af_packet_plugin.so"
    linux_hears_wire = False  # can Linux hear on the link what VPP hears?
    mtu_max = 0  # bytes, layer 3; the uplink in VPP has no greater one; 0: no limit
    rx_mode_default = "adaptive"

    @abstractmethod
    def obstacles(self, link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> list[str]:
        """Why this driver cannot take the link on this machine, in words; empty: it can."""

    @abstractmethod
    def steps_before_vpp(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        """Changes of Linux before VPP starts."""

    def steps_after_interface(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Sequence[LinuxStep]:
        """Changes of Linux once VPP has the interface."""
        return ()

    @abstractmethod
    def interface_intent(
        self, link: CapturedLink, spec: UplinkSpec, config: NodeConfig, machine: HostMachine
    ) -> Intent:
        """The interface in VPP."""

    def rx_mode(self, spec: UplinkSpec) -> str:
        """How VPP reads the queues: as configured, else as suits the driver."""
        return spec.rx_mode(self.rx_mode_default)
