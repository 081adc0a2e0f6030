"""All drivers, in the order of the automatic choice."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from schemas.config import UplinkSpec
from vppd_guard.drivers.af_packet import AfPacketDriver
from vppd_guard.drivers.af_xdp import AfXdpDriver
from vppd_guard.drivers.avf import AvfDriver
from vppd_guard.drivers.dpdk import DpdkDriver
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.drivers.none import UserDefinedDriver
from vppd_guard.drivers.rdma import RdmaDriver
from vppd_guard.drivers.virtio import VirtioDriver
from vppd_guard.drivers.vmxnet3 import Vmxnet3Driver
from vppd_guard.linux.captured import CapturedLink

UPLINK_DRIVERS: tuple[UplinkDriver, ...] = (
    VirtioDriver(),
    RdmaDriver(),
    Vmxnet3Driver(),
    AfXdpDriver(),
    AfPacketDriver(),
    AvfDriver(),
    DpdkDriver(),
    UserDefinedDriver(),
)


@dataclass(frozen=True)
class UplinkDriverChoice:
    """Drivers that can take a link, the best first; and why others cannot."""

    candidates: tuple[UplinkDriver, ...] = ()
    passed_over: dict[str, str] = field(default_factory=dict)  # driver's name: reasons


def uplink_driver_named(name: str) -> UplinkDriver:
    """The driver of that name in the configuration. Raises KeyError."""
    return {driver.name: driver for driver in UPLINK_DRIVERS}[name]


def choose_uplink_drivers(link: CapturedLink, spec: UplinkSpec, machine: HostMachine) -> UplinkDriverChoice:
    """The configured driver or all automatic ones, as far as they can take the link."""
    looked_at = [d for d in UPLINK_DRIVERS if (d.name == spec.vppDriver if spec.vppDriver else d.automatic)]
    wrong = {driver.name: driver.obstacles(link, spec, machine) for driver in looked_at}
    return UplinkDriverChoice(
        candidates=tuple(driver for driver in looked_at if not wrong[driver.name]),
        passed_over={name: "; ".join(reasons) for name, reasons in wrong.items() if reasons},
    )


class FailedUplinkDrivers:
    """Automatically chosen drivers that did not get the host connected: each makes way for the next."""

    def __init__(self) -> None:
        self._names: defaultdict[str, set[str]] = defaultdict(set)  # link -> drivers

    def add(self, link: str, driver: str) -> None:
        """The driver has not got the link connected."""
        self._names[link].add(driver)

    def next_candidate(self, link: str, candidates: Sequence[UplinkDriver]) -> UplinkDriver | None:
        """The first candidate that has not failed; once all have failed, the first one again."""
        failed = self._names[link]
        if candidates and all(driver.name in failed for driver in candidates):
            failed.clear()
        return next((driver for driver in candidates if driver.name not in failed), None)

    def clear(self) -> None:
        """The host is connected."""
        self._names.clear()
