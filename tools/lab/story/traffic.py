"""Pings across nodes and within one, and 50 connections a second through service and policy, in the background."""

from contextlib import ExitStack
from typing import Self

from tools.lab.state import Lab
from tools.lab.story.shop import PORT, SHUT, SPACE, Shop
from tools.lab.traffic import pings
from tools.lab.traffic.loads import Loading

RATE, DENIED_RATE, HELD = 50.0, 10.0, 10


class Traffic:
    """A context manager; `bad` and `figure` after its end. Without a shop: pings alone."""

    def __init__(self, lab: Lab, shop: Shop | None = None) -> None:
        a, b, other = lab.pods["a1"], lab.pods["b1"], lab.pods["a2"]
        self._pings = [pings.Pinging(a.netns, other.ip4), pings.Pinging(a.netns, b.ip6)]
        self._load = load_of(shop) if shop else None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        for part in (*self._pings, *((self._load,) if self._load else ())):
            self._stack.enter_context(part)
        return self

    def __exit__(self, *exc: object) -> None:
        self._stack.close()

    @property
    def bad(self) -> int:
        """Pings lost, connections failed or broken, and denied ones that got through."""
        lost = sum(ping.account.lost for ping in self._pings if ping.account)
        if self._load is None:
            return lost
        account = self._load.account
        return lost + len(account.failed) + len(account.broken) + len(account.wrongly_allowed)

    @property
    def figure(self) -> str:
        """The account in words."""
        accounts = [ping.account for ping in self._pings if ping.account]
        text = f"{sum(one.lost for one in accounts)} of {sum(one.sent for one in accounts)} lost"
        if self._load is None:
            return text
        account = self._load.account
        text += f", {len(account.failed) + len(account.broken)} of {account.made + account.held} failed"
        text += f", {len(account.wrongly_allowed)} of {account.denied} let through"
        odd = [*account.failed, *account.broken, *account.wrongly_allowed][:2]
        return text + "".join(f"; {one.target} at {one.after_s} s: {one.reason}" for one in odd)


def load_of(shop: Shop) -> Loading:
    """The client's connections to the service, and to the backends' port that the policy denies."""
    spec = shop.serve()
    webs = [shop.lab.pods[key] for key in shop.backends]
    return Loading(
        shop.lab.pods[f"{SPACE}/client"].netns,
        [(address, PORT) for address in spec["clusterIPs"]],
        denied=[(address, SHUT) for web in webs for address in (web.ip4, web.ip6)],
        rate=RATE,
        denied_rate=DENIED_RATE,
        held=HELD,
    )
