"""npol as a whole: its pools, its interfaces, and its hooks in cnat, set at the first configuration."""

from typing import TYPE_CHECKING

from tools.vppsim.cnat.hooks import Flow
from tools.vppsim.dataplane.packet import Packet
from tools.vppsim.npol.match import passes
from tools.vppsim.npol.objects import Configuration, IpSet, Policy, Rule, Tuple3
from tools.vppsim.npol.pool import Pool

if TYPE_CHECKING:
    from tools.vppsim.vpp import Vpp


class Npol:
    """`configurations` by sw_if_index; an interface without one lets everything pass."""

    def __init__(self, vpp: "Vpp") -> None:
        self._vpp = vpp
        self.sets: Pool[IpSet] = Pool()
        self.rules: Pool[Rule] = Pool()
        self.policies: Pool[Policy] = Pool()
        self.configurations: dict[int, Configuration] = {}

    def configure(self, index: int, held: Configuration) -> None:
        self.configurations[index] = held
        hooks = self._vpp.cnat.policy_hooks
        hooks.input, hooks.output = self._input, self._output

    def forget_interface(self, index: int) -> None:
        self.configurations.pop(index, None)

    def _input(self, packet: Packet, flow: Flow, rx: int) -> bool:
        held = self.configurations.get(rx)
        return held is None or passes(self, held, flow, inbound=True)

    def _output(self, packet: Packet, flow: Flow, tx: int) -> bool:
        held = self.configurations.get(tx)
        return held is None or passes(self, held, flow, inbound=False)

    def holds(self, index: int, address: bytes) -> bool:
        """Is the address in a set? One that was deleted is empty."""
        found = self.sets.raw(index)
        return found is not None and found.holds(address)

    def holds_port(self, index: int, asked: Tuple3) -> bool:
        found = self.sets.raw(index)
        return found is not None and found.holds_port(asked)
