"""The sets, rules and policies that npol holds, each by its index."""

from tools.vppsim.npol.objects import IpSet, Policy, Rule, Tuple3
from tools.vppsim.npol.pool import Pool


class NpolPools:
    """Objects refer to one another by index; what an index names may be deleted."""

    def __init__(self) -> None:
        self.sets: Pool[IpSet] = Pool()
        self.rules: Pool[Rule] = Pool()
        self.policies: Pool[Policy] = Pool()

    def holds(self, index: int, address: bytes) -> bool:
        """Is the address in a set? One that was deleted is empty."""
        found = self.sets.raw(index)
        return found is not None and found.holds(address)

    def holds_port(self, index: int, asked: Tuple3) -> bool:
        found = self.sets.raw(index)
        return found is not None and found.holds_port(asked)
