"""cnat on the command line: `show cnat translation`, `session`, `client`, `snat-policy`."""

from collections.abc import Iterator
from ipaddress import ip_address

from tools.vppsim.cnat.flow_hash import DEFAULT
from tools.vppsim.cnat.plugin import Cnat
from tools.vppsim.cnat.translations import CnatEndpoint
from tools.vppsim.state.interfaces import InterfacePool

PROTOCOLS = {1: "ICMP", 6: "TCP", 17: "UDP", 58: "ICMP6", 132: "SCTP"}
TABLES = ("Included v4", "Included v6", "k8s pod", "k8s host")


def _end(value: CnatEndpoint) -> str:
    return f"{ip_address(value.address)};{value.port}"


def translations(cnat: Cnat) -> Iterator[str]:
    for index, translation in sorted(cnat.translations.by_index.items()):
        balancer = {0: "default", 1: "maglev"}.get(translation.lb_type, "unknown")
        mask = translation.hash_mask
        hash_mask = f"0x{mask:x}" if mask not in (0, DEFAULT) else f"0x{DEFAULT:x}(default)"
        protocol = PROTOCOLS.get(translation.protocol, translation.protocol)
        yield f"[{index}] {_end(translation.vip)} {protocol} lb:{balancer} fhc:{hash_mask}"
        yield from (f"{_end(t.backend.source)}->{_end(t.backend.destination)}" for t in translation.trackers)


def sessions(cnat: Cnat, now: float) -> Iterator[str]:
    yield f"CNat Sessions: now:{now:f}"
    for (five, table), session, answers in cnat.sessions.entries():
        flow = five.flow()
        ends = f"{ip_address(flow.source)};{flow.source_port} -> {ip_address(flow.destination)};{flow.destination_port}"
        yield f"{PROTOCOLS.get(flow.protocol, flow.protocol)} [{ends}] => [{'return' if answers else ''}]"
        yield f"  index:{session.index} fib:{table}"
        yield f"  last_seen:{session.last_seen} lifetime:{session.lifetime}"


def clients(cnat: Cnat) -> Iterator[str]:
    clients_by_vip = cnat.translations.clients
    for number, (vip, client) in enumerate(clients_by_vip.items()):
        yield f"[{number}] cnat-client:[{ip_address(vip)}] tr:{client.translations} sess:{client.sessions}"
    yield f"{len(clients_by_vip)} clients"


def snat_policy(cnat: Cnat, interfaces: InterfacePool) -> Iterator[str]:
    settings = cnat.snat.settings
    if settings is None:
        yield "show cnat snat-policy: no default snat policy"
        return
    yield f"Source NAT\n  ip4: {ip_address(settings.addresses[4])};0\n  ip6: {ip_address(settings.addresses[6])};0\n"
    yield "Excluded prefixes:"
    yield from (f"  {ip_address(address)}/{length} dst" for address, length in sorted(settings.excluded))
    for name, members in zip(TABLES, settings.tables, strict=True):
        yield f"\n{name} interfaces:"
        yield from (f"  {_name(interfaces, index)}" for index in sorted(members))


def _name(interfaces: InterfacePool, index: int) -> str:
    interface = interfaces.get(index)
    return interface.name if interface else f"DELETED ({index})"
