"""Edge: one HTTP answer to each connection, for load balancers that ask after health.

Whoever asks may be anybody: a request has a bounded time, and more connections than there is room for are closed at
once, so that they cannot use up the process's descriptors.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Callable, Mapping
from http import HTTPStatus

_REQUEST_S_MAX = 5.0
_CONNECTIONS_MAX = 64


class HttpAnswers:
    """The connections of all listeners of a process."""

    def __init__(self, counters: Counter[str]) -> None:
        self._counters = counters
        self._open = 0

    async def answer(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, respond: Callable[[str], bytes]
    ) -> None:
        """Reads a request, answers what `respond` says to its path, closes."""
        self._open += 1
        try:
            if self._open <= _CONNECTIONS_MAX:
                async with asyncio.timeout(_REQUEST_S_MAX):
                    writer.write(respond(_path(await reader.readuntil(b"\r\n\r\n"))))
                    await writer.drain()
            else:
                self._counters["refused_health_checks"] += 1
        except (OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            self._counters["bad_health_checks"] += 1
        finally:
            self._open -= 1
            writer.close()


def http_json_answer(status: HTTPStatus, body: object, headers: Mapping[str, str] | None = None) -> bytes:
    """The bytes of an answer whose body is JSON."""
    content = json.dumps(body).encode()
    head = {
        "Content-Type": "application/json",
        "X-Content-Type-Options": "nosniff",
        "Content-Length": str(len(content)),
        "Connection": "close",
        **(headers or {}),
    }
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in head.items())]
    return "\r\n".join((*lines, "", "")).encode() + content


def _path(request: bytes) -> str:
    """The path that a request asks for, without its query; "" if it asks for none."""
    words = request.split(b"\r\n", 1)[0].decode("latin-1").split(" ")
    return words[1].partition("?")[0] if len(words) == 3 else ""
