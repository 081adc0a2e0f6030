"""Edge: HTTP answers that tell load balancers whether this node has endpoints of a Service.

As kube-proxy answers on `healthCheckNodePort` of a Service with externalTrafficPolicy Local: 200 while this node
has ready endpoints, 503 otherwise, also while its last ones terminate, with their number in the body and as a weight in
a header.
"""

import asyncio
import json
from collections.abc import Mapping

from actors.runtime.context import ActorContext

_REQUEST_S_MAX = 5.0
_TRY_AGAIN_S = 5.0


class ServiceHealthChecks:
    """A listener for each port."""

    def __init__(self, context: ActorContext) -> None:
        self.errors: dict[int, str] = {}  # port -> why it is not answered on
        self._context = context
        self._checks: Mapping[int, tuple[str, int]] = {}
        self._listening: dict[int, asyncio.Server] = {}
        self._changed = asyncio.Event()

    def apply(self, state: Mapping[int, tuple[str, int]]) -> None:
        """All health checks that there should be: port -> (service, its ready pods of this node)."""
        if state.keys() != self._checks.keys():
            self._changed.set()
        self._checks = dict(state)

    def unwell(self) -> list[str]:
        """All ports that cannot be listened on, each with its Service."""
        troubled = [port for port in sorted(self.errors) if port in self._checks]
        return [f"Service {self._checks[port][0]}: {self.errors[port]}" for port in troubled]

    async def run(self) -> None:
        """For ever: listens on the ports of all checks; a port that is taken is tried again."""
        while True:
            self._changed.clear()
            for port in self._listening.keys() - self._checks.keys():
                self._listening.pop(port).close()
            self.errors = {port: why for port, why in self.errors.items() if port in self._checks}
            for port in sorted(self._checks.keys() - self._listening.keys()):
                await self._listen(port)
            try:
                async with asyncio.timeout(_TRY_AGAIN_S if self.errors else None):
                    await self._changed.wait()
            except TimeoutError:
                continue

    async def _listen(self, port: int) -> None:
        before = self.errors.pop(port, "")
        address = self._context.config.health_check_address or None  # None: all
        try:
            self._listening[port] = await asyncio.start_server(
                lambda reader, writer: self._answer(port, reader, writer), address, port
            )
        except OSError as error:
            self.errors[port] = f"healthCheckNodePort: {port}: {error.strerror or error}"
        if self.errors.get(port, "") != before:
            self._context.wake(f"health-check/{port}")

    async def _answer(self, port: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_REQUEST_S_MAX):
                await reader.readuntil(b"\r\n\r\n")
                writer.write(self._response(port))
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self._context.counters["bad_health_checks"] += 1
        finally:
            writer.close()

    def _response(self, port: int) -> bytes:
        key, count = self._checks.get(port, ("/", 0))
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
