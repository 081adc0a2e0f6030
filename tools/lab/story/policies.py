"""The backends behind a policy: nobody, then the client on one port; a connection that stands is left alone."""

from collections.abc import Iterator

from tools.lab import kube
from tools.lab.checks.properties import CheckResult
from tools.lab.story.shop import OPEN, PORT, SHUT, SPACE, Shop, in_ms, seconds_until
from tools.lab.traffic.agent import words
from tools.lab.traffic.loads import BackgroundLoad

CLIENT = {"podSelector": {"matchLabels": {"role": "client"}}}
STANDING = 20


def policy_steps(shop: Shop) -> Iterator[CheckResult]:
    """The steps; afterwards the client alone is allowed, on the open port alone."""
    webs = [shop.pod(name.rpartition("/")[2]) for name in shop.backends]
    direct = [address for web in webs for address in (web.ip4, web.ip6)]
    with BackgroundLoad(
        shop.pod("client").netns, [(address, OPEN) for address in direct], rate=1, standing=STANDING
    ) as load:
        shop.protect()
        took = seconds_until(lambda: outcomes(shop, "client", direct, OPEN) == {words.SILENT})
        yield CheckResult("deny all: new connections fail, IPv4 and IPv6", took is not None, in_ms(took))
    figure = f"{load.report.exchanges} exchanges over {load.report.standing}, {len(load.report.broken)} broken"
    yield CheckResult("connections that stood live on", not load.report.broken and load.report.exchanges > 0, figure)
    shop.protect(CLIENT)
    took = seconds_until(lambda: outcomes(shop, "client", direct, OPEN) == {words.ANSWERED})
    yield CheckResult("the client is allowed on one port", took is not None, in_ms(took))
    denied = outcomes(shop, "client", direct, SHUT) | outcomes(shop, "stranger", direct, OPEN)
    yield CheckResult(
        "the other port, and a stranger, are not", denied == {words.SILENT}, f"{2 * len(direct)} probes silent"
    )
    yield through_the_service(shop)
    yield from label_changes(shop, direct)


def outcomes(shop: Shop, client: str, addresses: list[str], port: int) -> set[str]:
    """The outcomes of connections to these addresses, made at the same time."""
    return {answer.outcome for answer in shop.probe_all(client, [(address, port) for address in addresses])}


def through_the_service(shop: Shop) -> CheckResult:
    """The policy holds on the backend that the service chose."""
    address = shop.serve()["clusterIPs"][0]
    client, stranger = (
        shop.count_answers("client", address, PORT),
        shop.count_answers("stranger", address, PORT, times=9),
    )
    ok = set(client) == set(shop.backends) and set(stranger) == {words.SILENT}
    return CheckResult("so it is through the service", ok, f"client {sum(client.values())} answered, stranger none")


def label_changes(shop: Shop, direct: list[str]) -> Iterator[CheckResult]:
    """The stranger gets the client's label for a while."""
    kube.label(shop.lab, "pods", SPACE, "stranger", role="client")
    took = seconds_until(lambda: outcomes(shop, "stranger", direct, OPEN) == {words.ANSWERED})
    yield CheckResult("a pod with the client's label is allowed", took is not None, in_ms(took))
    kube.label(shop.lab, "pods", SPACE, "stranger", role="stranger")
    took = seconds_until(lambda: outcomes(shop, "stranger", direct, OPEN) == {words.SILENT})
    yield CheckResult("without it no more", took is not None, in_ms(took))
