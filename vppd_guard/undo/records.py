"""Records of the undo journal: what is about to be changed, and how it was. Pure.

Names of fields and tags are a format on disk, which guards of other versions read.
"""

from collections.abc import Sequence

from msgspec import Struct

from vppd_guard.linux.captured import CapturedLink


class UplinkCapturedRecord(Struct, frozen=True, tag="captured", omit_defaults=True):
    """The link is about to be changed; its state until then."""

    uplink: CapturedLink
    driver: str = "af_packet"  # the driver that takes it
    answered: tuple[str, ...] = ()  # addresses that answered by it in Linux, and so must by VPP
    tap_index: int = 0  # of the host tap that was made so: what others change on that one is followed here; 0: none yet


class LinkMovedRecord(Struct, frozen=True, tag="link-moved"):
    """The link is about to be moved into that namespace."""

    name: str
    netns: str


class FileWrittenRecord(Struct, frozen=True, tag="file-written"):
    """A file of the host is about to be written. It is undone only if it still has our content."""

    path: str
    wrote: bytes
    before: bytes | None = None  # None: there was no such file
    mode: int = 0o644
    then: tuple[str, ...] = ()  # services that reload afterwards, by their names in `host_services`


class KernelSetRecord(Struct, frozen=True, tag="kernel-set"):
    """A value under /proc/sys or /sys is about to be changed."""

    path: str
    before: str


class DriverBoundRecord(Struct, frozen=True, tag="driver-bound"):
    """A PCI device is about to go from one kernel driver to another (`driver_override`, sysfs)."""

    pci: str
    before: str  # the driver that had it; "": none
    link: str = ""  # the network device that it gave


class VppStartedRecord(Struct, frozen=True, tag="vpp-started"):
    """That VPP runs. `started`: clock ticks since boot, which tell a reused process id."""

    pid: int
    started: int


UndoRecord = (
    UplinkCapturedRecord | LinkMovedRecord | FileWrittenRecord | KernelSetRecord | DriverBoundRecord | VppStartedRecord
)


def uplinks_in_undo_records(records: Sequence[UndoRecord]) -> list[UplinkCapturedRecord]:
    """The uplinks before they were changed, in the order in which they were taken."""
    return list({r.uplink.name: r for r in records if isinstance(r, UplinkCapturedRecord)}.values())


def moved_links(records: Sequence[UndoRecord]) -> dict[str, str]:
    """The links that were moved -> the namespace that they were moved into."""
    return {record.name: record.netns for record in records if isinstance(record, LinkMovedRecord)}


def last_vpp_in_undo_records(records: Sequence[UndoRecord]) -> VppStartedRecord | None:
    """The VPP that was started last."""
    return next((r for r in reversed(records) if isinstance(r, VppStartedRecord)), None)
