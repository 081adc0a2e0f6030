"""The API server over HTTP: raw requests, the Python client, kubectl."""

import json
import shutil
import signal
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kubernetes.client
import kubernetes.dynamic
import kubernetes.watch
import pytest

from tools.lab.apiserver.process import ApiServerProcess

ApiServer = Any  # the fixture of conftest.py: ApiServerProcess and `ask`
STOPPED_WITHIN_S = 1.0
NODES = "/api/v1/nodes"
POOLS = "/apis/crd.projectcalico.org/v1/ippools"


def manifest_of(name: str, **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": name}, **more}


@contextmanager
def watching(server: ApiServerProcess, path: str) -> Iterator[Iterator[dict[str, Any]]]:
    """The events of a watch, as they come."""
    with urllib.request.urlopen(f"{server.url}{path}", timeout=10) as answer:
        yield (json.loads(line) for line in answer)


def test_an_object_is_created_read_replaced_patched_and_deleted(server: ApiServer) -> None:
    assert server.ask("POST", NODES, manifest_of("n1", spec={"podCIDR": "10.1.0.0/24"}))[0] == 201
    code, node = server.ask("GET", f"{NODES}/n1")
    assert (code, node["kind"], node["spec"]) == (200, "Node", {"podCIDR": "10.1.0.0/24"})
    node["spec"] = {}
    assert server.ask("PUT", f"{NODES}/n1", node)[1]["metadata"]["generation"] == 2
    patch = {"metadata": {"labels": {"a": "b"}}}
    assert server.ask("PATCH", f"{NODES}/n1", patch, "application/merge-patch+json")[0] == 200
    assert server.ask("GET", f"{NODES}?labelSelector=a%3Db")[1]["items"][0]["metadata"]["name"] == "n1"
    assert server.ask("GET", f"{NODES}?fieldSelector=metadata.name%3Dn2")[1]["items"] == []
    assert server.ask("DELETE", f"{NODES}/n1")[1]["status"] == "Success"
    assert server.ask("GET", f"{NODES}/n1")[1]["reason"] == "NotFound"


def test_a_stale_writer_gets_a_conflict_and_changes_nothing(server: ApiServer) -> None:
    stale = server.ask("POST", POOLS, manifest_of("p", spec={"cidr": "10.1.0.0/16"}))[1]
    server.ask("PUT", f"{POOLS}/p", manifest_of("p", spec={"cidr": "10.2.0.0/16"}))
    code, status = server.ask("PUT", f"{POOLS}/p", stale)
    assert (code, status["kind"], status["reason"]) == (409, "Status", "Conflict")
    assert server.ask("GET", f"{POOLS}/p")[1]["spec"] == {"cidr": "10.2.0.0/16"}
    assert server.ask("POST", POOLS, manifest_of("p"))[1]["reason"] == "AlreadyExists"


def test_spec_and_status_have_a_door_each(server: ApiServer) -> None:
    server.ask("POST", NODES, manifest_of("n1", spec={"a": 1}, status={"b": 1}))
    server.ask("PUT", f"{NODES}/n1", manifest_of("n1", spec={"a": 2}, status={"b": 2}))
    assert server.ask("GET", f"{NODES}/n1")[1]["status"] == {"b": 1}
    server.ask("PUT", f"{NODES}/n1/status", manifest_of("n1", spec={"a": 3}, status={"b": 3}))
    node = server.ask("GET", f"{NODES}/n1")[1]
    assert (node["spec"], node["status"]) == ({"a": 2}, {"b": 3})


@pytest.mark.parametrize(
    ("method", "path", "body", "kind", "code"),
    [
        ("POST", NODES, b"{", "application/json", 400),
        ("POST", NODES, [1], "application/json", 400),
        ("POST", NODES, manifest_of("Not A Name"), "application/json", 422),
        ("POST", NODES, {"kind": "Pod", **manifest_of("n")}, "application/json", 400),
        ("POST", NODES, b"k8s", "application/vnd.kubernetes.protobuf", 415),
        ("POST", "/api/v1/namespaces/absent/pods", manifest_of("p"), "application/json", 404),
        ("POST", "/api/v1/pods", manifest_of("p"), "application/json", 405),
        ("POST", f"{NODES}?dryRun=All", manifest_of("n"), "application/json", 400),
        ("PATCH", f"{NODES}/absent", {}, "application/merge-patch+json", 404),
        ("PATCH", f"{NODES}/absent", {}, "text/plain", 415),
        ("GET", f"{NODES}?watch=1&resourceVersion=x", None, "application/json", 400),
        ("GET", f"{NODES}?labelSelector=%28", None, "application/json", 400),
        ("GET", "/apis/unknown/v1/things", None, "application/json", 404),
    ],
)
def test_what_is_refused_is_answered_with_a_status(
    server: ApiServer, method: str, path: str, body: Any, kind: str, code: int
) -> None:
    answered, status = server.ask(method, path, body, kind)
    assert (answered, status["kind"], status["code"]) == (code, "Status", code)
    assert status["message"]


def test_a_watch_resumes_where_the_last_one_ended(server: ApiServer) -> None:
    version = server.ask("GET", NODES)[1]["metadata"]["resourceVersion"]
    with watching(server, f"{NODES}?watch=1&resourceVersion={version}") as events:
        server.ask("POST", NODES, manifest_of("n1"))
        event = next(events)
        assert (event["type"], event["object"]["metadata"]["name"]) == ("ADDED", "n1")
    server.ask("PUT", f"{NODES}/n1", manifest_of("n1", spec={"a": 1}))
    server.ask("POST", POOLS, manifest_of("elsewhere"))
    server.ask("DELETE", f"{NODES}/n1")
    version = event["object"]["metadata"]["resourceVersion"]
    with watching(server, f"{NODES}?watch=1&timeoutSeconds=0&resourceVersion={version}") as events:
        later = list(events)
    assert [event["type"] for event in later] == ["MODIFIED", "DELETED"]
    last = later[-1]["object"]["metadata"]["resourceVersion"]
    with watching(server, f"{NODES}?watch=1&timeoutSeconds=0&resourceVersion={last}") as events:
        assert list(events) == []


def test_an_object_enters_and_leaves_a_selected_watch(server: ApiServer) -> None:
    query = "watch=1&timeoutSeconds=0&labelSelector=a%3Db&resourceVersion=1"
    for labels in ({}, {"a": "b"}, {"a": "b", "c": "d"}, {}):
        body = {"metadata": {"name": "n1", "labels": labels}}
        if server.ask("POST", NODES, body)[0] == 409:
            server.ask("PUT", f"{NODES}/n1", body)
    with watching(server, f"{NODES}?{query.replace('resourceVersion=1', 'resourceVersion=2')}") as events:
        assert [event["type"] for event in events] == ["ADDED", "MODIFIED", "DELETED"]


def test_a_watch_older_than_the_history_is_told_410(new_server: Callable[..., ApiServer]) -> None:
    server = new_server("--history", "2")
    for number in range(4):
        server.ask("POST", NODES, manifest_of(f"n{number}"))
    with watching(server, f"{NODES}?watch=1&resourceVersion=1") as events:
        (error,) = list(events)
    assert (error["type"], error["object"]["code"], error["object"]["reason"]) == ("ERROR", 410, "Expired")


def test_bookmarks_carry_the_version_to_a_quiet_watch(server: ApiServer) -> None:
    query = "watch=1&resourceVersion=2&allowWatchBookmarks=true"
    with watching(server, f"{NODES}?{query}") as events:
        server.ask("POST", POOLS, manifest_of("p"))
        mark = next(events)
    version = server.ask("GET", NODES)[1]["metadata"]["resourceVersion"]
    assert (mark["type"], mark["object"]["metadata"]["resourceVersion"]) == ("BOOKMARK", version)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_restarted_server_keeps_objects_and_versions(server: ApiServer, number: int) -> None:
    server.ask("POST", NODES, manifest_of("n1", spec={"a": 1}))
    server.ask("POST", NODES, manifest_of("n2"))
    server.ask("DELETE", f"{NODES}/n2")
    before = server.ask("GET", NODES)[1]
    server.stop(number)
    with server.state.open("a") as state:
        state.write('{"resource": "nodes", "obj')  # the server was killed while it wrote
    server.start()
    assert server.ask("GET", NODES)[1] == before
    created = server.ask("POST", NODES, manifest_of("n3"))[1]
    assert int(created["metadata"]["resourceVersion"]) == int(before["metadata"]["resourceVersion"]) + 1


@pytest.mark.alone
def test_sigterm_ends_open_watches_at_once(server: ApiServer) -> None:
    with watching(server, f"{NODES}?watch=1&resourceVersion=2") as events:
        assert server.stop() < STOPPED_WITHIN_S
        assert list(events) == []


def test_another_file_is_not_taken_for_a_state_file(server: ApiServer) -> None:
    server.stop()
    server.state.write_text("something else\n")
    with pytest.raises(RuntimeError, match="did not start"):
        server.start()


@pytest.fixture
def client(server: ApiServer) -> Iterator[kubernetes.client.ApiClient]:
    configuration = kubernetes.client.Configuration(host=server.url)
    with kubernetes.client.ApiClient(configuration) as api:
        yield api
        api.rest_client.pool_manager.clear()


def test_the_python_clients_typed_api_works(client: kubernetes.client.ApiClient) -> None:
    core = kubernetes.client.CoreV1Api(client)
    custom = kubernetes.client.CustomObjectsApi(client)
    core.create_node({"metadata": {"name": "n1"}})
    core.patch_node("n1", {"metadata": {"annotations": {"a": "b"}}})
    assert core.read_node("n1").metadata.annotations == {"a": "b"}
    where = ("crd.projectcalico.org", "v1", "ippools")
    custom.create_cluster_custom_object(*where, {"metadata": {"name": "p"}, "spec": {"cidr": "10.0.0.0/8"}})
    (pool,) = custom.list_cluster_custom_object(*where)["items"]
    assert pool["spec"] == {"cidr": "10.0.0.0/8"}


def test_the_python_clients_dynamic_api_discovers_the_resources(
    client: kubernetes.client.ApiClient,
) -> None:
    dynamic = kubernetes.dynamic.DynamicClient(client)
    pools = dynamic.resources.get(api_version="crd.projectcalico.org/v1", kind="IPPool")
    pools.create(body={"metadata": {"name": "p"}, "spec": {"cidr": "10.0.0.0/8"}})
    assert [pool.metadata.name for pool in pools.get().items] == ["p"]


def test_kubectl_applies_gets_and_deletes(server: ApiServer, tmp_path: Path) -> None:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "lab", "cluster": {"server": server.url}}],
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": ""}}],
        "current-context": "lab",
    }
    (tmp_path / "config").write_text(json.dumps(config))
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}}
    node["status"] = {"conditions": [{"type": "Ready", "status": "True"}]}
    pool = {"apiVersion": "crd.projectcalico.org/v1", "kind": "IPPool", "metadata": {"name": "p"}}
    manifest = {
        "apiVersion": "v1",
        "kind": "List",
        "items": [node, pool | {"spec": {"cidr": "10.0.0.0/8"}}],
    }

    def kubectl(*words: str) -> str:
        kubectl_path = shutil.which("kubectl")
        assert kubectl_path, "kubectl is installed by `make test`"
        environment = {"KUBECONFIG": str(tmp_path / "config"), "HOME": str(tmp_path)}
        command = [kubectl_path, *words]
        completed = subprocess.run(
            command,
            env=environment,
            input=json.dumps(manifest),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert completed.returncode == 0, completed.stderr
        return completed.stdout

    assert "node/n1 created" in kubectl("apply", "-f", "-")
    header, row = kubectl("get", "nodes").splitlines()
    assert header.split() == ["NAME", "STATUS", "ROLES", "AGE", "VERSION"]
    assert row.split()[:3] == ["n1", "Ready", "<none>"]
    pool["spec"] = {"cidr": "10.9.0.0/16"}
    manifest["items"] = [pool]
    assert "configured" in kubectl("apply", "-f", "-")
    assert kubectl("get", "ippool", "p", "-o", "jsonpath={.spec.cidr}") == "10.9.0.0/16"
    assert "deleted" in kubectl("delete", "node", "n1")


@pytest.fixture
def namespace() -> Iterator[str]:
    """A network namespace with its loopback up."""
    name = f"vppd-test-api-{time.monotonic_ns() % 10**9}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    try:
        subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True)
        subprocess.run(["ip", "-n", name, "address", "add", "192.0.2.1/32", "dev", "lo"], check=True)
        yield name
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True)


def test_one_server_serves_the_machine_and_a_namespace(namespace: str, new_server: Callable[..., ApiServer]) -> None:
    server = new_server("--listen-netns", f"{namespace}:192.0.2.1:6443")
    server.ask("POST", NODES, manifest_of("n1"))
    assert server.urls == [server.url, "http://192.0.2.1:6443"]
    read = "import sys, urllib.request as u; sys.stdout.write(u.urlopen(sys.argv[1], timeout=5).read().decode())"
    command = ["ip", "netns", "exec", namespace, "python3", "-c", read, f"http://192.0.2.1:6443{NODES}/n1"]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout
    assert json.loads(output) == server.ask("GET", f"{NODES}/n1")[1]
    with pytest.raises(OSError), socket.create_connection(("192.0.2.1", 6443), timeout=0.3):  # noqa: PT011
        pass
