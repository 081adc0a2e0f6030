"""Traffic that policy denies, in the background: whatever is answered has been let through."""

import errno
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import product
from typing import Self

from tools.lab.traffic import pings
from tools.lab.traffic.loads import BackgroundLoad

_PING_EVERY_S, _CONNECTIONS_PER_S = 0.004, 100.0
# While VPP is away others say that there is no way: nothing was let through.
_UNREACHED = tuple(f"OSError: [Errno {number}]" for number in (errno.ENETUNREACH, errno.EHOSTUNREACH))


class DeniedTraffic:
    """Pings and connections from these namespaces that never pause: a context manager; `let_through` after its end."""

    def __init__(self, namespaces: Iterable[str], addresses: Iterable[str], ports: Iterable[int]) -> None:
        sources, targets = tuple(namespaces), tuple(addresses)
        self._pings = [pings.BackgroundPing(*flow, _PING_EVERY_S) for flow in product(sources, targets)]
        denied = list(product(targets, ports))
        self._loads = [
            BackgroundLoad(netns, (), denied=denied, rate=0, denied_rate=_CONNECTIONS_PER_S) for netns in sources
        ]
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for ping in self._pings:
            self._stack.enter_context(ping)
        for load in self._loads:
            self._stack.enter_context(load)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._stack.close()

    @property
    def sent(self) -> int:
        """How many packets and connections there were."""
        return sum(ping.report.sent for ping in self._pings if ping.report) + sum(
            load.report.denied for load in self._loads
        )

    @property
    def let_through(self) -> list[str]:
        """What was answered, in words."""
        answered = [
            f"{ping.netns}: {ping.report.received} of {ping.report.sent} pings to {ping.address} answered"
            for ping in self._pings
            if ping.report and ping.report.received
        ]
        failures = [failure for load in self._loads for failure in load.report.wrongly_allowed]
        reached = [failure for failure in failures if not failure.reason.startswith(_UNREACHED)]
        return [*answered, *(f"{failure.target}: {failure.reason}" for failure in reached)]
