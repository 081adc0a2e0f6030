"""A little of VPP's command line, for people: through cli_inband, the CLI socket and startup's `exec` file."""

from collections.abc import Callable, Iterator
from ipaddress import ip_address

from tools.vppsim.api.errors import NONE
from tools.vppsim.fib.paths import Kind, Path
from tools.vppsim.vpp import Vpp

Command = Callable[[Vpp], Iterator[str]]
Question = Callable[[Vpp, str], Iterator[str]]


def run(vpp: Vpp, line: str) -> str:
    """The answer to one command line, in VPP's manner for unknown ones."""
    wanted = " ".join(line.split())
    if not wanted:
        return ""
    for name, question in QUESTIONS.items():
        if wanted.startswith(f"{name} "):
            return "".join(f"{text}\n" for text in question(vpp, wanted.removeprefix(name)))
    like = (COMMANDS[name] for name in COMMANDS if name.startswith(wanted) or wanted.startswith(name))
    command = COMMANDS.get(wanted) or next(like, None)
    if command is None:
        return f"unknown input `{wanted}'\n"
    return "".join(f"{text}\n" for text in command(vpp))


def _version(vpp: Vpp) -> Iterator[str]:
    yield "vppsim: a stand-in for vpp v26.10-rc0, not for production"


def _interfaces(vpp: Vpp) -> Iterator[str]:
    yield f"{'Name':<32}{'Idx':<6}{'State':<6}{'MTU (L3/IP4/IP6/MPLS)':<24}"
    for interface in vpp.interfaces:
        state = "up" if interface.admin_up else "down"
        yield f"{interface.name:<32}{interface.index:<6}{state:<6}{'/'.join(map(str, interface.mtu)):<24}".rstrip()


def _addresses(vpp: Vpp) -> Iterator[str]:
    for interface in vpp.interfaces:
        yield f"{interface.name} ({'up' if interface.admin_up else 'dn'}):"
        if interface.unnumbered is not None:
            yield f"  unnumbered, use {vpp.interfaces.find(interface.unnumbered).name}"
        for family, table_id in interface.tables.items():
            yield from (
                f"  L3 {ip_address(a)}/{n} ip{family} table-id {table_id}" for a, n in interface.addresses[family]
            )


def _fib(family: int) -> Command:
    def show(vpp: Vpp) -> Iterator[str]:
        for table in vpp.tables.all():
            if table.family == family:
                yield f"{table.name}, table-id {table.table_id}"
                for entry in table.entries():
                    paths = ", ".join(_path(vpp, path) for path in entry.best.paths)
                    yield f"  {ip_address(entry.address)}/{entry.length} {entry.best_source.name} {paths}"

    return show


def _path(vpp: Vpp, path: Path) -> str:
    if path.kind is not Kind.NORMAL:
        return path.kind.name.lower()
    interface = vpp.interfaces.get(path.if_index)
    where = interface.name if interface else f"table {path.table_id}" if path.if_index == NONE else "deleted"
    hop = f"via {ip_address(path.next_hop)} " if path.next_hop else ""
    return f"{hop}{where} weight {path.weight}"


def _neighbours(vpp: Vpp) -> Iterator[str]:
    for family in (4, 6):
        for (if_index, address), known in vpp.neighbours.listed(family):
            flag = "S" if known.static else "D"
            yield f"{ip_address(address)!s:<40} {flag} {known.mac.hex(':')} {vpp.interfaces.find(if_index).name}"


def _errors(vpp: Vpp) -> Iterator[str]:
    yield from (f"{count:>10} {what}" for what, count in sorted(vpp.counters.items()))


COMMANDS: dict[str, Command] = {
    "show version": _version,
    "show interface address": _addresses,
    "show interface": _interfaces,
    "show ip fib": _fib(4),
    "show ip6 fib": _fib(6),
    "show ip neighbors": _neighbours,
    "show errors": _errors,
}
QUESTIONS: dict[str, Question] = {}  # what is asked with words of its own behind its name
