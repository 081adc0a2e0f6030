"""A real API server process on loopback, and raw HTTP."""

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tools.lab.apiserver.process import ApiServerProcess


class ApiServer(ApiServerProcess):
    """The process, and a way to ask it."""

    def ask(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        """(HTTP code, decoded JSON) of one request."""
        data = body if isinstance(body, bytes) else None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": kind}
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.loads(error.read())


@pytest.fixture
def new_server(tmp_path: Path) -> Iterator[Callable[..., ApiServer]]:
    """Starts servers, and ends what is left of them."""
    servers: list[ApiServer] = []

    def make(*options: str) -> ApiServer:
        directory = tmp_path / f"apiserver{len(servers)}"
        directory.mkdir()
        server = ApiServer(directory, *options)
        servers.append(server)
        server.start()
        return server

    yield make
    for server in servers:
        server.stop(signal.SIGKILL)


@pytest.fixture
def server(new_server: Callable[..., ApiServer]) -> ApiServer:
    """One running server."""
    return new_server()
