"""Source ports that were not used lately.

VPP remembers what it decided on a flow for as long as packets of it come, and for a while after. A flow that took the
port of an earlier one would be told that one's fate, not what holds now: so ports go round all of a wide range.
Where a process begins hangs on the time, so that one does not take the ports of the one before it: those are still
known to VPP, and to TCP (TIME_WAIT, 60 s).
"""

import errno
import socket
from math import gcd
import time

PORTS = range(33000, 49000)  # above node ports, below those that VPP takes for source NAT
TRIES_MAX = 200
PORTS_PER_S = 80  # more than one process takes; all of the range in 200 s


class FreshPorts:
    """The ports of one process."""

    def __init__(self) -> None:
        self._next = int(time.time() * PORTS_PER_S) % len(PORTS)

    def take(self) -> int:
        """The next one."""
        self._next = (self._next + self._stride) % len(PORTS)
        return PORTS[self._next]

    def bound(self, kind: int, target: str, port: int = 0) -> socket.socket:
        """A socket that does not block, of the target's family, with this source port or a fresh one.

        Raises OSError.
        """
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        for tried in range(1, TRIES_MAX + 1):
            made = socket.socket(family, kind)
            made.setblocking(False)
            if family == socket.AF_INET6:  # else the port must be free in IPv4 too
                made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                made.bind(("", port or self.take()))
            except OSError as error:
                made.close()
                if error.errno != errno.EADDRINUSE or port or tried == TRIES_MAX:
                    raise
            else:
                return made
        raise AssertionError
