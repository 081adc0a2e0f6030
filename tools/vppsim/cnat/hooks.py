"""Where policies are asked about a flow: the seam between cnat and whoever decides (VPP: cnat_feature_hook.h).

Each hook is asked once, for the first packet of a session, and the answer lives as long as the session: a denied flow
stays denied, an allowed one allowed. Return traffic is never asked about. In VPP the input hooks are [DNAT, policies]
and the output hooks [policies, SNAT], so that policies see the chosen backend and the original source.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tools.vppsim.dataplane.packet import Packet


@dataclass(frozen=True, slots=True)
class Flow:
    """What a packet belongs to (VPP: cnat_5tuple_t). `family` is 4 or 6, addresses are 4 or 16 bytes.

    An ICMP echo has its identifier as both ports. An ICMP error belongs to the flow of the packet it quotes, turned
    round. `protocol` is that of the flow.
    """

    family: int
    protocol: int
    source: bytes
    destination: bytes
    source_port: int
    destination_port: int

    def turned(self) -> "Flow":
        """The flow of the answers."""
        return Flow(self.family, self.protocol, self.destination, self.source, self.destination_port, self.source_port)


Hook = Callable[["Packet", Flow, int], bool]
"""(packet as it is then, its flow, sw_if_index) -> may it pass?"""


@dataclass
class PolicyHooks:
    """`input`: after DNAT, with the interface the packet came in by. `output`: before SNAT, with the one it leaves by.

    None allows everything.
    """

    input: Hook | None = None
    output: Hook | None = None
