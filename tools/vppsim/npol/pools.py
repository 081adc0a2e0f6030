"""The sets, rules and policies that npol holds, each by its index."""

from tools.vppsim.npol.index_pool import IndexPool
from tools.vppsim.npol.objects import NpolIpSet, NpolPolicy, NpolRule, ThreeTuple


class NpolPools:
    """Objects refer to one another by index, also to deleted ones."""

    def __init__(self) -> None:
        self.sets: IndexPool[NpolIpSet] = IndexPool()
        self.rules: IndexPool[NpolRule] = IndexPool()
        self.policies: IndexPool[NpolPolicy] = IndexPool()

    def contains(self, index: int, address: bytes) -> bool:
        """Is the address in a set? A deleted set is empty."""
        ip_set = self.sets.slot(index)
        return ip_set is not None and ip_set.contains(address)

    def contains_port(self, index: int, endpoint: ThreeTuple) -> bool:
        ip_set = self.sets.slot(index)
        return ip_set is not None and ip_set.contains_port(endpoint)
