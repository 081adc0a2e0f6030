"""npol as a whole: its pools, configured interfaces, and the hooks in cnat, set at the first configuration."""

from tools.vppsim.cnat.hooks import PolicyHooks
from tools.vppsim.npol.match import passes
from tools.vppsim.npol.objects import NpolInterfaceConfig
from tools.vppsim.npol.pools import NpolPools
from tools.vppsim.packets.flow import Flow


class Npol(NpolPools):
    """`configurations` by sw_if_index; an interface without one lets everything pass."""

    def __init__(self, hooks: PolicyHooks) -> None:
        super().__init__()
        self._hooks = hooks
        self.configurations: dict[int, NpolInterfaceConfig] = {}

    def configure(self, index: int, config: NpolInterfaceConfig) -> None:
        self.configurations[index] = config
        self._hooks.input, self._hooks.output = self._input, self._output

    def forget_interface(self, index: int) -> None:
        self.configurations.pop(index, None)

    def _input(self, flow: Flow, rx: int) -> bool:
        config = self.configurations.get(rx)
        return config is None or passes(self, config, flow, inbound=True)

    def _output(self, flow: Flow, tx: int) -> bool:
        config = self.configurations.get(tx)
        return config is None or passes(self, config, flow, inbound=False)
