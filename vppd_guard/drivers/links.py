"""Edge: steps on a link that stays a Linux link while VPP has it."""

from contextlib import suppress

from pyroute2 import IPRoute

from vppd_guard.drivers.channels import nic_channels, set_nic_channels
from vppd_guard.linux import namespaces
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.moving import ensure_netns, move_link_to_netns, set_link_promiscuous
from vppd_guard.undo.records import LinkMovedRecord
from vppd_guard.undo.step import LinuxStep

# Kinds that cannot leave their namespace (Linux: dev->netns_immutable), and what to do instead.
_IMMOVABLE = {
    "bond": "give VPP its members' switch port, or a VLAN of it",
    "bridge": "give VPP one of its ports' devices",
    "team": "give VPP its members' switch port",
    "batadv": "give VPP the device under it",
    "vrf": "give VPP a device that is in no VRF",
}
_IFF_UP, _IFF_PROMISC = 0x1, 0x100


def obstacles_to_move_link(link: CapturedLink) -> list[str]:
    """Why the link cannot go to VPP's namespace."""
    wrong = [why] if (why := why_link_immovable(link.kind)) else []
    if link.master:
        wrong.append(f"it is a port of {link.master}")
    return wrong


def why_link_immovable(kind: str) -> str:
    """Why a link of this kind cannot leave its namespace, and what to do instead; "": it can."""
    return f"a {kind} cannot be moved to another network namespace: {_IMMOVABLE[kind]}" if kind in _IMMOVABLE else ""


def promiscuous_link_step(link: CapturedLink) -> LinuxStep:
    """The link takes packets for any MAC address: VPP's may differ from its own."""

    def holds() -> str:
        return "" if (_flags(link.name) or 0) & _IFF_PROMISC else f"{link.name} is not promiscuous"

    return LinuxStep(
        title=f"make {link.name} promiscuous", do=lambda: set_link_promiscuous(link.name, True), holds=holds
    )


def move_link_step(link: CapturedLink, netns: str, *, must: bool = True) -> LinuxStep:
    """The link is in VPP's namespace and up. Without `must`, a link that is not there is no failure."""
    name = link.name

    def move() -> None:
        ensure_netns(netns)
        if must or _flags(name) is not None:
            move_link_to_netns(name, netns)

    def holds() -> str:
        flags = namespaces.run_inside_netns(netns, lambda: _flags(name))
        if flags is None and not must:
            return "" if _flags(name) is None else f"{name} is still in the host"
        return "" if (flags or 0) & _IFF_UP else f"{name} is not up in {netns}"

    def needs() -> str:
        return "" if not must or _flags(name) is not None else f"{name}: no such link"

    def record() -> LinkMovedRecord | None:
        return LinkMovedRecord(name, netns) if must or _flags(name) is not None else None

    return LinuxStep(title=f"move {name} to the namespace {netns}", needs=needs, do=move, holds=holds, undo=record)


def link_mtu_step(link: CapturedLink, mtu: int) -> LinuxStep:
    """The link has that MTU, in bytes."""

    def change() -> None:
        with IPRoute() as ip:
            ip.link("set", index=ip.link_lookup(ifname=link.name)[0], mtu=mtu)

    def holds() -> str:
        with IPRoute() as ip:
            now = [x.get_attr("IFLA_MTU") for x in ip.get_links(ifname=link.name)]
        return "" if now == [mtu] else f"{link.name} has the MTU {now}, not {mtu}"

    return LinuxStep(title=f"set the MTU of {link.name} to {mtu}", do=change, holds=holds)


def link_queues_step(link: CapturedLink, count: int, *, must: bool) -> LinuxStep:
    """The link has that many receive queues. Without `must`, it keeps its own if the driver refuses."""

    def change() -> None:
        if must:
            set_nic_channels(link.name, count)
        else:
            with suppress(OSError):
                set_nic_channels(link.name, count)

    def holds() -> str:
        now = nic_channels(link.name)
        return "" if not must or (now and now.count == count) else f"{link.name} has {now} queues, not {count}"

    return LinuxStep(title=f"give {link.name} {count} receive queues", do=change, holds=holds)


def _flags(name: str) -> int | None:
    """The link's flags; None: no such link."""
    with IPRoute() as ip:
        indexes = ip.link_lookup(ifname=name)
        return int(ip.get_links(indexes[0])[0]["flags"]) if indexes else None
