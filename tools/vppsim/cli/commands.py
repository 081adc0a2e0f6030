"""A little of VPP's command line, for people: through cli_inband and startup's `exec` file."""

from collections.abc import Callable, Iterator

from tools.vppsim.cli import show_cnat, show_ip, show_npol
from tools.vppsim.cli.npol_match import npol_match
from tools.vppsim.state import lifecycle
from tools.vppsim.vpp import Vpp

ShowCommand = Callable[[Vpp], Iterator[str]]
_SET_STATE = "set interface state "


class VppCommandFailed(Exception):
    """VPP's text of why it does not do a command."""


def run_cli_commands(vpp: Vpp, text: str) -> tuple[int, str]:
    """The return value and the answer to several lines: no packet is taken between two, and a failing one is the last.

    Unlike VPP, which counts an unknown command as failed too.
    """
    answers = []
    try:
        for line in text.splitlines():
            answers.append(run(vpp, line))
    except VppCommandFailed as failure:
        return -1, f"{''.join(answers)}{failure}\n"
    return 0, "".join(answers)


def run(vpp: Vpp, line: str) -> str:
    """The answer to one command line, for unknown ones that of VPP. Raises VppCommandFailed."""
    words = " ".join(line.split())
    if not words:
        return ""
    if words.startswith(_SET_STATE):
        _set_interface_state(vpp, words.removeprefix(_SET_STATE))
        return ""
    if words.startswith("npol match "):
        return "".join(f"{text}\n" for text in npol_match(vpp.npol, vpp.interfaces, words.removeprefix("npol match")))
    like = (COMMANDS[name] for name in COMMANDS if name.startswith(words) or words.startswith(name))
    command = COMMANDS.get(words) or next(like, None)
    if command is None:
        return f"unknown input `{words}'\n"
    return "".join(f"{text}\n" for text in command(vpp))


def _set_interface_state(vpp: Vpp, words: str) -> None:
    name, _, state = words.partition(" ")
    interface = next((interface for interface in vpp.interfaces if interface.name == name), None)
    if interface is None or state not in ("up", "down"):
        raise VppCommandFailed(f"set interface state: unknown {'flags' if interface else 'interface'} `{words}'")
    lifecycle.set_admin(vpp, interface, state == "up")


def _version() -> Iterator[str]:
    yield "vppsim: a stand-in for vpp v26.10-rc0, not for production"


COMMANDS: dict[str, ShowCommand] = {
    "show version": lambda vpp: _version(),
    "show interface address": show_ip.addresses,
    "show interface": show_ip.interfaces,
    "show ip fib": lambda vpp: show_ip.fib(vpp, 4),
    "show ip6 fib": lambda vpp: show_ip.fib(vpp, 6),
    "show ip neighbors": show_ip.neighbours,
    "show errors": show_ip.errors,
    "show cnat translation": lambda vpp: show_cnat.translations(vpp.cnat),
    "show cnat session": lambda vpp: show_cnat.sessions(vpp.cnat, vpp.now()),
    "show cnat client": lambda vpp: show_cnat.clients(vpp.cnat),
    "show cnat snat-policy": lambda vpp: show_cnat.snat_policy(vpp.cnat, vpp.interfaces),
    "show npol policies verbose": lambda vpp: show_npol.policies_verbose(vpp.npol),
    "show npol policies": lambda vpp: show_npol.policies(vpp.npol),
    "show npol ipsets": lambda vpp: show_npol.ipsets(vpp.npol),
    "show npol rules": lambda vpp: show_npol.rules(vpp.npol),
    "show npol interfaces": lambda vpp: show_npol.interfaces(vpp.npol, vpp.interfaces),
}
