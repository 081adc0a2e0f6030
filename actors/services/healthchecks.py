"""Edge: HTTP answers that tell load balancers whether this node has endpoints of a Service.

As kube-proxy answers on `healthCheckNodePort` of a Service with externalTrafficPolicy Local: 200 while this node
has ready endpoints and its proxy serves, 503 otherwise, also while its last ones terminate, with their number in the
body and as a weight in a header.
"""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus

from actors.runtime.context import ActorContext
from actors.services.http_answers import HttpAnswers, http_json_answer

_TRY_AGAIN_S = 5.0


class ServiceHealthChecks:
    """A listener for each port."""

    def __init__(self, context: ActorContext, answers: HttpAnswers, is_serving: Callable[[], bool]) -> None:
        self._answers, self._is_serving = answers, is_serving
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
                lambda reader, writer: self._answers.answer(reader, writer, lambda path: self._response(port)),
                address,
                port,
            )
        except OSError as error:
            self.errors[port] = f"healthCheckNodePort: {port}: {error.strerror or error}"
        if self.errors.get(port, "") != before:
            self._context.wake(f"health-check/{port}")

    def _response(self, port: int) -> bytes:
        key, count = self._checks.get(port, ("/", 0))
        namespace, _, name = key.partition("/")
        is_serving = self._is_serving()
        body = {
            "service": {"namespace": namespace, "name": name},
            "localEndpoints": count,
            "serviceProxyHealthy": is_serving,
        }
        status = HTTPStatus.OK if count and is_serving else HTTPStatus.SERVICE_UNAVAILABLE
        return http_json_answer(status, body, {"X-Load-Balancing-Endpoint-Weight": str(count)})

    async def stop(self) -> None:
        """Listens no more."""
        for server in self._listening.values():
            server.close()
        self._listening = {}
