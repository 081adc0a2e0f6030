"""A recorded machine: a tree with what the kernel shows of it, and a kernel that answers what is written to it."""

from pathlib import Path

from vppd_guard.drivers.machine import VFIO_NOIOMMU_FILE, HostMachine, pci_device_path

DRIVERS = "/sys/bus/pci/drivers"


class Kernel(HostMachine):
    """The tree's kernel: binds and unbinds devices, makes virtual functions, when told to as Linux is told."""

    def write(self, text: str, value: str) -> None:
        """What the kernel does with it, and then the file says it."""
        super().write(text, value)
        directory, name = Path(text).parent, Path(text).name
        if name == "unbind":
            _set_link(self.path(f"{pci_device_path(value)}/driver"), None)
            for link in self.path(pci_device_path(value)).glob("net/*"):
                link.rmdir()
        elif name == "bind":
            self._bound(value, directory.name)
        elif name == "drivers_probe":
            driver = self.read(f"{pci_device_path(value)}/driver_override")
            if driver and not self.path(f"{pci_device_path(value)}/driver").is_symlink():
                self._bound(value, driver)
        elif name == "sriov_numvfs" and value == "1":
            function = directory.name[:-1] + "1"
            nic(self, function, "iavf", group="71", link="eth9")
            _set_link(self.path(f"{directory}/virtfn0"), f"../{function}")

    def _bound(self, pci: str, driver: str) -> None:
        _set_link(self.path(f"{pci_device_path(pci)}/driver"), f"{DRIVERS}/{driver}")
        link = self.read(f"{pci_device_path(pci)}/makes")
        if link and not driver.startswith(("vfio", "uio")):
            self.path(f"{pci_device_path(pci)}/net/{link}").mkdir(parents=True)


def machine(
    root: Path,
    *,
    kernel: str = "6.1.0-13-amd64",
    free: int = 64,
    drivers: tuple[str, ...] = ("vfio-pci",),
    noiommu: str = "N",
) -> Kernel:
    """A machine with that kernel, free 2 MiB pages out of 128, loaded PCI drivers, and VFIO's mode ("": none)."""
    tree = Kernel(root)
    put(tree, "/proc/sys/kernel/osrelease", f"{kernel}\n")
    put(tree, "/sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages", "128\n")
    put(tree, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", f"{free}\n")
    put(tree, "/sys/bus/pci/drivers_probe", "")
    for driver in drivers:
        load(tree, driver)
    if noiommu:
        put(tree, VFIO_NOIOMMU_FILE, f"{noiommu}\n")
    return tree


def load(tree: HostMachine, driver: str) -> None:
    """A kernel driver is loaded."""
    put(tree, f"{DRIVERS}/{driver}/bind", "")
    put(tree, f"{DRIVERS}/{driver}/unbind", "")


def nic(
    tree: HostMachine,
    pci: str,
    driver: str,
    *,
    link: str = "",
    vendor: str = "8086",
    group: str = "17",
    vfs_max: int = 0,
) -> None:
    """A NIC with its kernel driver and network device. `group` "": no IOMMU."""
    load(tree, driver)
    put(tree, f"{pci_device_path(pci)}/vendor", f"0x{vendor}\n")
    put(tree, f"{pci_device_path(pci)}/device", "0x154c\n")
    put(tree, f"{pci_device_path(pci)}/driver_override", "(null)\n")
    put(tree, f"{pci_device_path(pci)}/makes", link)
    _set_link(tree.path(f"{pci_device_path(pci)}/driver"), f"../../../bus/pci/drivers/{driver}")
    if link:
        tree.path(f"{pci_device_path(pci)}/net/{link}").mkdir(parents=True)
    if group:
        _set_link(tree.path(f"{pci_device_path(pci)}/iommu_group"), f"../../../kernel/iommu_groups/{group}")
        put(tree, f"/sys/kernel/iommu_groups/{group}/devices/{pci}", "")
    if vfs_max:
        put(tree, f"{pci_device_path(pci)}/sriov_totalvfs", f"{vfs_max}\n")
        put(tree, f"{pci_device_path(pci)}/sriov_numvfs", "0\n")


def put(tree: HostMachine, text: str, value: str) -> None:
    """A file of the tree."""
    path = tree.path(text)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(value)


def _set_link(path: Path, target: str | None) -> None:
    path.unlink(missing_ok=True)
    if target is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(target)
