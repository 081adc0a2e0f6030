"""Pings across nodes and within one, and 50 connections a second through service and policy, in the background."""

from contextlib import ExitStack
from typing import Self

from tools.lab.state import Lab
from tools.lab.story.shop import OPEN, PORT, SHUT, SPACE, Shop
from tools.lab.topology import lan_netns
from tools.lab.traffic import pings
from tools.lab.traffic.denied import DeniedTraffic
from tools.lab.traffic.loads import BackgroundLoad

RATE, DENIED_RATE, STANDING = 50.0, 10.0, 10


class Traffic:
    """Background traffic, a context manager; `losses` and `summary` after its end. Without a shop: pings alone."""

    def __init__(self, lab: Lab, shop: Shop | None = None) -> None:
        a1, b1, a2 = lab.pods["a1"], lab.pods["b1"], lab.pods["a2"]
        self._pings = [pings.BackgroundPing(a1.netns, a2.ip4), pings.BackgroundPing(a1.netns, b1.ip6)]
        self._load = load_of(shop) if shop else None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for part in (*self._pings, *((self._load,) if self._load else ())):
            self._stack.enter_context(part)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def losses(self) -> int:
        """Pings lost, connections failed or broken, and denied ones that got through."""
        lost_pings = sum(ping.report.lost for ping in self._pings if ping.report)
        if self._load is None:
            return lost_pings
        report = self._load.report
        return lost_pings + len(report.failed) + len(report.broken) + len(report.wrongly_allowed)

    @property
    def summary(self) -> str:
        """The reports in words."""
        reports = [ping.report for ping in self._pings if ping.report]
        text = f"{sum(entry.lost for entry in reports)} of {sum(entry.sent for entry in reports)} lost"
        if self._load is None:
            return text
        report = self._load.report
        text += f", {len(report.failed) + len(report.broken)} of {report.opened + report.standing} failed"
        text += f", {len(report.wrongly_allowed)} of {report.denied} let through"
        odd = [*report.failed, *report.broken, *report.wrongly_allowed][:2]
        return text + "".join(f"; {entry.target} at {entry.after_s} s: {entry.reason}" for entry in odd)


def load_of(shop: Shop) -> BackgroundLoad:
    """The client's connections to the service, and to the backends' port that the policy denies."""
    spec = shop.serve()
    webs = [shop.lab.pods[key] for key in shop.backends]
    return BackgroundLoad(
        shop.lab.pods[f"{SPACE}/client"].netns,
        [(address, PORT) for address in spec["clusterIPs"]],
        denied=[(address, SHUT) for web in webs for address in (web.ip4, web.ip6)],
        rate=RATE,
        denied_rate=DENIED_RATE,
        standing=STANDING,
    )


def denied_to(shop: Shop) -> DeniedTraffic:
    """What the policy denies to the stranger and to the host outside, at the backends; it never pauses."""
    pods = [shop.lab.pods[key] for key in shop.backends]
    addresses = [address for pod in pods for address in (pod.ip4, pod.ip6)]
    return DeniedTraffic((shop.lab.pods[f"{SPACE}/stranger"].netns, lan_netns(shop.lab.name)), addresses, (OPEN, SHUT))
