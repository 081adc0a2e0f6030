"""dhclient and dhcpcd: an expired lease must not take the host's addresses off the tap.

dhclient listens on the NIC's own socket, so it does not renew a lease through the tap, and at its end lets
dhclient-script remove the addresses by the link's name. The script first sources the files of its enter-hooks.d
(dhclient-script(8)); a file that exits ends the script before it has done anything. (Debian's script ignores
`exit_status`, which the manual page suggests.)
"""

from vppd_guard.host_services.host import HostReader
from vppd_guard.linux.captured import CapturedLink

_HOOKS = "/etc/dhcp/dhclient-enter-hooks.d"


def dhcp_client_serves_link(host: HostReader, program: str, name: str) -> bool:
    """Does that client serve the link? dhcpcd without arguments serves all links."""
    for _, *words in host.processes(program):
        links = [word for word in words if not word.startswith("-") and "/" not in word]
        if name in links or (program == "dhcpcd" and not links):
            return True
    return False


def dhclient_hook_path(host: HostReader, name: str) -> str | None:
    """Path of the hook; None: dhclient-script has no directory for hooks. run-parts(8) wants names without dots."""
    plain = name.replace(".", "_")
    return f"{_HOOKS}/vppd-{plain}" if host.path(_HOOKS).is_dir() else None


def dhclient_hook_text(link: CapturedLink) -> str:
    """Text of the hook: while the link is a tap its addresses stay."""
    return (
        f"# Placed by vppd while VPP has {link.name}; removed when Linux has it back.\n"
        f'if [ "$interface" = "{link.name}" ] && [ -e "/sys/class/net/{link.name}/tun_flags" ]; then\n'
        '    case "$reason" in\n'
        "        PREINIT|PREINIT6|EXPIRE|EXPIRE6|FAIL|TIMEOUT|STOP|STOP6|RELEASE|RELEASE6|DEPREF6) exit 0 ;;\n"
        "    esac\n"
        "fi\n"
    )
