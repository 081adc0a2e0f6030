"""A service over both nodes: from a pod, a node's port from outside, and when a backend goes."""

from collections import Counter
from collections.abc import Iterator

from tools.lab import kube
from tools.lab.checks.properties import CheckResult
from tools.lab.story.shop import OUTSIDE, PORT, Shop, in_ms, seconds_until
from tools.lab.topology import LAN4

FLOWS = 90


def service_steps(shop: Shop) -> Iterator[CheckResult]:
    """The steps; the service is there afterwards."""
    spec = shop.serve()
    addresses = spec["clusterIPs"]
    took = seconds_until(lambda: set(shop.count_answers("client", addresses[0], PORT, times=20)) <= set(shop.backends))
    yield CheckResult("a new service answers a pod", took is not None, f"{addresses[0]}, {in_ms(took)}")
    for address in addresses:
        for protocol in ("TCP", "UDP"):
            yield all_backends_answer(
                f"{FLOWS} flows to {address} {protocol}", shop, shop.count_answers("client", address, PORT, protocol)
            )
    yield node_port(shop, spec["ports"][0]["nodePort"])
    yield from backend_not_ready(shop, addresses[0])


def all_backends_answer(name: str, shop: Shop, counts: Counter[str]) -> CheckResult:
    """All backends and nobody else answered."""
    figure = ", ".join(f"{who.rpartition('/')[2]} {count}" for who, count in sorted(counts.items()))
    return CheckResult(name, set(counts) == set(shop.backends), figure)


def node_port(shop: Shop, port: int) -> CheckResult:
    """Local backends answer who is outside, and see his address."""
    answers = shop.ask(OUTSIDE, str(shop.lab.all_nodes[1].ip4), port, times=20)
    views = {(answer.answerer_or_outcome, answer.seen_address) for answer in answers}
    figure = "; ".join(f"{by} sees {seen}" for by, seen in sorted(views))
    return CheckResult(
        "node port, policy Local: the client's own address", views == {("shop/web3", str(LAN4[1]))}, figure
    )


def backend_not_ready(shop: Shop, address: str) -> Iterator[CheckResult]:
    """One backend is not ready for a while."""
    stay = set(shop.backends[:-1])
    kube.set_ready(shop.lab, shop.backends[-1], False)
    took = seconds_until(lambda: set(shop.count_answers("client", address, PORT)) == stay)
    yield CheckResult("a backend that is not ready gets no new flow", took is not None, in_ms(took))
    kube.set_ready(shop.lab, shop.backends[-1], True)
    took = seconds_until(lambda: set(shop.count_answers("client", address, PORT)) == set(shop.backends))
    yield CheckResult("it gets its share again when it is", took is not None, in_ms(took))
