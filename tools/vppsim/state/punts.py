"""Which packets are punted to the host, and through which paths (VPP: punt.api, ip4-punt-redirect)."""

from dataclasses import dataclass, field

from tools.vppsim.fib.paths import FibPath


@dataclass
class Punts:
    """`families_udp`: families (4, 6) whose unknown UDP ports are punted. `ports`: (family, UDP port) punted besides.

    `redirects[family, rx]`: paths for punted packets, rx 0 for all interfaces that have none of their own.
    """

    families_udp: set[int] = field(default_factory=set)
    ports: set[tuple[int, int]] = field(default_factory=set)
    redirects: dict[tuple[int, int], tuple[FibPath, ...]] = field(default_factory=dict)

    def wants_udp(self, family: int, port: int) -> bool:
        """Is a packet to an unknown UDP port punted?"""
        return family in self.families_udp or (family, port) in self.ports

    def paths(self, family: int, rx: int) -> tuple[FibPath, ...] | None:
        """Paths for a punted packet that came in by `rx`; None: it is dropped."""
        return self.redirects.get((family, rx)) or self.redirects.get((family, 0))

    def forget_interface(self, if_index: int) -> None:
        for family in (4, 6):
            self.redirects.pop((family, if_index), None)
