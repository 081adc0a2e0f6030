"""The Kubernetes client against a real HTTP server that comes, goes and forgets."""

import json
import signal
import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from actors.kube_watch.client import KubeApiClient, KubeResourceWatch
from actors.kube_watch.list_watch import CRD_API, KubeApiResource, calico_api_version
from tests.waiting import until

NODES = KubeApiResource("v1", "nodes")
POOLS = KubeApiResource(CRD_API, "ippools")
NewWatch = Callable[[str, KubeApiResource], KubeResourceWatch]


def object_named(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **more}


def test_a_watch_lists_then_tells_each_change(cluster: Any, reports: Any, new_watch: NewWatch) -> None:
    cluster.write("POST", NODES.path, object_named("n1"))
    new_watch(cluster.url, NODES)
    assert [item["metadata"]["name"] for item in reports.listed().items] == ["n1"]
    cluster.write("POST", NODES.path, object_named("n2"))
    assert reports.event() == ("ADDED", "n2")
    cluster.write("PUT", f"{NODES.path}/n2", object_named("n2", spec={"a": 1}))
    assert reports.event() == ("MODIFIED", "n2")
    cluster.write("DELETE", f"{NODES.path}/n2")
    assert reports.event() == ("DELETED", "n2")


def test_objects_of_any_shape_are_handed_on(cluster: Any, reports: Any, new_watch: NewWatch) -> None:
    cluster.write("POST", POOLS.path, object_named("p", spec=[1, {"cidr": None}]))
    new_watch(cluster.url, POOLS)
    assert reports.listed().items[0]["spec"] == [1, {"cidr": None}]


def test_a_watch_resumes_after_the_server_restarted(cluster: Any, reports: Any, new_watch: NewWatch) -> None:
    new_watch(cluster.url, NODES)
    reports.listed()
    cluster.stop()
    assert reports.state(connected=False).lost_because
    cluster.start()
    reports.state(connected=True)
    cluster.write("POST", NODES.path, object_named("n1"))
    assert reports.event() == ("ADDED", "n1")  # and no second list


def test_a_watch_that_missed_too_much_lists_again(cluster: Any, reports: Any, new_watch: NewWatch) -> None:
    new_watch(cluster.url, NODES)
    assert reports.listed().items == []
    cluster.stop(signal.SIGKILL)
    url, cluster.url = cluster.url, ""
    cluster.start()  # elsewhere: the watch cannot see what happens now
    for number in range(5):
        cluster.write("POST", NODES.path, object_named(f"n{number}"))
    cluster.stop()
    cluster.url = url
    cluster.start()
    assert len(reports.listed().items) == 5


def test_a_quiet_watch_keeps_up_by_bookmarks(cluster: Any, reports: Any, new_watch: NewWatch) -> None:
    watch = new_watch(cluster.url, NODES)
    before = reports.listed().version
    for number in range(9):
        cluster.write("POST", POOLS.path, object_named(f"p{number}"))
    until(lambda: watch._version != before, "a bookmark has come")
    cluster.stop()
    cluster.start()
    cluster.write("POST", NODES.path, object_named("n1"))
    assert reports.event() == ("ADDED", "n1")  # resumed where the bookmark was, no second list


def test_a_watch_starts_before_its_server(cluster: Any, reports: Any, new_watch: NewWatch) -> None:
    cluster.stop()
    new_watch(cluster.url, NODES)
    assert str(reports.state(connected=False)).startswith("waiting: ")
    cluster.start()
    reports.state(connected=True)
    assert reports.listed().items == []


def test_a_resource_that_the_server_lacks_is_waited_for(cluster: Any, reports: Any, new_watch: NewWatch) -> None:
    new_watch(cluster.url, KubeApiResource("projectcalico.org/v3", "ippools"))
    assert "404" in reports.state(connected=False).lost_because


def test_an_answer_that_is_not_kubernetes_is_a_reason_to_wait(reports: Any, new_watch: NewWatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n[1, 2,\n")

        thread = threading.Thread(target=answer)
        thread.start()
        watch = new_watch(f"http://127.0.0.1:{listening.getsockname()[1]}", NODES)
        assert reports.state(connected=False).lost_because
        thread.join(5)
        watch.stop()


@pytest.mark.alone
def test_stop_ends_a_blocked_watch_within_a_second(cluster: Any, reports: Any, new_watch: NewWatch) -> None:
    watch = new_watch(cluster.url, NODES)
    reports.listed()
    started_at = time.monotonic()
    watch.stop()
    assert time.monotonic() - started_at < 1.0
    assert not watch._thread.is_alive()


@pytest.mark.alone
def test_stop_does_not_wait_for_a_server_that_never_answers(reports: Any, new_watch: NewWatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        watch = new_watch(f"http://127.0.0.1:{silent.getsockname()[1]}", NODES)
        connection, _ = silent.accept()
        started_at = time.monotonic()
        watch.stop()
        assert time.monotonic() - started_at < 1.0
        connection.close()
        watch._thread.join(5)
    assert reports.reports.empty()


def test_a_long_list_comes_in_pages(reports: Any, new_watch: NewWatch) -> None:
    pages = [
        b'{"metadata": {"resourceVersion": "7", "continue": "more"}, "items": [1]}',
        b'{"metadata": {"resourceVersion": "7"}, "items": [{"a": 2}]}',
    ]
    request_lines: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            for page in pages:
                connection, _ = listening.accept()
                with connection:
                    request_lines.append(connection.recv(4096).split(b"\r\n")[0])
                    connection.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + page)

        thread = threading.Thread(target=answer)
        thread.start()
        watch = new_watch(f"http://127.0.0.1:{listening.getsockname()[1]}", NODES)
        listed = reports.listed()
        watch.stop()
        thread.join(5)
    assert (listed.items, listed.version) == ([1, {"a": 2}], "7")
    assert b"continue=more" in request_lines[1]


def test_the_server_comes_from_kubeconfig(cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "kubeconfig"
    text = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "lab",
        "clusters": [{"name": "lab", "cluster": {"server": cluster.url}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
        "users": [{"name": "me", "user": {"token": "secret"}}],
    }
    path.write_text(json.dumps(text))
    monkeypatch.setenv("KUBECONFIG", str(path))
    api = KubeApiClient.from_environment()
    assert calico_api_version(api.groups()) == CRD_API
    assert api._headers()["authorization"] == "Bearer secret"
    api.close()


@pytest.mark.parametrize("text", [None, "", "{", "{apiVersion: v1}"])
def test_a_kubeconfig_that_is_none_is_one_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    monkeypatch.setenv("KUBECONFIG", str(path))
    with pytest.raises(ValueError, match="KUBECONFIG"):
        KubeApiClient.from_environment()
