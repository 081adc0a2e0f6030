"""Edge: kernel drivers of PCI devices, bound by `driver_override`, which touches no other device of the kind.

Source: Linux's Documentation/ABI/testing/sysfs-bus-pci (driver_override, bind, unbind, drivers_probe).
"""

import errno
import time
from collections.abc import Callable, Sequence

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from vppd_guard.drivers.machine import VFIO_NOIOMMU_FILE, HostMachine, PciDevice, pci_device_path
from vppd_guard.undo.records import DriverBoundRecord, KernelSetRecord
from vppd_guard.undo.step import LinuxStep

VFIO_PCI_DRIVER = "vfio-pci"
USER_SPACE_DRIVERS = (
    VFIO_PCI_DRIVER,
    "uio_pci_generic",
    "igb_uio",
)  # kernel drivers that leave the device to a program
NO_IOMMU_PROBLEM = "no IOMMU guards it, and this kernel's VFIO does not work without (enable_unsafe_noiommu_mode)"
RESTORE_S_MAX = 5.0  # a driver that has been bound has made its network device by then
_POLL_S = 0.02


def _bind_to_driver(machine: HostMachine, pci: str, driver: str) -> None:
    """Binds the device to the kernel driver. Raises OSError: no such device or driver, or they do not fit."""
    device = _device(machine, pci)
    if device.driver == driver:
        return
    if not machine.has_kernel_driver(driver):
        raise FileNotFoundError(errno.ENOENT, f"kernel driver {driver} is not loaded", pci)
    machine.write(f"{pci_device_path(pci)}/driver_override", f"{driver}\n")
    _unbind(machine, device)
    machine.write("/sys/bus/pci/drivers_probe", pci)


def restore_kernel_driver(machine: HostMachine, record: DriverBoundRecord) -> None:
    """Gives the device its former kernel driver, and its network device its former name.

    A virtual function that is gone needs nothing. Raises OSError; TimeoutError: the network device has not come back.
    """
    device = machine.device(record.pci)
    if device is None:
        return
    machine.write(f"{pci_device_path(record.pci)}/driver_override", "\n")
    if device.driver != record.before:
        _unbind(machine, device)
        if record.before:
            machine.write(f"/sys/bus/pci/drivers/{record.before}/bind", record.pci)
    if record.before and record.link:
        _wait(lambda: bool(_device(machine, record.pci).links), f"{record.pci}: no network device by {record.before}")
        links = _device(machine, record.pci).links
        if record.link not in links:
            rename_link(links[0], record.link)


def rename_link(link: str, name: str) -> None:
    """Renames a link of this namespace. Raises OSError, NetlinkError."""

    def renamed() -> bool:
        with IPRoute() as ip:
            index = (ip.link_lookup(ifname=link) or [0])[0]
            try:
                ip.link("set", index=index, state="down")  # before Linux 6.2 a link that is up keeps its name
                ip.link("set", index=index, ifname=name)
            except NetlinkError as error:
                if error.code != errno.EEXIST:  # the tap of a VPP that has just ended holds it for a moment
                    raise
                return False
        return True

    _wait(renamed, f"{link}: the name {name} is taken")


def vfio_binding_steps(machine: HostMachine, pci: str, link: str, driver: str = VFIO_PCI_DRIVER) -> list[LinuxStep]:
    """The device goes to a kernel driver for user-space programs, and VFIO may do without an IOMMU if there is none."""
    device = machine.device(pci)
    steps = vfio_noiommu_steps(machine, device) if driver == VFIO_PCI_DRIVER else []
    if device is None or device.driver != driver:
        steps.append(bind_pci_driver_step(machine, lambda: pci, driver, f"{pci} ({link})", link))
    return steps


def vfio_noiommu_steps(machine: HostMachine, device: PciDevice | None) -> list[LinuxStep]:
    """VFIO may drive the device or its virtual functions without an IOMMU, where there is none."""
    if device is not None and not device.iommu_group and machine.noiommu() == "N":
        return [kernel_setting_step(machine, VFIO_NOIOMMU_FILE, "Y", "VFIO without an IOMMU")]
    return []


def bind_pci_driver_step(
    machine: HostMachine, find: Callable[[], str], driver: str, device_words: str, link: str = ""
) -> LinuxStep:
    """The device at the address that `find` returns goes to a kernel driver. `link`: its network device until then."""

    def record() -> DriverBoundRecord:
        device = _device(machine, find())
        return DriverBoundRecord(device.pci, device.driver, link)

    def holds() -> str:
        driver_now = _device(machine, find()).driver
        return (
            "" if driver_now == driver else f"{device_words} has the kernel driver {driver_now or 'none'}, not {driver}"
        )

    return LinuxStep(
        title=f"bind {device_words} to {driver}",
        needs=lambda: "" if machine.has_kernel_driver(driver) else f"kernel driver {driver} is not loaded",
        do=lambda: _bind_to_driver(machine, find(), driver),
        holds=holds,
        undo=record,
    )


def kernel_setting_step(machine: HostMachine, path: str, value: str, purpose: str) -> LinuxStep:
    """A file below /proc/sys or /sys says `value`."""

    def holds() -> str:
        now = machine.read(path)
        return "" if now == value else f"{path} says {now!r}, not {value!r}"

    return LinuxStep(
        title=f"{purpose}: {path} says {value}",
        do=lambda: machine.write(path, value),
        holds=holds,
        undo=lambda: KernelSetRecord(path, machine.read(path)),
    )


def obstacles_to_pci_bind(machine: HostMachine, pci: str, driver: str) -> list[str]:
    """Why the device at that address cannot go to that kernel driver."""
    if not pci:
        return ["it is no PCI device"]
    device = machine.device(pci)
    if device is None:
        return [f"there is no PCI device {pci}"]
    wrong = []
    if not machine.has_kernel_driver(driver):
        wrong.append(f"kernel driver {driver} is not loaded")
    elif driver == VFIO_PCI_DRIVER:
        wrong += _obstacles_to_vfio(machine, device)
    return wrong


def _obstacles_to_vfio(machine: HostMachine, device: PciDevice) -> Sequence[str]:
    if not device.iommu_group:
        return [] if machine.noiommu() else [NO_IOMMU_PROBLEM]
    holders = machine.group_holders(device)
    return [f"its IOMMU group {device.iommu_group} is shared with {', '.join(holders)}"] if holders else []


def _device(machine: HostMachine, pci: str) -> PciDevice:
    device = machine.device(pci)
    if device is None:
        raise FileNotFoundError(errno.ENOENT, "no such PCI device", pci)
    return device


def _unbind(machine: HostMachine, device: PciDevice) -> None:
    if device.driver:
        machine.write(f"/sys/bus/pci/drivers/{device.driver}/unbind", device.pci)


def _wait(condition: Callable[[], bool], otherwise: str) -> None:
    deadline = time.monotonic() + RESTORE_S_MAX
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(otherwise)
        time.sleep(_POLL_S)
