"""Intents of an uplink's interface in VPP, one for each driver but AF_PACKET's (that one is in `intents.py`).

All carry the MAC address that the uplink had in Linux, and a tag by which a read-back recognises them.
"""

from schemas.intent_base import Intent


class AfXdpIntent(Intent, frozen=True, tag="af-xdp"):
    """A host interface through AF_XDP sockets (VPP: af_xdp_create_v3)."""

    name: str  # intent name that it gets
    host_interface: str  # Linux interface, in VPP's own network namespace
    mac: str  # VPP's MAC address on it
    tag: str  # at most 63 bytes
    mode: str = "auto"  # auto | copy | zero-copy
    rx_queues: int = 1  # how many; 0: all that the link has
    rx_ring: int = 1024  # descriptors of a queue
    tx_ring: int = 1024  # descriptors of a queue

    @property
    def key(self) -> str:
        return f"interface/{self.name}"


class VirtioPciIntent(Intent, frozen=True, tag="virtio-pci"):
    """A virtio NIC by VPP's own driver (VPP: virtio_pci_create_v2)."""

    name: str  # intent name that it gets
    pci: str  # PCI address, "0000:00:05.0"
    mac: str  # its MAC address
    tag: str  # at most 63 bytes
    gso: bool = True  # segmentation and checksum offload

    @property
    def key(self) -> str:
        return f"interface/{self.name}"


class Vmxnet3Intent(Intent, frozen=True, tag="vmxnet3"):
    """A vmxnet3 NIC by VPP's own driver (VPP: vmxnet3_create)."""

    name: str  # intent name that it gets
    pci: str  # PCI address, "0000:0b:00.0"
    mac: str  # its MAC address
    tag: str  # at most 63 bytes
    gso: bool = True  # segmentation offload
    rx_queues: int = 1  # how many
    tx_queues: int = 1  # how many
    rx_ring: int = 1024  # descriptors of a queue
    tx_ring: int = 1024  # descriptors of a queue

    @property
    def key(self) -> str:
        return f"interface/{self.name}"


class RdmaIntent(Intent, frozen=True, tag="rdma"):
    """A Mellanox NIC by RDMA verbs (VPP: rdma_create_v4)."""

    name: str  # intent name that it gets
    host_interface: str  # Linux interface
    mac: str  # its MAC address
    tag: str  # at most 63 bytes
    rx_queues: int = 1  # how many
    rx_ring: int = 1024  # descriptors of a queue
    tx_ring: int = 1024  # descriptors of a queue

    @property
    def key(self) -> str:
        return f"interface/{self.name}"


class DevicePortIntent(Intent, frozen=True, tag="device-port"):
    """Port 0 of a PCI device by a driver of VPP's device framework (VPP: dev_attach, dev_create_port_if).

    VPP 26.10 drives Intel's virtual functions so (driver "iavf"); it no longer has `avf_create`.
    """

    name: str  # intent name that it gets
    pci: str  # PCI address of the virtual function, "0000:3b:02.0"
    driver: str  # VPP's driver, e.g. "iavf"
    mac: str  # its MAC address
    tag: str  # at most 63 bytes
    rx_queues: int = 1  # how many
    tx_queues: int = 1  # how many
    rx_ring: int = 1024  # descriptors of a queue
    tx_ring: int = 1024  # descriptors of a queue

    @property
    def key(self) -> str:
        return f"interface/{self.name}"


class PreconfiguredInterfaceIntent(Intent, frozen=True, tag="existing"):
    """An interface that startup.conf configures, with this tag: DPDK's devices, and those of the user's own template.

    It is found by its tag and never deleted.
    """

    name: str  # intent name that it gets
    mac: str  # its MAC address, set where the device can
    tag: str  # at most 63 bytes; startup.conf says the same

    @property
    def key(self) -> str:
        return f"interface/{self.name}"
