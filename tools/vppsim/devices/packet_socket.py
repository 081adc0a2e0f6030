"""A Linux link as uplink: an AF_PACKET socket on it, in this process's own namespace (VPP: plugins/af_packet).

Each frame travels with a virtio header, so that unsegmented packets and unfinished checksums pass as they are.
"""

import socket
import struct
from contextlib import suppress

from tools.vppsim.devices import link
from tools.vppsim.devices.tuntap import READS_AT_ONCE, Receive
from tools.vppsim.packets.headers import ETHERNET_LENGTH
from tools.vppsim.packets.offload import VIRTIO_HEADER_BYTES, Offload, pack_virtio_header, parse_virtio_header
from tools.vppsim.retvals import VnetError, VppRefused

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_ADD_MEMBERSHIP, PACKET_VNET_HDR, PACKET_QDISC_BYPASS, PACKET_IGNORE_OUTGOING = 1, 15, 20, 23
PACKET_MR_PROMISC = 1
BUFFER_BYTES = 8 * 1024 * 1024
SO_RCVBUFFORCE, SO_SNDBUFFORCE = 33, 32
READ_BYTES = VIRTIO_HEADER_BYTES + ETHERNET_LENGTH + 65536


class PacketSocket:
    """An open uplink on link `name`; raises VppRefused as VPP's af_packet_create does."""

    def __init__(self, name: str, qdisc_bypass: bool) -> None:
        self.host_name = name
        try:
            index = socket.if_nametoindex(name)
        except OSError as error:
            raise VppRefused(VnetError.INVALID_INTERFACE, sw_if_index=0) from error
        try:
            link.set_up(name)
            self._socket = _open(name, index, qdisc_bypass)
        except OSError as error:
            raise VppRefused(VnetError.SYSCALL_ERROR_1) from error
        self.fd = self._socket.fileno()

    def read(self, receive: Receive) -> bool:
        """Hand over all frames that wait. False: the link is gone for good."""
        for _ in range(READS_AT_ONCE):
            try:
                data = self._socket.recv(READ_BYTES)
            except BlockingIOError:
                return True
            except OSError:
                return link.exists(self.host_name)
            receive(data[VIRTIO_HEADER_BYTES:], parse_virtio_header(data, ETHERNET_LENGTH))
        return True

    def transmit(self, offload: Offload | None, header: bytes, payload: bytes | bytearray) -> None:
        with suppress(OSError):  # full, or the link is down: lost as on a wire
            self._socket.sendmsg((pack_virtio_header(offload, ETHERNET_LENGTH, VIRTIO_HEADER_BYTES), header, payload))

    def close(self) -> None:
        self._socket.close()


def _open(name: str, index: int, qdisc_bypass: bool) -> socket.socket:
    handle = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
    handle.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
    handle.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    handle.setsockopt(SOL_PACKET, PACKET_QDISC_BYPASS, int(qdisc_bypass))
    handle.setsockopt(SOL_PACKET, PACKET_ADD_MEMBERSHIP, struct.pack("iHH8s", index, PACKET_MR_PROMISC, 0, b""))
    for option in (SO_RCVBUFFORCE, SO_SNDBUFFORCE):
        with suppress(OSError):  # needs a privilege; smaller buffers only lose packets earlier
            handle.setsockopt(socket.SOL_SOCKET, option, BUFFER_BYTES)
    handle.bind((name, ETH_P_ALL))
    handle.setblocking(False)
    return handle
