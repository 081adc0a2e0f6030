"""The backends behind a policy: nobody, then the client on one port; a connection that stands is left alone."""

from collections.abc import Iterator

from tools.lab import kube
from tools.lab.checks.properties import Result
from tools.lab.story.shop import OPEN, PORT, SHUT, SPACE, Shop, in_ms, takes
from tools.lab.traffic.agent import words
from tools.lab.traffic.loads import Loading

CLIENT = {"podSelector": {"matchLabels": {"role": "client"}}}
HELD = 20


def policies(shop: Shop) -> Iterator[Result]:
    """The steps; afterwards the client alone is allowed, on the open port alone."""
    webs = [shop.pod(name.rpartition("/")[2]) for name in shop.backends]
    direct = [address for web in webs for address in (web.ip4, web.ip6)]
    with Loading(shop.pod("client").netns, [(address, OPEN) for address in direct], rate=1, held=HELD) as load:
        shop.protect()
        took = takes(lambda: outcomes(shop, "client", direct, OPEN) == {words.SILENT})
        yield Result("deny all: new connections fail, IPv4 and IPv6", took is not None, in_ms(took))
    figure = f"{load.account.exchanges} exchanges over {load.account.held}, {len(load.account.broken)} broken"
    yield Result("connections that stood live on", not load.account.broken and load.account.exchanges > 0, figure)
    shop.protect(CLIENT)
    took = takes(lambda: outcomes(shop, "client", direct, OPEN) == {words.ANSWERED})
    yield Result("the client is allowed on one port", took is not None, in_ms(took))
    found = outcomes(shop, "client", direct, SHUT) | outcomes(shop, "stranger", direct, OPEN)
    yield Result("the other port, and a stranger, are not", found == {words.SILENT}, f"{2 * len(direct)} probes silent")
    yield through_the_service(shop)
    yield from labels(shop, direct)


def outcomes(shop: Shop, who: str, addresses: list[str], port: int) -> set[str]:
    """What became of connections to these, made at the same time."""
    return {answer.outcome for answer in shop.each(who, [(address, port) for address in addresses])}


def through_the_service(shop: Shop) -> Result:
    """The policy holds on the backend that the service chose."""
    address = shop.serve()["clusterIPs"][0]
    client, stranger = shop.by("client", address, PORT), shop.by("stranger", address, PORT, times=9)
    ok = set(client) == set(shop.backends) and set(stranger) == {words.SILENT}
    return Result("so it is through the service", ok, f"client {sum(client.values())} answered, stranger none")


def labels(shop: Shop, direct: list[str]) -> Iterator[Result]:
    """The stranger gets the client's label for a while."""
    kube.label(shop.lab, "pods", SPACE, "stranger", role="client")
    took = takes(lambda: outcomes(shop, "stranger", direct, OPEN) == {words.ANSWERED})
    yield Result("a pod with the client's label is allowed", took is not None, in_ms(took))
    kube.label(shop.lab, "pods", SPACE, "stranger", role="stranger")
    took = takes(lambda: outcomes(shop, "stranger", direct, OPEN) == {words.SILENT})
    yield Result("without it no more", took is not None, in_ms(took))
