"""Patches: an object and a patch give a new object. Nothing is changed in place.

Merge patch is RFC 7386. Strategic merge (Kubernetes API concepts) is merge patch whose lists of objects are
joined by a key; the real server finds the key in its Go types, here it is a table of field names, which
holds for the types this server serves. An apply patch is merged likewise: the lab tracks no field owners.
"""

import copy
from typing import Any

from tools.lab.apiserver.status import bad_request
from tools.lab.objects import Object

MERGE_KEYS = {
    "addresses": "type",
    "conditions": "type",
    "containers": "name",
    "env": "name",
    "imagePullSecrets": "name",
    "initContainers": "name",
    "ownerReferences": "uid",
    "podIPs": "ip",
    "ports": "port",
    "taints": "key",
    "volumes": "name",
}


def merge_patch(before: Any, patch: Any) -> Any:
    """The object after a merge patch (RFC 7386): null removes, objects merge, anything else replaces."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    after = dict(before) if isinstance(before, dict) else {}
    for field, value in patch.items():
        if value is None:
            after.pop(field, None)
        else:
            after[field] = merge_patch(after.get(field), value)
    return after


def strategic_merge_patch(before: Any, patch: Any) -> Any:
    """Merge patch with lists joined by key and with the directives `$patch` and `$setElementOrder`."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    if patch.get("$patch") == "replace":
        return {field: value for field, value in patch.items() if field != "$patch"}
    after = dict(before) if isinstance(before, dict) else {}
    for field, value in patch.items():
        if field.startswith("$"):
            continue
        if value is None:
            after.pop(field, None)
        elif isinstance(value, list) and all(isinstance(item, dict) for item in value):
            after[field] = merge_lists(field, after.get(field), value, patch.get(f"$setElementOrder/{field}"))
        else:
            after[field] = strategic_merge_patch(after.get(field), value)
    return after


def merge_lists(field: str, before: Any, patch: list[Object], order: Any) -> list[Any]:
    """A list of objects with the items of `patch` added, merged or (`$patch: delete`) removed."""
    key = merge_key(field, before, patch)
    if key is None or not isinstance(before, list) or any(item.get("$patch") == "replace" for item in patch):
        return [copy.deepcopy(item) for item in patch if "$patch" not in item]
    items = {item.get(key): item for item in before if isinstance(item, dict)}
    for change in patch:
        name = change.get(key)
        if change.get("$patch") == "delete":
            items.pop(name, None)
        else:
            items[name] = strategic_merge_patch(items.get(name), change)
    if not isinstance(order, list):
        return list(items.values())
    ordered_keys = [item.get(key) for item in order if isinstance(item, dict)]
    # What the order does not mention was added by somebody else and goes to the end.
    return sorted(items.values(), key=lambda item: [*ordered_keys, item.get(key)].index(item.get(key)))


def merge_key(field: str, before: Any, patch: list[Object]) -> str | None:
    """The field that identifies the items of a list; a container's ports have another one than a Service's."""
    key = MERGE_KEYS.get(field)
    if key is None:
        return None
    if field == "ports" and any("containerPort" in item for item in patch):
        key = "containerPort"
    items = patch + (before if isinstance(before, list) else [])
    return key if all(isinstance(item, dict) and hashable(item.get(key)) for item in items) else None


def hashable(value: object) -> bool:
    """Whether a JSON value can be a key."""
    return value is None or isinstance(value, str | int)


def json_patch(before: Object, operations: Any) -> Any:
    """The object after a JSON patch (RFC 6902). Raises ApiError 400 if it is malformed or does not fit the object."""
    if not isinstance(operations, list):
        raise bad_request("a JSON patch is a list of operations")
    document = copy.deepcopy(before)
    for operation in operations:
        try:
            document = apply_operation(document, operation)
        except (KeyError, IndexError, ValueError, TypeError, AttributeError) as error:
            raise bad_request(f"JSON patch operation {operation!r} does not apply: {error!r}") from None
    return document


def apply_operation(document: Any, operation: Object) -> Any:
    """The document after add, remove, replace, move, copy or test."""
    kind, path = operation["op"], pointer_tokens(operation["path"])
    match kind:
        case "add":
            return set_value(document, path, operation["value"], insert=True)
        case "remove":
            return remove_value(document, path)
        case "replace":
            value_at(document, path)
            return set_value(document, path, operation["value"], insert=False)
        case "move":
            value = value_at(document, pointer_tokens(operation["from"]))
            return set_value(remove_value(document, pointer_tokens(operation["from"])), path, value, insert=True)
        case "copy":
            value = copy.deepcopy(value_at(document, pointer_tokens(operation["from"])))
            return set_value(document, path, value, insert=True)
        case "test":
            if value_at(document, path) != operation["value"]:
                raise ValueError("the test fails")
            return document
    raise ValueError(f"unknown operation {kind!r}")


def pointer_tokens(pointer: str) -> list[str]:
    """RFC 6901: the reference tokens of a JSON pointer."""
    if pointer and not pointer.startswith("/"):
        raise ValueError("a path starts with /")
    return [step.replace("~1", "/").replace("~0", "~") for step in pointer.split("/")[1:]]


def value_at(document: Any, path: list[str]) -> Any:
    """The value at a path."""
    for step in path:
        document = document[int(step) if isinstance(document, list) else step]
    return document


def set_value(document: Any, path: list[str], value: Any, insert: bool) -> Any:
    """The document with `value` at a path; in lists `insert` makes room and `-` means the end."""
    if not path:
        return value
    holder, step = value_at(document, path[:-1]), path[-1]
    if not isinstance(holder, list):
        holder[step] = value
    elif not insert:
        holder[int(step)] = value
    else:
        place = len(holder) if step == "-" else int(step)
        if not 0 <= place <= len(holder):
            raise IndexError(place)
        holder.insert(place, value)
    return document


def remove_value(document: Any, path: list[str]) -> Any:
    """The document without the value at a path."""
    holder = value_at(document, path[:-1])
    del holder[int(path[-1]) if isinstance(holder, list) else path[-1]]
    return document
