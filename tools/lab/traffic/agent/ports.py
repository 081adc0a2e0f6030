"""Source ports that were not used lately.

VPP remembers what it decided on a flow for as long as packets of it come, and for a while after. A flow that took the
port of an earlier one would be told that one's fate, not what holds now; TCP remembers too (TIME_WAIT, 60 s). So which
port is next hangs on the time: whatever process asks, a port comes again after three minutes at the earliest.
"""

import errno
import socket
import time

# Neither node ports nor those that VPP takes for source NAT.
PORTS: tuple[int, ...] = (*range(10_000, 30_000), *range(33_000, 49_000))
TRIES_MAX = 200
PORTS_PER_S = 100  # more than one process takes
LANES = 2  # so many processes of one namespace take ports side by side
AGENT_LANE, LOAD_LANE = range(LANES)


class FreshPorts:
    """Source ports for one process; `lane`: another one for each process of a namespace."""

    def __init__(self, lane: int) -> None:
        self._lane, self._number = lane, 0

    def take(self) -> int:
        """The next one."""
        self._number = max(self._number + 1, int(time.monotonic() * PORTS_PER_S))
        return PORTS[(self._number * LANES + self._lane) % len(PORTS)]

    def bind_socket(self, kind: int, target: str, port: int = 0) -> socket.socket:
        """A socket that does not block, of the target's family, with this source port or a fresh one.

        Raises OSError.
        """
        family = socket.AF_INET6 if ":" in target else socket.AF_INET
        for attempt in range(1, TRIES_MAX + 1):
            sock = socket.socket(family, kind)
            sock.setblocking(False)
            if family == socket.AF_INET6:  # else the port must be free in IPv4 too
                sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                sock.bind(("", port or self.take()))
            except OSError as error:
                sock.close()
                if error.errno != errno.EADDRINUSE or port or attempt == TRIES_MAX:
                    raise
            else:
                return sock
        raise AssertionError
