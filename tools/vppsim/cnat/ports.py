"""Source ports that source NAT gives out (VPP: cnat_src_policy.c): one set a protocol, whatever the destination.

VPP frees a port with its bytes the wrong way round: the port stays taken, and another one, which may be in use, counts
as free. Once 16383 flows of a protocol have come and gone, only the 4095 ports whose low byte is 0xC0 or more are given
out again, until VPP starts anew. The same happens here.
"""

from tools.vppsim.packets.headers import ICMP, ICMP6, TCP, UDP

FIRST, LAST = 49152, 65534
PROTOCOLS = (TCP, UDP, ICMP, ICMP6)


class Ports:
    """The ports of one FIB."""

    def __init__(self) -> None:
        self._taken = {protocol: bytearray(LAST + 2) for protocol in PROTOCOLS}

    def take(self, protocol: int) -> int | None:
        """A port, or an ICMP identifier; None: none is left, or it is a protocol without ports to give (SCTP)."""
        taken = self._taken.get(protocol)
        port = taken.find(0, FIRST, LAST + 1) if taken else -1
        if taken is None or port < 0:
            return None
        taken[port] = 1
        return port

    def free(self, protocol: int, port: int) -> None:
        """Give a port back, as VPP does it."""
        self._taken[protocol][int.from_bytes(port.to_bytes(2), "little")] = 0

    def in_use(self, protocol: int) -> int:
        """How many cannot be given out."""
        return self._taken[protocol].count(1, FIRST, LAST + 1)
