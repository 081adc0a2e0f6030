"""What must be undone, as records of the undo journal. Pure."""

from collections.abc import Sequence

from msgspec import Struct

from vppd_guard.linux.captured import CapturedLink


class UplinkCaptured(Struct, frozen=True, tag="captured", omit_defaults=True):
    """The link is about to be changed; so it was."""

    uplink: CapturedLink
    driver: str = "af_packet"  # the driver that takes it
    answered: tuple[str, ...] = ()  # addresses that answered by it in Linux, and so must by VPP


class LinkMoved(Struct, frozen=True, tag="link-moved"):
    """The link is about to be moved into that namespace."""

    name: str
    netns: str


class FileWritten(Struct, frozen=True, tag="file-written"):
    """A file of the host is about to be written. Undone only if it still says what we wrote."""

    path: str
    wrote: bytes
    before: bytes | None = None  # None: there was no such file
    mode: int = 0o644
    then: tuple[str, ...] = ()  # services of the host that are told afterwards, as `host_services` names them


class KernelSet(Struct, frozen=True, tag="kernel-set"):
    """A value under /proc/sys or /sys is about to be changed."""

    path: str
    before: str


class DriverBound(Struct, frozen=True, tag="driver-bound"):
    """A PCI device is about to go from one kernel driver to another (`driver_override`, sysfs)."""

    pci: str
    before: str  # the driver that had it; "": none
    link: str = ""  # the network device that it gave


class VppStarted(Struct, frozen=True, tag="vpp-started"):
    """That VPP runs. `started`: clock ticks since boot, tells a reused pid."""

    pid: int
    started: int


Record = UplinkCaptured | LinkMoved | FileWritten | KernelSet | DriverBound | VppStarted


def captured_uplinks(records: Sequence[Record]) -> list[UplinkCaptured]:
    """The uplinks as they were before they were changed, in the order in which they were taken."""
    return list({r.uplink.name: r for r in records if isinstance(r, UplinkCaptured)}.values())


def last_vpp(records: Sequence[Record]) -> VppStarted | None:
    """The VPP that was started last."""
    return next((r for r in reversed(records) if isinstance(r, VppStarted)), None)
