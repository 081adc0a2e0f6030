"""Ports that source NAT gives out (VPP: cnat_src_policy.c): one set for each protocol, whatever the destination.

VPP frees a port with its bytes the wrong way round: the port stays taken, and another one, which may be in use, counts
as free. Once 16383 flows of a protocol have come and gone, only the 4095 ports whose low byte is 0xC0 or more are given
out again, until VPP starts anew. So it is here.
"""

from tools.vppsim.packets.headers import ICMP, ICMP6, TCP, UDP

FIRST, LAST = 49152, 65534
PROTOCOLS = (TCP, UDP, ICMP, ICMP6)


class PortPool:
    """The ports of one FIB."""

    def __init__(self) -> None:
        self._in_use = {protocol: bytearray(LAST + 2) for protocol in PROTOCOLS}

    def take(self, protocol: int) -> int | None:
        """A free port, or ICMP identifier; None: all are in use, or the protocol has none to give (SCTP)."""
        in_use = self._in_use.get(protocol)
        port = in_use.find(0, FIRST, LAST + 1) if in_use else -1
        if in_use is None or port < 0:
            return None
        in_use[port] = 1
        return port

    def free(self, protocol: int, port: int) -> None:
        """Give a port back, as VPP does it."""
        self._in_use[protocol][int.from_bytes(port.to_bytes(2), "little")] = 0

    def in_use(self, protocol: int) -> int:
        """How many ports cannot be given out."""
        return self._in_use[protocol].count(1, FIRST, LAST + 1)
