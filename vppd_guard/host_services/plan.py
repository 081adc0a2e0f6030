"""What is placed on the host before its uplinks are taken, and how it is taken away again.

The steps write files; the last ones tell the services. The way back is `undo_files`: it belongs after the links are
back, and takes no longer than `tell.TELL_S_MAX` and a moment, whatever the services do.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from vppd_guard.host_services import dhcp_clients, network_manager, networkd, udev
from vppd_guard.host_services.files import placed, undo_file
from vppd_guard.host_services.host import Host
from vppd_guard.host_services.tell import tell
from vppd_guard.linux.captured import LIFETIME_FOREVER, CapturedLink
from vppd_guard.undo.records import FileWritten, Record
from vppd_guard.undo.step import LinuxStep, fine

Complain = Callable[[str], None]


def plan(
    links: Sequence[CapturedLink], host: Host, complain: Complain, *, enabled: bool = True, net_names: bool = True
) -> list[LinuxStep]:
    """The steps for these uplinks, while they are still Linux's. Reads files below the host's root.

    `enabled`: `CALICOVPP_ENABLE_NETWORK_MANAGER_HOOK`; without it there are no steps. `net_names`: `CALICOVPP_DEBUG`'s
    `enableUdevNetNameRules`. `complain` is given what a service had to say against being told.
    """
    if not enabled or not links:
        return []
    steps: list[LinuxStep] = []
    if udev.runs(host):
        for link in links:
            steps.append(placed(host, udev.link_path(link.name), udev.link_file(link), (udev.SERVICE,)))
            found = udev.names(host, link) if net_names else {}
            if found:
                steps.append(placed(host, udev.rule_path(link.name), udev.rule_file(link, found), (udev.SERVICE,)))
    if networkd.runs(host):
        for link in links:
            text = networkd.tap_file(link, networkd.managed(host, link.name))
            steps.append(placed(host, networkd.tap_path(link.name), text, (networkd.SERVICE,)))
    if network_manager.runs(host):
        manages = any(network_manager.manages(host, link.name) for link in links)
        text = network_manager.conf(links, manages and network_manager.writes_resolv_conf(host))
        steps.append(placed(host, network_manager.PATH, text, (network_manager.SERVICE,)))
    for link in links:
        path = dhcp_clients.hook_path(host, link.name)
        if path and dhcp_clients.runs(host, "dhclient", link.name):
            steps.append(placed(host, path, dhcp_clients.hook(link)))
    return [*steps, *_told(_services(step.undo() for step in steps), host, complain)]


def undo_files(records: Iterable[Record], host: Host, complain: Complain) -> None:
    """Takes away what was placed, newest first, then tells the services. Blocking, bounded; raises nothing."""
    written = [record for record in records if isinstance(record, FileWritten)]
    for record in reversed(written):
        left = undo_file(record, host)
        if left:
            complain(left)
    for words in tell(_services(written), host):
        complain(words)


def findings(links: Sequence[CapturedLink], host: Host) -> list[str]:
    """Who manages each uplink, and what the administrator has to know: words for the log."""
    return [words for link in links for words in _findings(link, host)]


def _findings(link: CapturedLink, host: Host) -> list[str]:
    name, words = link.name, []
    found = networkd.managed(host, name) if networkd.runs(host) else None
    if found:
        words.append(f"{name}: systemd-networkd manages it by {found.path}{_made_by(found)}")
    by_manager = network_manager.runs(host) and network_manager.manages(host, name)
    if by_manager:
        words.append(f"{name}: NetworkManager manages it")
    if by_manager and any(a.valid_s != LIFETIME_FOREVER for a in link.addresses):
        words.append(f"{name}: NetworkManager does not renew its DHCP lease while VPP has it: reserve the address")
    for client in ("dhclient", "dhcpcd"):
        if dhcp_clients.runs(host, client, name):
            words.append(f"{name}: {client} may not renew its DHCP lease while VPP has it: reserve the address")
    if any(a.valid_s != LIFETIME_FOREVER and ":" in a.address and "/128" not in a.address for a in link.addresses):
        words.append(f"{name}: has an IPv6 address by router advertisement; nobody prolongs it while VPP has it")
    return words


def _made_by(found: networkd.NetworkdLink) -> str:
    makers = {"netplan": "netplan" in found.path, "cloud-init": "cloud-init" in found.path + found.text}
    return next((f", made by {maker}" for maker, made in makers.items() if made), "")


def _services(records: Iterable[Record | None]) -> list[str]:
    """The services to tell, each once; udevd first, for the others wait for it."""
    told = [name for record in records if isinstance(record, FileWritten) for name in record.then]
    return sorted(set(told), key=lambda name: (name != udev.SERVICE, name))


def _told(services: Sequence[str], host: Host, complain: Complain) -> list[LinuxStep]:
    def now(service: str) -> None:
        for words in tell([service], host):
            complain(words)

    return [LinuxStep(what=f"tell {service}", do=partial(now, service), holds=fine) for service in services]
