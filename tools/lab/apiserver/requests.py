"""Query, headers and body of a request, and the form of its answer."""

import json
from datetime import UTC, datetime
from typing import Any

from aiohttp import web

from tools.lab.apiserver.routes import RequestTarget
from tools.lab.apiserver.selectors import ObjectMatcher, parse_selectors
from tools.lab.apiserver.status import ApiError, bad_request
from tools.lab.apiserver.tables import table
from tools.lab.objects import Object

WATCH_TIMEOUT_S_DEFAULT = 1800.0


def kubernetes_time() -> str:
    """The time as Kubernetes writes it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


async def read_body(request: web.Request) -> Any:
    """The decoded JSON body; None when there is none. Raises ApiError 400, 415.

    Whatever type a client declares, kubectl and the Python client write JSON (an apply patch too, which is
    YAML by name); the exception is protobuf.
    """
    raw = await request.read()
    if "protobuf" in request.content_type:
        raise ApiError(415, "UnsupportedMediaType", f"cannot read a body of type {request.content_type}")
    if not raw:
        return None
    try:
        return json.loads(raw)
    except (ValueError, RecursionError) as error:
        raise bad_request(f"the body is not JSON: {error}") from None


def query_selector(request: web.Request, target: RequestTarget) -> ObjectMatcher:
    """The predicate of labelSelector and fieldSelector; raises ApiError 400."""
    query = request.query
    return parse_selectors(target.resource, query.get("labelSelector", ""), query.get("fieldSelector", ""))


def query_version(request: web.Request) -> int:
    """The parameter resourceVersion, 0 without one. Raises ApiError 400."""
    text = request.query.get("resourceVersion", "") or "0"
    if not text.isascii() or not text.isdigit():
        raise bad_request(f"invalid resource version: {text!r}")
    return int(text)


def query_seconds(request: web.Request) -> float:
    """The parameter timeoutSeconds, s; raises ApiError 400."""
    text = request.query.get("timeoutSeconds", "")
    if not text:
        return WATCH_TIMEOUT_S_DEFAULT
    if not text.isascii() or not text.isdigit():
        raise bad_request(f"invalid timeoutSeconds: {text!r}")
    return float(text)


def wants_table(request: web.Request) -> bool:
    """Whether the client (kubectl get) would rather have a Table."""
    first = request.headers.get("Accept", "").split(",")[0].replace(" ", "")
    return first.startswith("application/json") and ";as=Table" in first


def render_list(request: web.Request, target: RequestTarget, bodies: list[Object], version: str) -> Object:
    """A list answer: a list object of the resource's kind, or a Table."""
    if wants_table(request):
        include = request.query.get("includeObject", "Metadata")
        return table(target.resource, bodies, version, include, datetime.now(UTC))
    resource = target.resource
    return {
        "kind": f"{resource.kind}List",
        "apiVersion": resource.api_version,
        "metadata": {"resourceVersion": version},
        "items": bodies,
    }


def render_object(request: web.Request, target: RequestTarget, body: Object) -> Object:
    """An answer of one object, or an event's object: itself, or a Table of one row."""
    if wants_table(request):
        return render_list(request, target, [body], body["metadata"]["resourceVersion"])
    return body
