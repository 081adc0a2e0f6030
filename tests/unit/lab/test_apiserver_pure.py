"""The API server's decisions, without HTTP."""

import contextlib
import copy

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.lab.apiserver.patches import json_patch, merge_patch, strategic_merge_patch
from tools.lab.apiserver.resources import BY_ID
from tools.lab.apiserver.routes import RequestTarget, parse_path
from tools.lab.apiserver.selectors import parse_selectors
from tools.lab.apiserver.sockets import ListenAddress, parse_listen, parse_listen_netns
from tools.lab.apiserver.status import ApiError
from tools.lab.apiserver.store import ObjectStore

NODES, PODS, SPACES = BY_ID["nodes"], BY_ID["pods"], BY_ID["namespaces"]
NOW = "2026-01-01T00:00:00Z"
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=10,
)


def labelled(**labels: str) -> dict[str, object]:
    return {"metadata": {"name": "n", "labels": labels}, "spec": {"nodeName": "n1"}}


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ("", True),
        ("a=1", True),
        ("a==1,b", True),
        ("a!=1", False),
        ("c!=1", True),
        ("!c", True),
        ("c", False),
        ("a in (1,2),b notin (3)", True),
        ("a notin (1, 2)", False),
        ("c notin (1)", True),
    ],
)
def test_label_selectors_select_as_kubernetes_does(labels: str, expected: bool) -> None:
    assert parse_selectors(PODS, labels, "")(labelled(a="1", b="2")) is expected


def test_field_selectors_know_names_and_the_fields_of_the_registry() -> None:
    assert parse_selectors(PODS, "", "metadata.name=n,spec.nodeName==n1")(labelled())
    assert not parse_selectors(PODS, "", "spec.nodeName!=n1")(labelled())
    with pytest.raises(ApiError, match=r"not supported: spec\.nodeName"):
        parse_selectors(NODES, "", "spec.nodeName=n1")


def test_paths_name_resources_namespaces_and_status() -> None:
    assert parse_path("/api/v1/nodes/n1/status") == RequestTarget(NODES, "", "n1", "status")
    assert parse_path("/api/v1/namespaces/web/pods") == RequestTarget(PODS, "web")
    assert parse_path("/api/v1/namespaces/web/pods/p") == RequestTarget(PODS, "web", "p")
    assert parse_path("/api/v1/pods") == RequestTarget(PODS)
    assert parse_path("/api/v1/namespaces/web") == RequestTarget(SPACES, "", "web")
    assert parse_path("/api/v1/namespaces/web/status") == RequestTarget(SPACES, "", "web", "status")
    for path in ("/api/v1/pods/p", "/api/v1/namespaces/web/nodes", "/api/v2/nodes", "/apis/x/v1/y", "/"):
        assert parse_path(path) is None


def test_strategic_merge_joins_lists_of_objects_by_their_key_in_the_wanted_order() -> None:
    before = {"ports": [{"port": 80, "name": "a"}, {"port": 81}]}
    patch = {
        "$setElementOrder/ports": [{"port": 82}, {"port": 80}],
        "ports": [{"port": 82}, {"port": 80, "name": "b"}, {"$patch": "delete", "port": 81}],
    }
    assert strategic_merge_patch(before, patch) == {"ports": [{"port": 82}, {"port": 80, "name": "b"}]}
    assert strategic_merge_patch({"a": {"b": 1, "c": 2}}, {"a": {"b": None}}) == {"a": {"c": 2}}


def test_json_patch_follows_the_examples_of_rfc_6902() -> None:
    assert json_patch({"foo": ["bar", "baz"]}, [{"op": "add", "path": "/foo/1", "value": "qux"}]) == {
        "foo": ["bar", "qux", "baz"]
    }
    moved = [{"op": "move", "from": "/foo/waldo", "path": "/qux/thud"}]
    assert json_patch({"foo": {"waldo": 1}, "qux": {}}, moved) == {"foo": {}, "qux": {"thud": 1}}
    assert json_patch({"a/b": [1]}, [{"op": "add", "path": "/a~1b/-", "value": 2}]) == {"a/b": [1, 2]}
    with pytest.raises(ApiError, match="does not apply"):
        json_patch({"baz": "qux"}, [{"op": "test", "path": "/baz", "value": "bar"}])
    with pytest.raises(ApiError, match="does not apply"):
        json_patch({}, [{"op": "replace", "path": "/absent", "value": 1}])


@given(JSON, JSON)
def test_patches_change_nothing_in_place_and_refuse_only_with_api_errors(before: object, patch: object) -> None:
    unharmed = copy.deepcopy(before), copy.deepcopy(patch)
    merge_patch(before, patch)
    strategic_merge_patch(before, patch)
    for operations in (patch, [{"op": "add", "path": "/a", "value": patch}]):
        with contextlib.suppress(ApiError):
            json_patch(before, operations)  # type: ignore[arg-type]
    assert (before, patch) == unharmed


@given(JSON)
def test_merging_a_document_into_itself_gives_what_rfc_7386_says(document: object) -> None:
    assert merge_patch(merge_patch({}, document), document) == merge_patch({}, document)


def test_a_namespace_takes_its_objects_along_and_each_removal_has_its_version() -> None:
    store = ObjectStore()
    store.create(SPACES, "", {"metadata": {"name": "web"}}, NOW)
    store.create(PODS, "web", {"metadata": {"name": "p"}}, NOW)
    store.delete(SPACES, "", "web")
    assert store.list_objects(PODS) == []
    assert [change.version for change in store.changes_since(0)] == [1, 2, 3, 4]
    assert [change.resource.plural for change in store.changes_since(2)] == ["pods", "namespaces"]


def test_an_update_that_changes_nothing_makes_no_version() -> None:
    store = ObjectStore()
    created = store.create(NODES, "", {"metadata": {"name": "n"}, "spec": {"a": 1}}, NOW)
    assert store.update(NODES, "", "n", created, "main") is created
    assert store.version == 1
    changed = store.update(NODES, "", "n", created | {"spec": {"a": 2}}, "main")
    assert (changed["metadata"]["generation"], changed["metadata"]["resourceVersion"]) == (2, "2")


def test_history_that_was_trimmed_or_lies_ahead_is_expired() -> None:
    store = ObjectStore()
    for number in range(4):
        store.create(NODES, "", {"metadata": {"name": f"n{number}"}}, NOW)
    store.trim(2)
    assert [change.version for change in store.changes_since(2)] == [3, 4]
    for version in (1, 5):
        with pytest.raises(ApiError) as refused:
            store.changes_since(version)
        assert refused.value.code == 410


@given(JSON)
def test_a_store_refuses_any_malformed_object_with_an_api_error(body: object) -> None:
    for given_body in (body, {"metadata": body}, {"metadata": {"name": "n", "labels": body}}):
        with contextlib.suppress(ApiError):
            ObjectStore().create(NODES, "", given_body, NOW)  # type: ignore[arg-type]


def test_only_loopback_is_bound_outside_a_namespace() -> None:
    assert parse_listen("[::1]:80") == ListenAddress("::1", 80)
    assert parse_listen_netns("lab:[fd00::1]:80") == ListenAddress("fd00::1", 80, "lab")
    assert parse_listen_netns("lab:192.0.2.1:80") == ListenAddress("192.0.2.1", 80, "lab")
    for text in ("0.0.0.0:80", "192.0.2.1:80", "127.0.0.1", "127.0.0.1:x", "name:80"):
        with pytest.raises(ValueError):  # noqa: PT011 - each text is wrong in its own way
            parse_listen(text)
