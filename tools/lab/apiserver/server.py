"""The API: each HTTP request becomes a store call, each change is journalled before its answer."""

from collections.abc import Callable
from functools import partial
from typing import Any

from aiohttp import web

from tools.lab.apiserver import discovery, patches
from tools.lab.apiserver.admission import admitted
from tools.lab.apiserver.controller import Controller
from tools.lab.apiserver.journal import Journal
from tools.lab.apiserver.requests import (
    now,
    query_seconds,
    query_selector,
    query_version,
    read_body,
    rendered,
    shown,
)
from tools.lab.apiserver.resources import NAMESPACES
from tools.lab.apiserver.routes import Target, target
from tools.lab.apiserver.selectors import Matches
from tools.lab.apiserver.status import ApiError, Object, bad_request, success
from tools.lab.apiserver.store import Part
from tools.lab.apiserver.watches import Interest, Watches

FIRST_NAMESPACES = ("default", "kube-system")
PATCHES: dict[str, Callable[[Any, Any], Any]] = {
    "application/json-patch+json": patches.json_patch,
    "application/merge-patch+json": patches.merge,
    "application/strategic-merge-patch+json": patches.strategic,
    "application/apply-patch+yaml": patches.strategic,
}


class Server:
    """The API over one journal and its store."""

    def __init__(self, journal: Journal, history_max: int) -> None:
        self._journal = journal
        self._store = journal.store
        self._history_max = history_max
        self._pages = discovery.documents()
        self._controller = Controller(self._store)
        self.watches = Watches(self._store)
        for name in FIRST_NAMESPACES:
            if (NAMESPACES.id, ("", name)) not in self._store:
                self._create(Target(NAMESPACES), {"metadata": {"name": name}})
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
        wanted = target(path)
        if wanted is None:
            raise ApiError(404, "NotFound", f"the server could not find the requested resource {path}")
        if "dryRun" in request.query:
            raise bad_request("dryRun is not supported")
        if request.method == "GET" and request.query.get("watch") in ("1", "true"):
            return await self._watch(request, wanted)
        body = await read_body(request)
        answer = self._answer(request, wanted, body)
        self._changed()
        return answer

    def _answer(self, request: web.Request, wanted: Target, body: Any) -> web.Response:
        match request.method, bool(wanted.name):
            case "GET", False:
                return self._list(request, wanted)
            case "GET", True:
                body = self._store.get(wanted.resource, wanted.namespace, wanted.name)
                return web.json_response(shown(request, wanted, body))
            case "POST", False if wanted.resource.namespaced is bool(wanted.namespace):
                return web.json_response(self._create(wanted, body), status=201)
            case "PUT", True:
                return web.json_response(self._replace(wanted, body))
            case "PATCH", True:
                return self._patch(request, wanted, body)
            case "DELETE", True if wanted.part == "main":
                return web.json_response(self._delete(wanted, wanted.namespace, wanted.name))
            case "DELETE", False:
                return self._delete_collection(request, wanted)
        raise ApiError(405, "MethodNotAllowed", f"{request.method} is not allowed on {request.path}")

    def _list(self, request: web.Request, wanted: Target) -> web.Response:
        bodies = self._selected(wanted, query_selector(request, wanted))
        return web.json_response(rendered(request, wanted, bodies, str(self._store.version)))

    def _selected(self, wanted: Target, matches: Matches) -> list[Object]:
        return [body for body in self._store.listed(wanted.resource, wanted.namespace) if matches(body)]

    def _create(self, wanted: Target, body: Any) -> Object:
        body = admitted(self._store, wanted.resource, None, body)
        return self._store.create(wanted.resource, wanted.namespace, body, now())

    def _replace(self, wanted: Target, body: Any) -> Object:
        part: Part = "status" if wanted.part == "status" else "main"
        if part == "main":
            before = self._store.get(wanted.resource, wanted.namespace, wanted.name)
            body = admitted(self._store, wanted.resource, before, body)
        return self._store.update(wanted.resource, wanted.namespace, wanted.name, body, part)

    def _patch(self, request: web.Request, wanted: Target, patch: Any) -> web.Response:
        apply = PATCHES.get(request.content_type)
        if apply is None:
            why = f"the body of a patch is one of {', '.join(PATCHES)}"
            raise ApiError(415, "UnsupportedMediaType", why)
        resource, key = wanted.resource, (wanted.namespace, wanted.name)
        if resource.atomic and apply is patches.strategic:
            apply = patches.merge
        if request.content_type == "application/apply-patch+yaml" and (resource.id, key) not in self._store:
            fresh = patches.strategic({"metadata": {"name": wanted.name}}, patch)
            return web.json_response(self._create(wanted, fresh), status=201)
        return web.json_response(self._replace(wanted, apply(self._store.get(resource, *key), patch)))

    def _delete(self, wanted: Target, namespace: str, name: str) -> Object:
        gone = self._store.delete(wanted.resource, namespace, name)
        return success(wanted.resource.plural, name, gone["metadata"]["uid"])

    def _delete_collection(self, request: web.Request, wanted: Target) -> web.Response:
        for body in self._selected(wanted, query_selector(request, wanted)):
            self._delete(wanted, body["metadata"].get("namespace", ""), body["metadata"]["name"])
        return self._list(request, wanted)

    async def _watch(self, request: web.Request, wanted: Target) -> web.StreamResponse:
        if request.query.get("sendInitialEvents") == "true":
            raise ApiError(422, "Invalid", "sendInitialEvents is not supported: list, then watch")
        matches = query_selector(request, wanted)
        bookmarks = request.query.get("allowWatchBookmarks") in ("1", "true")
        interest = Interest(wanted, matches, bookmarks, query_seconds(request), partial(shown, request, wanted))
        version = query_version(request)
        first: list[Object] = []
        if version == 0:
            version, first = self._store.version, self._selected(wanted, matches)
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        await self.watches.stream(response, interest, version, first)
        return response

    def _changed(self) -> None:
        self._controller.step(now())
        self._journal.save()
        self._store.trim(self._history_max)
        self.watches.wake()
