"""Makes devices and connects them to the loop; the one place where interfaces meet file descriptors."""

from collections.abc import Callable
from typing import Protocol

from tools.vppsim.devices.packet_socket import PacketSocket
from tools.vppsim.devices.tuntap import TapRequest, TunTap
from tools.vppsim.loop import Loop
from tools.vppsim.packets.offload import Offload

Receive = Callable[[bytes, Offload | None], None]


class Opened(Protocol):
    """A device that can be read."""

    fd: int
    host_name: str

    def read(self, receive: Receive) -> bool: ...
    def transmit(self, offload: Offload | None, header: bytes, payload: bytes | bytearray) -> None: ...
    def close(self) -> None: ...


class Watched:
    """A device on the loop: what it reads goes to `receive`, its end to `gone`."""

    def __init__(self, loop: Loop, device: Opened) -> None:
        self.host_name = device.host_name
        self._loop, self._device, self._watching = loop, device, False
        self.transmit = device.transmit

    def start(self, receive: Receive, gone: Callable[[], None]) -> None:
        def readable() -> None:
            if not self._device.read(receive) and self._watching:
                self._stop()
                gone()

        self._loop.watch(self._device.fd, readable)
        self._watching = True

    def close(self) -> None:
        self._stop()
        self._device.close()

    def _stop(self) -> None:
        if self._watching:
            self._loop.unwatch(self._device.fd)
            self._watching = False


class Devices:
    """Opens devices; raises VppRefused with VPP's errors."""

    def __init__(self, loop: Loop) -> None:
        self._loop = loop

    def tap(self, request: TapRequest) -> Watched:
        return Watched(self._loop, TunTap(request))

    def packet_socket(self, name: str, qdisc_bypass: bool) -> Watched:
        return Watched(self._loop, PacketSocket(name, qdisc_bypass))
