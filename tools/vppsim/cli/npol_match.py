"""`npol match`: would a flow pass an interface's policies?"""

import re
from collections.abc import Iterator
from ipaddress import ip_address

from tools.vppsim.cli.show_npol import PROTOCOLS
from tools.vppsim.npol.match import passes
from tools.vppsim.npol.plugin import Npol
from tools.vppsim.packets.flow import Flow
from tools.vppsim.state.interfaces import InterfacePool

QUESTION = re.compile(r"(\S+);(\d+)->(\S+);(\d+)")


def npol_match(npol: Npol, interfaces: InterfacePool, words: str) -> Iterator[str]:
    """`npol match IF [ip4|ip6] inbound|outbound PROTOCOL SOURCE;PORT->DESTINATION;PORT`."""
    question = QUESTION.search(words)
    index = _interface_index(interfaces, words)
    if question is None or index is None:
        yield "interface not specified"
        return
    config = npol.configurations.get(index)
    source, destination = ip_address(question[1]).packed, ip_address(question[3]).packed
    names = {name.lower(): number for number, name in PROTOCOLS.items()}
    protocol = next((number for name, number in names.items() if f" {name} " in f" {words.lower()} "), 0)
    family = 6 if " ip6 " in f" {words} " else 4
    flow = Flow(family, protocol, source, destination, int(question[2]), int(question[4]))
    allowed = config is None or passes(npol, config, flow, inbound=" inbound " in f" {words} ")
    yield f"matched:{0 if config is None else 1} action:{'ALLOW' if allowed else 'DENY'}"


def _interface_index(interfaces: InterfacePool, words: str) -> int | None:
    number = re.search(r"sw_if_index (\d+)", words)
    if number:
        return int(number[1])
    return next((i.index for i in interfaces if i.name in words.split()), None)
