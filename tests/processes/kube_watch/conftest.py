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

from actors.kube_watch.client import KubeApiClient, KubeResourceWatch
from actors.kube_watch.list_watch import (
    KubeApiResource,
    KubeListResult,
    KubeWatchConnection,
    KubeWatchEvent,
    KubeWatchReport,
)
from tools.lab.apiserver.process import ApiServerProcess

REPORT_WITHIN_S = 20.0


class Cluster(ApiServerProcess):
    """An API server, and a way to write to it."""

    def write(self, method: str, path: str, body: Any = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read())


class Reports:
    """The reports of a watch, in order."""

    def __init__(self) -> None:
        self.reports: queue.Queue[KubeWatchReport] = queue.Queue()

    def __call__(self, resource: KubeApiResource, report: KubeWatchReport) -> None:
        self.reports.put(report)

    def next(self, matches: Callable[[KubeWatchReport], bool]) -> Any:
        """The next report that matches; others before it are dropped."""
        deadline = time.monotonic() + REPORT_WITHIN_S
        while True:
            report = self.reports.get(timeout=max(0.0, deadline - time.monotonic()))
            if matches(report):
                return report

    def listed(self) -> KubeListResult:
        """The next list."""
        report: KubeListResult = self.next(lambda report: isinstance(report, KubeListResult))
        return report

    def event(self) -> tuple[str, str]:
        """(kind, object name) of the next event; a list in between is an error."""
        report = self.next(lambda report: not isinstance(report, KubeWatchConnection))
        assert isinstance(report, KubeWatchEvent), report
        assert isinstance(report.object, dict)
        return report.kind, report.object["metadata"]["name"]

    def state(self, connected: bool) -> KubeWatchConnection:
        """The next state of that kind."""
        report: KubeWatchConnection = self.next(
            lambda report: isinstance(report, KubeWatchConnection) and report.connected is connected
        )
        return report


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    """A running API server with a short memory of three changes."""
    server = Cluster(tmp_path, "--history", "3")
    server.start()
    yield server
    server.stop(signal.SIGKILL)


@pytest.fixture
def reports() -> Reports:
    """The reports of the watch under test."""
    return Reports()


@pytest.fixture
def new_watch(reports: Reports) -> Iterator[Callable[[str, KubeApiResource], KubeResourceWatch]]:
    """Starts watches of the server at a URL, and ends them."""
    running: list[tuple[KubeResourceWatch, KubeApiClient]] = []

    def make(url: str, resource: KubeApiResource) -> KubeResourceWatch:
        api = KubeApiClient(Configuration(host=url))
        watch = KubeResourceWatch(api, resource, reports)
        running.append((watch, api))
        watch.start()
        return watch

    yield make
    for watch, api in running:
        watch.stop()
        api.close()
