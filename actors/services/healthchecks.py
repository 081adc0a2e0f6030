"""Edge: HTTP answers that tell load balancers whether this node has endpoints of a Service.

As kube-proxy answers on `healthCheckNodePort` of a Service with externalTrafficPolicy Local: 200 while this node
has endpoints that take its traffic, 503 otherwise, with the number in the body and as a weight in a header.
"""

import asyncio
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from actors.services.actor import ServicesManager

REQUEST_S_MAX = 5.0
TRY_AGAIN_S = 5.0


class HealthChecks:
    """A listener for each port."""

    def __init__(self, manager: "ServicesManager", address: str) -> None:
        self._manager, self._address = manager, address
        self._wanted: dict[int, tuple[str, int]] = {}
        self._listening: dict[int, asyncio.Server] = {}
        self._trouble: dict[int, str] = {}
        self._changed = asyncio.Event()

    def wanted(self, checks: Mapping[int, tuple[str, int]]) -> None:
        """port -> (service, its usable endpoints of this node): all there are to be."""
        if checks.keys() != self._wanted.keys():
            self._changed.set()
        self._wanted = dict(checks)

    def trouble(self, service: str) -> str:
        """Why the Service's port is not answered on; "" if it is."""
        return next((self._trouble.get(port, "") for port, (key, _) in self._wanted.items() if key == service), "")

    def troubles(self) -> list[str]:
        """All ports that cannot be listened on."""
        return [f"Service {self._wanted[port][0]}: {why}" for port, why in sorted(self._trouble.items())]

    async def run(self) -> None:
        """For ever: listens where it is wanted; a port that is taken is tried again."""
        while True:
            self._changed.clear()
            for port in self._listening.keys() - self._wanted.keys():
                self._listening.pop(port).close()
            self._trouble = {port: why for port, why in self._trouble.items() if port in self._wanted}
            for port in sorted(self._wanted.keys() - self._listening.keys()):
                await self._listen(port)
            try:
                async with asyncio.timeout(TRY_AGAIN_S if self._trouble else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _listen(self, port: int) -> None:
        before = self._trouble.pop(port, "")
        try:
            self._listening[port] = await asyncio.start_server(
                lambda reader, writer: self._answer(port, reader, writer), self._address or None, port
            )
        except OSError as error:
            self._trouble[port] = f"healthCheckNodePort: {port}: {error.strerror or error}"
        if self._trouble.get(port, "") != before:
            self._manager.runtime.wake(f"health-check/{port}")

    async def _answer(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(REQUEST_S_MAX):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._response(port))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self._manager.runtime.peer.counters["bad_health_checks"] += 1
        finally:
            writer.close()

    def _response(self, port: int) -> bytes:
        key, count = self._wanted.get(port, ("/", 0))
        namespace, _, name = key.partition("/")
        body = json.dumps(
            {
                "service": {"namespace": namespace, "name": name},
                "localEndpoints": count,
                "serviceProxyHealthy": True,
            }
        ).encode()
        status = "200 OK" if count else "503 Service Unavailable"
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{head}X-Load-Balancing-Endpoint-Weight: {count}\r\nConnection: close\r\n\r\n".encode() + body

    async def stop(self) -> None:
        """Listens no more."""
        for server in self._listening.values():
            server.close()
        self._listening = {}
