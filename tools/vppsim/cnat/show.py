"""cnat on the command line, in short: `show cnat translation`, `session`, `client`, `snat-policy`."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address
from typing import TYPE_CHECKING

from tools.vppsim.cnat.flow_hash import DEFAULT
from tools.vppsim.cnat.translations import Endpoint

if TYPE_CHECKING:
    from tools.vppsim.vpp import Vpp

PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMP6", 132: "SCTP"}
TABLES = ("Included v4", "Included v6", "k8s pod", "k8s host")


def _end(value: Endpoint) -> str:
    return f"{ip_address(value.address)};{value.port}"


def _translations(vpp: "Vpp") -> Iterator[str]:
    for index, known in sorted(vpp.cnat.translations.by_index.items()):
        balancer = {0: "default", 1: "maglev"}.get(known.lb_type, "unknown")
        mask = f"0x{known.hash_mask:x}" if known.hash_mask not in (0, DEFAULT) else f"0x{DEFAULT:x}(default)"
        protocol = PROTOCOLS.get(known.protocol, known.protocol)
        yield f"[{index}] {_end(known.vip)} {protocol} lb:{balancer} fhc:{mask}"
        yield from (f"{_end(t.backend.source)}->{_end(t.backend.destination)}" for t in known.trackers)


def _sessions(vpp: "Vpp") -> Iterator[str]:
    yield f"CNat Sessions: now:{vpp.now():f}"
    for (five, table), session, answers in vpp.cnat.sessions.listed():
        flow = five.flow()
        ends = f"{ip_address(flow.source)};{flow.source_port} -> {ip_address(flow.destination)};{flow.destination_port}"
        yield f"{PROTOCOLS.get(flow.protocol, flow.protocol)} [{ends}] => [{'return' if answers else ''}]"
        yield f"  index:{session.index} fib:{table}"
        yield f"  last_seen:{session.last_seen} lifetime:{session.lifetime}"


def _clients(vpp: "Vpp") -> Iterator[str]:
    clients = vpp.cnat.translations.clients
    for number, (vip, client) in enumerate(clients.items()):
        yield f"[{number}] cnat-client:[{ip_address(vip)}] tr:{client.translations} sess:{client.sessions}"
    yield f"{len(clients)} clients"


def _snat_policy(vpp: "Vpp") -> Iterator[str]:
    settings = vpp.cnat.snat.settings
    if settings is None:
        yield "show cnat snat-policy: no default snat policy"
        return
    yield f"Source NAT\n  ip4: {ip_address(settings.addresses[4])};0\n  ip6: {ip_address(settings.addresses[6])};0\n"
    yield "Excluded prefixes:"
    yield from (f"  {ip_address(address)}/{length} dst" for address, length in sorted(settings.excluded))
    for name, members in zip(TABLES, settings.tables, strict=True):
        yield f"\n{name} interfaces:"
        yield from (f"  {_name(vpp, index)}" for index in sorted(members))


def _name(vpp: "Vpp", index: int) -> str:
    interface = vpp.interfaces.get(index)
    return interface.name if interface else f"DELETED ({index})"


COMMANDS: dict[str, Callable[["Vpp"], Iterator[str]]] = {
    "show cnat translation": _translations,
    "show cnat session": _sessions,
    "show cnat client": _clients,
    "show cnat snat-policy": _snat_policy,
}
