"""Edge: gives a link its state back, first what makes the host reachable.

It goes on after failures, reports all of them at the end, and changes nothing that is already as it was.
"""

import errno
import time
from collections.abc import Sequence
from contextlib import suppress

from vppd_guard.linux import (
    addresses,
    clock,
    ethtool,
    links,
    neighbours,
    nexthops,
    routes,
    rules,
    sysctl,
)
from vppd_guard.linux.captured import CapturedLink, is_link_local_address
from vppd_guard.linux.differences import routes_recreated_by_kernel
from vppd_guard.linux.lifetimes import age_captured_link
from vppd_guard.linux.links import NoSuchLink
from vppd_guard.linux.netlink import NetlinkSocket
from vppd_guard.linux.settings import LinkSettings

_READY_S_MAX = 0.3  # a cable may take seconds; then what the kernel makes meanwhile is its own
_READY_PAUSE_S = 0.005


class CannotRestoreLink(OSError):
    """Some of the link's state could not be put back; all the rest was."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        self.name, self.problems = name, tuple(problems)
        super().__init__(errno.EIO, f"{name}: {'; '.join(problems)}")


def restore_captured_link(captured: CapturedLink) -> None:
    """Gives the link all of its state back, whatever its name is now.

    Raises NoSuchLink, CannotRestoreLink, and OSError: for want of descriptors or memory it is not done yet.
    """
    captured = age_captured_link(captured, clock.capture_time_now())
    with NetlinkSocket() as netlink:
        link = links.find_captured_link(links.all_linux_links(netlink), captured)
        if link is None:
            raise NoSuchLink(f"{captured.name}: no such link")
        settings = LinkSettings(netlink, link.index, captured)
        _settings_that_come_first(settings)
        _reachability(settings)
        _the_rest(settings)
        if netlink.shortage is not None:
            raise netlink.shortage
    if settings.problems:
        raise CannotRestoreLink(captured.name, settings.problems)


def _settings_that_come_first(settings: LinkSettings) -> None:
    """Settings that decide what the kernel makes of addresses, and the link up."""
    settings.set_name_and_mac()
    settings.set_sizes()
    settings.set_master()
    settings.set_ipv6_token()
    settings.set_flags()
    with suppress(OSError):  # what is refused or cannot be done is reported by the second time, below
        sysctl.apply_link_sysctls(settings.link().name, settings.captured.sysctls)
    if settings.captured.up:
        settings.stop_generating_addresses()
    settings.set_up_or_down()


def _reachability(settings: LinkSettings) -> None:
    netlink, index, captured = settings.netlink, settings.index, settings.captured
    settings.problems += rules.apply_link_rules(netlink, captured.rules)
    settings.problems += addresses.apply_link_addresses(netlink, index, captured.addresses)
    if captured.taken or any(is_link_local_address(a.address) for a in captured.addresses):
        addresses.drop_other_link_locals(netlink, index, captured.addresses)
    settings.problems += nexthops.apply_nexthop_objects(netlink, index, captured.nexthops)
    settings.problems += routes.apply_link_routes(netlink, index, captured.routes)
    if captured.taken:
        present = routes.read_link_routes(netlink, index)
        routes.remove_link_routes(
            netlink, index, routes_recreated_by_kernel(present, captured.routes, captured.addresses)
        )


def _the_rest(settings: LinkSettings) -> None:
    netlink, captured = settings.netlink, settings.captured
    settings.problems += neighbours.apply_link_neighbours(netlink, settings.index, captured.neighbours)
    settings.add_altnames()
    name = settings.link().name
    settings.problems += ethtool.apply_ethtool_settings(name, captured.channels, captured.rings, captured.features)
    deadline = time.monotonic() + _READY_S_MAX
    while captured.up and not settings.ipv6_is_ready() and time.monotonic() < deadline:
        time.sleep(_READY_PAUSE_S)
    # Once more: with the link up the kernel has set some anew, as IPv6's MTU to that of the link.
    settings.problems += sysctl.apply_link_sysctls(name, captured.sysctls)
    settings.generate_addresses_as_captured()
