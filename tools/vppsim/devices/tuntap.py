"""Tuns and taps in any namespace (VPP: plugins/tap/tap.c).

A persistent device outlives this process, and the next life attaches to it by name; deleting it through the API unsets
persistence first. VPP uses vhost-net where vppsim reads and writes the file; on the Linux side there is no difference.
"""

import errno
import fcntl
import os
import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from tools.vppsim.devices import link, netns
from tools.vppsim.packets.headers import ETHERNET_LENGTH
from tools.vppsim.packets.offload import Offload, pack_virtio_header, parse_virtio_header
from tools.vppsim.retvals import VnetError, VppRefused

TUNSETIFF, TUNSETPERSIST, TUNSETOFFLOAD = 0x400454CA, 0x400454CB, 0x400454D0
TUNSETVNETHDRSZ, TUNSETSNDBUF = 0x400454D8, 0x400454D4
IFF_TUN, IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x1, 0x2, 0x1000, 0x4000
OFFLOAD_CHECKSUM, OFFLOAD_TSO4, OFFLOAD_TSO6 = 0x1, 0x2, 0x4
HEADER_BYTES = 12
READ_BYTES = HEADER_BYTES + ETHERNET_LENGTH + 65536
READS_AT_ONCE = 64
"""Frames taken from one device before others get their turn."""

Receive = Callable[[bytes, Offload | None], None]


@dataclass(frozen=True)
class TapRequest:
    """Settings of tap_create_v3; empty strings and zero where it leaves them out."""

    tun: bool
    host_name: str = ""
    namespace: str = ""
    host_mac: bytes = b""
    host_mtu: int = 0
    bridge: str = ""
    persist: bool = False
    attach: bool = False
    checksum_offload: bool = False
    segmentation_offload: bool = False


class TunTap:
    """An open tun or tap. `host_name` is its name in Linux."""

    def __init__(self, request: TapRequest) -> None:
        self._link_header = 0 if request.tun else ETHERNET_LENGTH
        self.fd, self.host_name = _open(request)

    def read(self, receive: Receive) -> bool:
        """Hand over all frames that wait. False: the Linux side is gone for good."""
        for _ in range(READS_AT_ONCE):
            try:
                data = os.read(self.fd, READ_BYTES)
            except BlockingIOError:
                return True
            except OSError as error:
                return error.errno == errno.EIO  # the link is down for now; anything else is final
            receive(data[HEADER_BYTES:], parse_virtio_header(data, self._link_header))
        return True

    def transmit(self, offload: Offload | None, header: bytes, payload: bytes | bytearray) -> None:
        with suppress(OSError):  # full, or the Linux side is down: lost as on a wire
            os.writev(self.fd, (pack_virtio_header(offload, self._link_header, HEADER_BYTES), header, payload))

    def close(self) -> None:
        """Delete the device, persistent or not."""
        with suppress(OSError):
            fcntl.ioctl(self.fd, TUNSETPERSIST, 0)
        os.close(self.fd)


def _open(request: TapRequest) -> tuple[int, str]:
    """Raises VppRefused with the errors that VPP gives for each step."""
    if request.attach and not request.host_name:
        raise VppRefused(VnetError.SYSCALL_ERROR_3)
    if not request.namespace:
        return _open_here(request)
    try:
        namespace = os.open(netns.path_of(request.namespace), os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise VppRefused(VnetError.SYSCALL_ERROR_2) from error
    try:
        with netns.inside(namespace):
            return _open_here(request)
    except OSError as error:
        raise VppRefused(VnetError.SYSCALL_ERROR_3) from error
    finally:
        os.close(namespace)


def _open_here(request: TapRequest) -> tuple[int, str]:
    try:
        fd = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise VppRefused(VnetError.SYSCALL_ERROR_2) from error
    try:
        name = _configure(fd, request)
        _configure_link(name, request)
    except BaseException:
        os.close(fd)
        raise
    return fd, name


def _configure(fd: int, request: TapRequest) -> str:
    flags = IFF_NO_PI | IFF_VNET_HDR | (IFF_TUN if request.tun else IFF_TAP)
    try:
        answer = fcntl.ioctl(fd, TUNSETIFF, struct.pack("16sH22x", request.host_name.encode()[:15], flags))
        fcntl.ioctl(fd, TUNSETPERSIST, int(request.persist))
        fcntl.ioctl(fd, TUNSETVNETHDRSZ, struct.pack("i", HEADER_BYTES))
        fcntl.ioctl(fd, TUNSETSNDBUF, struct.pack("i", 0x7FFFFFFE))
        segmentation = OFFLOAD_TSO4 | OFFLOAD_TSO6 if request.segmentation_offload else 0
        fcntl.ioctl(fd, TUNSETOFFLOAD, segmentation | (OFFLOAD_CHECKSUM if request.checksum_offload else 0))
    except OSError as error:
        raise VppRefused(VnetError.SYSCALL_ERROR_3) from error
    return answer[:16].split(b"\0")[0].decode()


def _configure_link(name: str, request: TapRequest) -> None:
    try:
        if not request.tun:
            link.set_mac(name, request.host_mac)
        if request.bridge and not request.tun:
            link.add_to_bridge(request.bridge, name)
        link.set_up(name)
        if request.host_mtu:
            link.set_mtu(name, request.host_mtu)
    except OSError as error:
        raise VppRefused(VnetError.NETLINK_ERROR) from error
