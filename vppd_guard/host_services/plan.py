"""Files on the host while VPP has its uplinks: placed before, removed after.

The steps write files; the last ones have services reload. `undo_host_files` comes once the links are back, and is done
within `reload.RELOAD_S_MAX` and a moment, whatever the services do.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial

from vppd_guard.host_services import dhcp_clients, network_manager, networkd, udev
from vppd_guard.host_services.files import place_host_file_step, undo_host_file
from vppd_guard.host_services.host import HostReader
from vppd_guard.host_services.reload import reload_host_services
from vppd_guard.linux.captured import LIFETIME_FOREVER, CapturedLink
from vppd_guard.undo.records import FileWrittenRecord, UndoRecord
from vppd_guard.undo.step import LinuxStep, no_step_objection

_Complain = Callable[[str], None]


def host_file_steps(
    links: Sequence[CapturedLink],
    host: HostReader,
    complain: _Complain,
    *,
    enabled: bool = True,
    net_names: bool = True,
) -> list[LinuxStep]:
    """The steps for these uplinks, while Linux still has them. Reads files below the host's root.

    `enabled`: `CALICOVPP_ENABLE_NETWORK_MANAGER_HOOK`; without it there are no steps. `net_names`: `CALICOVPP_DEBUG`'s
    `enableUdevNetNameRules`. `complain` receives what a service said when it did not reload.
    """
    if not enabled or not links:
        return []
    steps: list[LinuxStep] = []
    if udev.is_udevd_running(host):
        for link in links:
            steps.append(
                place_host_file_step(
                    host, udev.udev_link_path(link.name), udev.udev_link_file(link), (udev.UDEV_SERVICE,)
                )
            )
            names = udev.udev_nic_names(host, link) if net_names else {}
            if names:
                steps.append(
                    place_host_file_step(
                        host, udev.udev_rule_path(link.name), udev.udev_rule_file(link, names), (udev.UDEV_SERVICE,)
                    )
                )
    if networkd.is_networkd_running(host):
        for link in links:
            text = networkd.networkd_tap_file(link, networkd.networkd_managed_link(host, link.name))
            steps.append(
                place_host_file_step(host, networkd.networkd_tap_path(link.name), text, (networkd.NETWORKD_SERVICE,))
            )
    if network_manager.is_network_manager_running(host):
        manages = any(network_manager.is_managed_by_network_manager(host, link.name) for link in links)
        text = network_manager.network_manager_snippet(
            links, manages and network_manager.network_manager_writes_resolv_conf(host)
        )
        steps.append(
            place_host_file_step(
                host, network_manager.NETWORK_MANAGER_SNIPPET_PATH, text, (network_manager.NETWORK_MANAGER_SERVICE,)
            )
        )
    for link in links:
        path = dhcp_clients.dhclient_hook_path(host, link.name)
        if path and dhcp_clients.dhcp_client_serves_link(host, "dhclient", link.name):
            steps.append(place_host_file_step(host, path, dhcp_clients.dhclient_hook_text(link)))
    return [*steps, *_reload_steps(_services_of(step.undo() for step in steps), host, complain)]


def undo_host_files(records: Iterable[UndoRecord], host: HostReader, complain: _Complain) -> None:
    """Removes the files, newest first, then has services reload. Blocking, bounded.

    Raises OSError: not all of it can be done just now, for want of descriptors or memory; the rest is.
    """
    shortage: OSError | None = None
    records_of_files = [record for record in records if isinstance(record, FileWrittenRecord)]
    for record in reversed(records_of_files):
        try:
            complaint = undo_host_file(record, host)
        except OSError as error:
            shortage = error
            continue
        if complaint:
            complain(complaint)
    for words in reload_host_services(_services_of(records_of_files), host):
        complain(words)
    if shortage is not None:
        raise shortage


def link_management_notes(links: Sequence[CapturedLink], host: HostReader) -> list[str]:
    """Which program manages each uplink, and what the administrator has to know: lines for the log."""
    return [words for link in links for words in _notes_of_link(link, host)]


def _notes_of_link(link: CapturedLink, host: HostReader) -> list[str]:
    name, words = link.name, []
    networkd_link = networkd.networkd_managed_link(host, name) if networkd.is_networkd_running(host) else None
    if networkd_link:
        words.append(f"{name}: systemd-networkd manages it by {networkd_link.path}{_made_by(networkd_link)}")
    by_manager = network_manager.is_network_manager_running(host) and network_manager.is_managed_by_network_manager(
        host, name
    )
    if by_manager:
        words.append(f"{name}: NetworkManager manages it")
    if by_manager and any(a.valid_s != LIFETIME_FOREVER for a in link.addresses):
        words.append(f"{name}: NetworkManager does not renew its DHCP lease while VPP has it: reserve the address")
    for client in ("dhclient", "dhcpcd"):
        if dhcp_clients.dhcp_client_serves_link(host, client, name):
            words.append(f"{name}: {client} may not renew its DHCP lease while VPP has it: reserve the address")
    if any(a.valid_s != LIFETIME_FOREVER and ":" in a.address and "/128" not in a.address for a in link.addresses):
        words.append(f"{name}: has an IPv6 address by router advertisement; nobody prolongs it while VPP has it")
    return words


def _made_by(networkd_link: networkd.NetworkdLink) -> str:
    makers = {
        "netplan": "netplan" in networkd_link.path,
        "cloud-init": "cloud-init" in networkd_link.path + networkd_link.text,
    }
    return next((f", made by {maker}" for maker, made in makers.items() if made), "")


def _services_of(records: Iterable[UndoRecord | None]) -> list[str]:
    """The services to reload, each once; udevd first, because the others wait for it."""
    services = [name for record in records if isinstance(record, FileWrittenRecord) for name in record.then]
    return sorted(set(services), key=lambda name: (name != udev.UDEV_SERVICE, name))


def _reload_steps(services: Sequence[str], host: HostReader, complain: _Complain) -> list[LinuxStep]:
    def now(service: str) -> None:
        for words in reload_host_services([service], host):
            complain(words)

    return [
        LinuxStep(title=f"tell {service}", do=partial(now, service), holds=no_step_objection) for service in services
    ]
