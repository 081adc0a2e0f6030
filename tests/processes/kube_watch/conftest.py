"""The lab's API server, and the Kubernetes client pointed at it."""

import json
import queue
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from kubernetes.client.configuration import Configuration

from actors.kube_watch.client import Api, Watch
from actors.kube_watch.watching import Event, Listed, Report, Resource, State
from tools.lab.apiserver.process import ApiServerProcess

HEARD_WITHIN_S = 20.0


class Cluster(ApiServerProcess):
    """An API server, and a way to write to it."""

    def write(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


class Ear:
    """Keeps what a watch reports, in order."""

    def __init__(self) -> None:
        self.reports: queue.Queue[Report] = queue.Queue()

    def __call__(self, resource: Resource, report: Report) -> None:
        self.reports.put(report)

    def next(self, wanted: Callable[[Report], bool]) -> Any:
        """The next report that is wanted; others before it are dropped."""
        deadline = time.monotonic() + HEARD_WITHIN_S
        while True:
            report = self.reports.get(timeout=max(0.0, deadline - time.monotonic()))
            if wanted(report):
                return report

    def listed(self) -> Listed:
        """The next list."""
        found: Listed = self.next(lambda report: isinstance(report, Listed))
        return found

    def event(self) -> tuple[str, str]:
        """(kind, object name) of the next event; a list in between is an error."""
        found = self.next(lambda report: not isinstance(report, State))
        assert isinstance(found, Event), found
        assert isinstance(found.object, dict)
        return found.kind, found.object["metadata"]["name"]

    def state(self, connected: bool) -> State:
        """The next state of that kind."""
        found: State = self.next(lambda report: isinstance(report, State) and report.connected is connected)
        return found


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A running API server with a short memory of three changes."""
    server = Cluster(tmp_path, "--history", "3")
    server.start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def ear() -> Ear:
    """What the watch under test says."""
    return Ear()


@pytest.fixture
def new_watch(ear: Ear) -> Iterator[Callable[[str, Resource], Watch]]:
    """Starts watches of the server at a URL, and ends them."""
    begun: list[tuple[Watch, Api]] = []

    def make(url: str, resource: Resource) -> Watch:
        api = Api(Configuration(host=url))
        watch = Watch(api, resource, ear)
        begun.append((watch, api))
        watch.start()
        return watch

    yield make
    for watch, api in begun:
        watch.stop()
        api.close()
