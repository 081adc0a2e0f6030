"""Edge: kernel, memory and devices of this machine, from /proc, /sys and /dev. `root`: a recorded tree instead of `/`.

Sources: Linux's Documentation/ABI/testing/sysfs-bus-pci, admin-guide/mm/hugetlbpage.rst, driver-api/vfio.rst.
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

_KIB = 1024
_SIZE = {"KB": _KIB, "MB": _KIB**2, "GB": _KIB**3}  # units in the names of the hugetlb controller's files


@dataclass(frozen=True)
class Hugepages:
    """The pages of one size. `free`: those that a new process of this container can have."""

    bytes_each: int
    total: int
    free: int


@dataclass(frozen=True)
class PciDevice:
    """A PCI device. Empty strings: it has no such thing."""

    pci: str  # PCI address, "0000:3b:00.0"
    vendor: str = ""  # "8086"
    device: str = ""  # "154c"
    driver: str = ""  # kernel driver, "virtio-pci"
    iommu_group: str = ""  # its number; "": no IOMMU guards it
    links: tuple[str, ...] = ()  # its network devices in this namespace
    physical: str = ""  # PCI address of the physical function whose virtual function it is
    vfs_max: int = 0  # virtual functions that it can have
    vfs: tuple[str, ...] = ()  # PCI addresses of those that it has


@dataclass(frozen=True)
class HostMachine:
    """A machine's kernel and devices, read whenever they are asked for."""

    root: Path = Path("/")

    def path(self, text: str) -> Path:
        """Path of a file of the machine, "/sys/...", below its root."""
        return self.root / text.lstrip("/")

    def kernel_version(self) -> tuple[int, ...]:
        """Version of the kernel, (6, 1, 0); (): unknown."""
        match = re.match(r"(\d+)\.(\d+)(?:\.(\d+))?", self.read("/proc/sys/kernel/osrelease"))
        return tuple(int(part or 0) for part in match.groups()) if match else ()

    def hugepages(self) -> tuple[Hugepages, ...]:
        """Pages of all sizes of the kernel; only of the default size where it does not tell more (/proc/meminfo)."""
        sizes = sorted(self.path("/sys/kernel/mm/hugepages").glob("hugepages-*kB"))
        if sizes:
            return tuple(self._hugepages(directory) for directory in sizes)
        lines = dict(re.findall(r"^(Huge\w+):\s+(\d+)", self.read("/proc/meminfo"), re.MULTILINE))
        if "Hugepagesize" not in lines:
            return ()
        page_bytes = int(lines["Hugepagesize"]) * _KIB
        total, free = (int(lines.get(f"HugePages_{word}", 0)) for word in ("Total", "Free"))
        return (Hugepages(page_bytes, total, min(free, self._pages_left_by_cgroup(page_bytes))),)

    def has_hugepages(self) -> bool:
        """Is a page of any size free?"""
        return any(pages.free for pages in self.hugepages())

    def has_kernel_driver(self, name: str) -> bool:
        """Is a PCI driver of that name loaded?"""
        return self.path(f"/sys/bus/pci/drivers/{name}").is_dir()

    def noiommu(self) -> str:
        """May VFIO drive devices without an IOMMU: "Y", "N", or "": this kernel's VFIO cannot."""
        return self.read(VFIO_NOIOMMU_FILE)

    def is_rdma_shared(self) -> bool:
        """Are RDMA devices visible in all network namespaces? (man rdma-system)"""
        return self.read("/sys/module/ib_core/parameters/netns_mode") != "N"

    def device(self, pci: str) -> PciDevice | None:
        """The device at a PCI address."""
        directory = self.path(pci_device_path(pci))
        if not pci or not directory.is_dir():
            return None
        text = pci_device_path(pci)
        return PciDevice(
            pci=pci,
            vendor=self.read(f"{text}/vendor").removeprefix("0x"),
            device=self.read(f"{text}/device").removeprefix("0x"),
            driver=_link_name(directory / "driver"),
            iommu_group="" if self._is_noiommu(text) else _link_name(directory / "iommu_group"),
            # A virtio NIC's network device belongs to the virtio device that the PCI device carries.
            links=tuple(sorted(e.name for where in ("net/*", "virtio*/net/*") for e in directory.glob(where))),
            physical=_link_name(directory / "physfn"),
            vfs_max=int(self.read(f"{text}/sriov_totalvfs") or 0),
            vfs=tuple(_link_name(entry) for entry in sorted(directory.glob("virtfn*"), key=_number)),
        )

    def group_holders(self, device: PciDevice) -> tuple[str, ...]:
        """Devices in its IOMMU group whose drivers keep VFIO from the group, each "PCI address (kernel driver)"."""
        members = self.path(f"/sys/kernel/iommu_groups/{device.iommu_group}/devices").glob("*")
        drivers = {entry.name: _link_name(self.path(pci_device_path(entry.name)) / "driver") for entry in members}
        drivers.pop(device.pci, None)
        return tuple(
            f"{pci} ({name})" for pci, name in sorted(drivers.items()) if name and not _may_share_vfio_group(name)
        )

    def has_vhost_net(self) -> bool:
        """Can the kernel serve the Linux side of VPP's taps?"""
        return self.path("/dev/vhost-net").exists()

    def locked_memory_max(self) -> int | None:
        """Bytes that this process may lock in memory; None: no limit (RLIMIT_MEMLOCK)."""
        match = re.search(r"^Max locked memory\s+(\S+)", self.read("/proc/self/limits"), re.MULTILINE)
        return int(match[1]) if match and match[1].isdigit() else None

    def first_cpu(self) -> str:
        """First CPU of the container; "": unknown (cgroup v2, cpuset controller)."""
        sets = (self.read(f"/sys/fs/cgroup/cpuset.cpus{which}") for which in ("", ".effective"))
        return next((found[0] for found in (re.match(r"\d+", text) for text in sets) if found), "")

    def read(self, text: str) -> str:
        """Text of a file; "": it cannot be read."""
        try:
            return self.path(text).read_text().strip()
        except OSError:
            return ""

    def write(self, text: str, value: str) -> None:
        """Writes to a file of the kernel's. Raises OSError."""
        self.path(text).write_text(value)

    def _hugepages(self, directory: Path) -> Hugepages:
        page_bytes = _number(directory) * _KIB
        total, free = (int((directory / f"{word}_hugepages").read_text()) for word in ("nr", "free"))
        return Hugepages(page_bytes, total, min(free, self._pages_left_by_cgroup(page_bytes)))

    def _is_noiommu(self, device: str) -> bool:
        """Is the device's IOMMU group an artificial one of VFIO's no-IOMMU mode?"""
        return self.read(f"{device}/iommu_group/name").startswith("vfio-noiommu")

    def _pages_left_by_cgroup(self, page_bytes: int) -> int:
        """How many more pages of that size the container may have (cgroup v2, hugetlb controller)."""
        for file in self.path("/sys/fs/cgroup").glob("hugetlb.*.max"):
            number, unit = file.name.split(".")[1][:-2], file.name.split(".")[1][-2:]
            text = file.read_text().strip()
            if number.isdigit() and int(number) * _SIZE.get(unit, 0) == page_bytes and text.isdigit():
                used_bytes = self.read(f"/sys/fs/cgroup/{file.name.removesuffix('max')}current") or "0"
                return max(0, int(text) - int(used_bytes)) // page_bytes
        return 1 << 62


VFIO_NOIOMMU_FILE = "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode"


def pci_device_path(pci: str) -> str:
    """Directory of a PCI device in sysfs."""
    return f"/sys/bus/pci/devices/{pci}"


def _may_share_vfio_group(driver: str) -> bool:
    """May a device of that kernel driver be in the IOMMU group of a device that VFIO has? (driver-api/vfio.rst)"""
    return driver.startswith("vfio") or driver in ("pci-stub", "pcieport")


def _link_name(link: Path) -> str:
    """Last part of a symbolic link's target; "": no such link."""
    try:
        return Path(os.readlink(link)).name
    except OSError:
        return ""


def _number(path: Path) -> int:
    """The number in a file name: virtfn12, hugepages-2048kB."""
    match = re.search(r"\d+", path.name)
    return int(match[0]) if match else 0
