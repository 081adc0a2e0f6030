"""VPP put together: its state, the nodes of the packet path that work on it, and the edge of the process."""

import os
import secrets
import time

from bus.log import ProcessLog
from tools.vppsim.cnat.settings import DEFAULTS, CnatSettings
from tools.vppsim.dataplane.arp import Arp
from tools.vppsim.dataplane.cnat_nodes import CnatNodes
from tools.vppsim.dataplane.device_input import DeviceInput
from tools.vppsim.dataplane.forward import IpForward
from tools.vppsim.dataplane.icmp import Icmp
from tools.vppsim.dataplane.ip_local import IpLocal
from tools.vppsim.dataplane.multicast import MulticastForward
from tools.vppsim.dataplane.nd import NeighbourDiscovery
from tools.vppsim.dataplane.output import InterfaceOutput
from tools.vppsim.dataplane.urpf_nodes import UrpfNodes
from tools.vppsim.devices.maker import DeviceMaker
from tools.vppsim.fib.lookup import LookupResult
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.packet import IpPacket
from tools.vppsim.state.state import Clock, VppState

TICK_S = 1.0
"""How often `tick` is called."""


class Vpp(VppState):
    """Nodes are built in the order of what they need; ICMP errors and cnat hand packets back to forwarding."""

    def __init__(
        self,
        devices: DeviceMaker,
        log: ProcessLog,
        answers_ping: bool = True,
        cnat: CnatSettings = DEFAULTS,
        now: Clock = time.monotonic,
    ) -> None:
        super().__init__(now, secrets.token_bytes, self._resolve, cnat)
        self.devices, self.log = devices, log
        self.pid = os.getpid()
        self.icmp = Icmp(self, self._route)
        self.cnat_nodes = CnatNodes(self, self._apply)
        self.output = InterfaceOutput(self, self.icmp, self.cnat_nodes)
        self.arp, self.nd = Arp(self, self.output), NeighbourDiscovery(self, self.output)
        self.local = IpLocal(self, self.icmp, self.nd, self.output, answers_ping)
        self.multicast = MulticastForward(self, self.local, self.output)
        self.forward = IpForward(
            self, self.icmp, self.nd, self.output, self.local, self.multicast, UrpfNodes(self), self.cnat_nodes
        )
        self.device_input = DeviceInput(self, self.arp, self.forward)

    def _resolve(self, interface: Interface, address: bytes) -> None:
        if len(address) == 4:
            self.arp.request(interface, address)
        else:
            self.nd.solicit(interface, address)

    def _route(self, packet: IpPacket, table_id: int) -> None:
        self.forward.route(packet, table_id)

    def _apply(self, packet: IpPacket, result: LookupResult) -> None:
        self.forward.apply(packet, result)
