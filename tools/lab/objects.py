"""Kubernetes objects as JSON, whatever their kind, also malformed ones. Pure."""

from typing import Any, TypeAlias

Object: TypeAlias = dict[str, Any]
"""A JSON object of the API, as it is on the wire."""
Key: TypeAlias = tuple[str, str]
"""(namespace or "", name) within one resource."""


def key_of(body: Object) -> Key:
    """(namespace, name) of an object."""
    meta = body["metadata"]
    return meta.get("namespace", ""), meta["name"]


def part(body: Object, field: str) -> Object:
    """`spec` or `status`; an empty one if it is absent or has the wrong shape."""
    value = body.get(field)
    return value if isinstance(value, dict) else {}


def dicts(value: object) -> list[Object]:
    """The objects in what should be a list of them."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
