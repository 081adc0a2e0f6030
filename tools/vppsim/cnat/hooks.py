"""Where policies are asked about a flow: the seam between cnat and whoever decides (VPP: cnat_feature_hook.h).

Each hook is asked once, for the first packet of a session, and the answer lives as long as the session: a denied flow
stays denied, an allowed one allowed. Return traffic is never asked about. In VPP the input hooks are [DNAT, policies]
and the output hooks [policies, SNAT], so that policies see the chosen backend and the original source.
"""

from collections.abc import Callable
from dataclasses import dataclass

from tools.vppsim.packets.flow import Flow

Hook = Callable[[Flow, int], bool]
"""(flow of the packet as it is then, sw_if_index) -> may it pass?"""


@dataclass
class PolicyHooks:
    """`input`: after DNAT, with the interface the packet came in by. `output`: before SNAT, with the one it leaves by.

    None allows everything.
    """

    input: Hook | None = None
    output: Hook | None = None
