"""Opens devices and connects them to the loop: here interfaces meet file descriptors."""

from collections.abc import Callable
from typing import Protocol

from tools.vppsim.devices.packet_socket import PacketSocket
from tools.vppsim.devices.tuntap import Receive, TapRequest, TunTap
from tools.vppsim.loop import EventLoop
from tools.vppsim.packets.offload import Offload


class ReadableDevice(Protocol):
    """An open device. `read` hands over waiting frames; False: it is gone for good."""

    fd: int
    host_name: str

    def read(self, receive: Receive) -> bool: ...
    def transmit(self, offload: Offload | None, header: bytes, payload: bytes | bytearray) -> None: ...
    def close(self) -> None: ...


class AttachedDevice:
    """A device on the loop: its frames go to `receive`; `on_vanished` is called when it is gone."""

    def __init__(self, loop: EventLoop, device: ReadableDevice) -> None:
        self.host_name = device.host_name
        self._loop, self._device, self._watching = loop, device, False
        self.transmit = device.transmit

    def start(self, receive: Receive, on_vanished: Callable[[], None]) -> None:
        def readable() -> None:
            if not self._device.read(receive) and self._watching:
                self._stop()
                on_vanished()

        self._loop.watch(self._device.fd, readable)
        self._watching = True

    def close(self) -> None:
        self._stop()
        self._device.close()

    def _stop(self) -> None:
        if self._watching:
            self._loop.unwatch(self._device.fd)
            self._watching = False


class DeviceMaker:
    """Opens devices on a loop; raises VppRefused with VPP's errors."""

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop

    def tap(self, request: TapRequest) -> AttachedDevice:
        return AttachedDevice(self._loop, TunTap(request))

    def packet_socket(self, name: str, qdisc_bypass: bool) -> AttachedDevice:
        return AttachedDevice(self._loop, PacketSocket(name, qdisc_bypass))
