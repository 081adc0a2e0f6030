"""The API: each HTTP request becomes a store call, each change is on disk before its answer."""

from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from tools.lab.apiserver import discovery, patches
from tools.lab.apiserver.admission import admit
from tools.lab.apiserver.controller import EndpointSliceController
from tools.lab.apiserver.requests import (
    kubernetes_time,
    query_seconds,
    query_selector,
    query_version,
    read_body,
    render_list,
    render_object,
)
from tools.lab.apiserver.resources import NAMESPACES
from tools.lab.apiserver.routes import RequestTarget, parse_path
from tools.lab.apiserver.selectors import ObjectMatcher
from tools.lab.apiserver.status import ApiError, bad_request, success
from tools.lab.apiserver.store import Part
from tools.lab.apiserver.store_file import StoreFile
from tools.lab.apiserver.watches import Watches, WatchRequest
from tools.lab.objects import Object

FIRST_NAMESPACES = ("default", "kube-system")
PATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "application/json-patch+json": patches.json_patch,
    "application/merge-patch+json": patches.merge_patch,
    "application/strategic-merge-patch+json": patches.strategic_merge_patch,
    "application/apply-patch+yaml": patches.strategic_merge_patch,
}


class ApiServer:
    """The API over one store and its file."""

    def __init__(self, file: StoreFile, history_max: int) -> None:
        self._file = file
        self._store = file.store
        self._history_max = history_max
        self._pages = discovery.discovery_documents()
        self._controller = EndpointSliceController(self._store)
        self.watches = Watches(self._store)
        for name in FIRST_NAMESPACES:
            if (NAMESPACES.id, ("", name)) not in self._store:
                self._create(RequestTarget(NAMESPACES), {"metadata": {"name": name}})
        self._changed()

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Any request; whatever is refused is answered with a Status."""
        try:
            return await self._handle(request)
        except ApiError as error:
            return web.json_response(error.as_status(), status=error.code)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        path = request.path.rstrip("/")
        if request.method == "GET" and path == "/openapi/v2":
            return web.Response(body=discovery.OPENAPI_V2, content_type="application/octet-stream")
        if request.method == "GET" and path in ("/healthz", "/livez", "/readyz"):
            return web.Response(text="ok")
        if request.method == "GET" and path in self._pages:
            return web.json_response(self._pages[path])
        target = parse_path(path)
        if target is None:
            raise ApiError(404, "NotFound", f"the server could not find the requested resource {path}")
        if "dryRun" in request.query:
            raise bad_request("dryRun is not supported")
        if request.method == "GET" and request.query.get("watch") in ("1", "true"):
            return await self._watch(request, target)
        body = await read_body(request)
        answer = self._answer(request, target, body)
        self._changed()
        return answer

    def _answer(self, request: web.Request, target: RequestTarget, body: Any) -> web.Response:
        match request.method, bool(target.name):
            case "GET", False:
                return self._list(request, target)
            case "GET", True:
                body = self._store.get(target.resource, target.namespace, target.name)
                return web.json_response(render_object(request, target, body))
            case "POST", False if target.resource.namespaced is bool(target.namespace):
                return web.json_response(self._create(target, body), status=201)
            case "PUT", True:
                return web.json_response(self._replace(target, body))
            case "PATCH", True:
                return self._patch(request, target, body)
            case "DELETE", True if target.part == "main":
                return web.json_response(self._delete(target, target.namespace, target.name))
            case "DELETE", False:
                return self._delete_collection(request, target)
        raise ApiError(405, "MethodNotAllowed", f"{request.method} is not allowed on {request.path}")

    def _list(self, request: web.Request, target: RequestTarget) -> web.Response:
        bodies = self._selected(target, query_selector(request, target))
        return web.json_response(render_list(request, target, bodies, str(self._store.version)))

    def _selected(self, target: RequestTarget, matches: ObjectMatcher) -> list[Object]:
        return [body for body in self._store.list_objects(target.resource, target.namespace) if matches(body)]

    def _create(self, target: RequestTarget, body: Any) -> Object:
        body = admit(self._store, target.resource, None, body)
        return self._store.create(target.resource, target.namespace, body, kubernetes_time())

    def _replace(self, target: RequestTarget, body: Any) -> Object:
        part: Part = "status" if target.part == "status" else "main"
        if part == "main":
            before = self._store.get(target.resource, target.namespace, target.name)
            body = admit(self._store, target.resource, before, body)
        return self._store.update(target.resource, target.namespace, target.name, body, part)

    def _patch(self, request: web.Request, target: RequestTarget, patch: Any) -> web.Response:
        apply = PATCHES.get(request.content_type)
        if apply is None:
            why = f"the body of a patch is one of {', '.join(PATCHES)}"
            raise ApiError(415, "UnsupportedMediaType", why)
        resource, key = target.resource, (target.namespace, target.name)
        if resource.atomic and apply is patches.strategic_merge_patch:
            apply = patches.merge_patch
        if request.content_type == "application/apply-patch+yaml" and (resource.id, key) not in self._store:
            fresh = patches.strategic_merge_patch({"metadata": {"name": target.name}}, patch)
            return web.json_response(self._create(target, fresh), status=201)
        return web.json_response(self._replace(target, apply(self._store.get(resource, *key), patch)))

    def _delete(self, target: RequestTarget, namespace: str, name: str) -> Object:
        deleted = self._store.delete(target.resource, namespace, name)
        return success(target.resource.plural, name, deleted["metadata"]["uid"])

    def _delete_collection(self, request: web.Request, target: RequestTarget) -> web.Response:
        for body in self._selected(target, query_selector(request, target)):
            self._delete(target, body["metadata"].get("namespace", ""), body["metadata"]["name"])
        return self._list(request, target)

    async def _watch(self, request: web.Request, target: RequestTarget) -> web.StreamResponse:
        if request.query.get("sendInitialEvents") == "true":
            raise ApiError(422, "Invalid", "sendInitialEvents is not supported: list, then watch")
        matches = query_selector(request, target)
        bookmarks = request.query.get("allowWatchBookmarks") in ("1", "true")
        watch = WatchRequest(
            target, matches, bookmarks, query_seconds(request), partial(render_object, request, target)
        )
        version = query_version(request)
        first: list[Object] = []
        if version == 0:
            version, first = self._store.version, self._selected(target, matches)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await self.watches.stream(response, watch, version, first)
        return response

    def _changed(self) -> None:
        self._controller.update_slices(kubernetes_time())
        self._file.save()
        self._store.trim(self._history_max)
        self.watches.wake()
