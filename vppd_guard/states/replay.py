"""Edge: undoes the records of the undo journal, newest first. Blocking; needs neither the bus nor VPP.

VPP must have ended: its taps hold the names of the links. All of it is idempotent, and goes on after failures.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pyroute2.netlink.exceptions import NetlinkError

from bus.shortage import is_shortage
from vppd_guard.drivers import pci
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.host_services.host import HostReader
from vppd_guard.host_services.plan import undo_host_files
from vppd_guard.linux.capture import capture_link
from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.clock import kernel_boot_id
from vppd_guard.linux.differences import link_differences
from vppd_guard.linux.links import NoSuchLink
from vppd_guard.linux.moving import bring_link_back, detach_link_xdp
from vppd_guard.linux.restore import CannotRestoreLink, restore_captured_link
from vppd_guard.undo.records import (
    DriverBoundRecord,
    FileWrittenRecord,
    KernelSetRecord,
    LinkMovedRecord,
    UndoRecord,
    UplinkCapturedRecord,
    uplinks_in_undo_records,
)


@dataclass
class UndoReplayResult:
    """What could not be undone, and what is not as it was, in words."""

    problems: list[str] = field(default_factory=list)  # what could not be undone
    lost_devices: list[str] = field(default_factory=list)  # uplinks whose device has disappeared
    is_unfinished: bool = False  # what could not be undone just now can be, later: it is not to be forgotten
    notes: list[str] = field(default_factory=list)  # what is left as it is, and no harm


def undo_records(records: Sequence[UndoRecord], machine: HostMachine, host: HostReader) -> UndoReplayResult:
    """Undoes links first, so that the host is reachable again as soon as can be; files of the host last.

    After a reboot only files are left of the changes: links are as the host configures them by now.
    """
    result = UndoReplayResult()
    links = {record.uplink.name: record.uplink for record in uplinks_in_undo_records(records)}
    if rebooted := _captured_before_boot(links.values()):
        result.notes.append(f"{', '.join(links)}: taken before the machine was booted: left as it is now")
    stranded: set[str] = set()  # links that are where they were moved, or may be
    for record in () if rebooted else reversed(records):
        try:
            match record:
                case LinkMovedRecord(name=name, netns=netns) if name in links:
                    bring_link_back(links[name], netns)
                case KernelSetRecord(path=path, before=before):
                    Path(path).write_text(before)
                case DriverBoundRecord():
                    pci.restore_kernel_driver(machine, record)
                case UplinkCapturedRecord():
                    _restore_uplink(record, result, stranded)
        except (OSError, NetlinkError) as error:
            result.problems.append(f"{_in_words(record)}: {error}")
            if isinstance(record, LinkMovedRecord):
                stranded.add(record.name)
            result.is_unfinished |= is_shortage(error) or isinstance(record, LinkMovedRecord)
    try:
        undo_host_files(records, host, result.notes.append)
    except OSError as error:
        result.problems.append(f"files of the host: {error}")
        result.is_unfinished = True
    return result


def _captured_before_boot(links: Iterable[CapturedLink]) -> bool:
    """Were all links captured in an earlier boot of the machine?"""
    boots = {link.taken.boot if link.taken else "" for link in links}
    return bool(boots) and not boots & {kernel_boot_id(), ""}


def _restore_uplink(record: UplinkCapturedRecord, result: UndoReplayResult, stranded: Collection[str]) -> None:
    """A link that is nowhere is lost; one that could not be brought back is not: why it was not is noted already."""
    try:
        if record.driver == "af_xdp":
            detach_link_xdp(record.uplink)
        restore_captured_link(record.uplink)
        result.notes += [
            f"not as it was: {text}" for text in link_differences(record.uplink, capture_link(record.uplink.name))
        ]
    except NoSuchLink:
        if record.uplink.name not in stranded:
            result.lost_devices.append(record.uplink.name)
    except CannotRestoreLink as error:
        result.problems += [f"{error.name}: {problem}" for problem in error.problems]


def _in_words(record: UndoRecord) -> str:
    match record:
        case LinkMovedRecord(name=name, netns=netns):
            return f"link {name} from namespace {netns}"
        case KernelSetRecord(path=path) | FileWrittenRecord(path=path):
            return path
        case DriverBoundRecord(pci=device, before=before):
            return f"PCI device {device} back to driver {before or 'none'}"
        case UplinkCapturedRecord(uplink=uplink):
            return f"uplink {uplink.name}"
        case _:
            return type(record).__name__
