"""Objects, their versions and the history of changes. Pure: no I/O, no clock, no chance.

One counter numbers every change of every resource; each change adds exactly one entry to the history, so
`since(version)` is a slice. An object's resourceVersion is the number of its last change. A uid is derived
from the object's key and the version of its creation, hence unique and repeatable.
"""

import json
import re
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tools.lab.apiserver.resources import BY_ID, NAMESPACES, ServedResource
from tools.lab.apiserver.status import already_exists, bad_request, conflict, expired, invalid, not_found
from tools.lab.objects import Key, Object, key_of

Part = Literal["main", "status"]

NAME = re.compile(r"[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?")
UID_SPACE = uuid.UUID("6f1c0e7e-6d0b-5d0c-9a53-3a5b0c6b1f00")
KEPT_FROM_BEFORE = ("uid", "creationTimestamp", "generation")


@dataclass(frozen=True)
class ObjectChange:
    """Change number `version`: `before` is None for a creation, `after` is None for a removal."""

    version: int
    resource: ServedResource
    before: Object | None
    after: Object | None

    @property
    def last(self) -> Object:
        """The last state of the object."""
        state = self.after if self.after is not None else self.before
        assert state is not None
        return state


class ObjectStore:
    """All objects. Objects handed out are shared: callers must not change them."""

    def __init__(self, version: int = 0, objects: Iterable[tuple[ServedResource, Object]] = ()) -> None:
        self.version = version
        self._oldest = version
        self._history: list[ObjectChange] = []
        self._tables: dict[str, dict[Key, Object]] = {}
        for resource, body in objects:
            self._table(resource)[key_of(body)] = body

    def list_objects(self, resource: ServedResource, namespace: str = "") -> list[Object]:
        """Objects of one resource, of one namespace or of all (""), in the order of their keys."""
        rows = sorted(self._table(resource).items())
        return [body for (space, _), body in rows if namespace in ("", space)]

    def get(self, resource: ServedResource, namespace: str, name: str) -> Object:
        """One object; raises ApiError 404."""
        try:
            return self._table(resource)[namespace, name]
        except KeyError:
            raise not_found(resource.id, name) from None

    def create(self, resource: ServedResource, namespace: str, body: Object, now: str) -> Object:
        """Add an object. `now` is RFC 3339 text. Raises ApiError 400, 404 (namespace), 409, 422."""
        fresh = checked_copy(resource, namespace, body)
        meta = fresh["metadata"]
        if "name" not in meta and meta.get("generateName"):
            meta["name"] = f"{meta['generateName']}{self.version + 1:05x}"
        name = meta.get("name", "")
        if not NAME.fullmatch(name):
            raise invalid(resource.id, name, "metadata.name: must be a lower case RFC 1123 subdomain")
        if namespace and (NAMESPACES.id, ("", namespace)) not in self:
            raise not_found(NAMESPACES.id, namespace)
        if (resource.id, (namespace, name)) in self:
            raise already_exists(resource.id, name)
        uid = uuid.uuid5(UID_SPACE, f"{resource.id}/{namespace}/{name}/{self.version + 1}")
        meta.update(uid=str(uid), creationTimestamp=now, generation=1)
        return self._record(resource, None, fresh)

    def update(self, resource: ServedResource, namespace: str, name: str, body: Object, part: Part) -> Object:
        """Replace an object, or through `part="status"` all of it but its spec.

        A resourceVersion in `body` must be the current one (409); without one the caller overwrites. An
        update that changes nothing leaves version and history alone.
        """
        before = self.get(resource, namespace, name)
        after = checked_copy(resource, namespace, body)
        meta, old = after["metadata"], before["metadata"]
        if meta.setdefault("name", name) != name:
            raise bad_request(f"metadata.name {meta['name']!r} is not the {name!r} of the URL")
        if meta.get("resourceVersion", "") not in ("", old["resourceVersion"]):
            raise conflict(resource.id, name, "the object has been modified; apply your changes to the latest")
        if meta.get("uid", "") not in ("", old["uid"]):
            raise conflict(resource.id, name, f"the UID in the precondition is not {old['uid']}")
        meta.update({field: old[field] for field in KEPT_FROM_BEFORE})
        meta["resourceVersion"] = old["resourceVersion"]
        if resource.has_status:
            copy_field(after, before, "spec" if part == "status" else "status")
        if after == before:
            return before
        if after.get("spec") != before.get("spec"):
            meta["generation"] = old["generation"] + 1
        return self._record(resource, before, after)

    def delete(self, resource: ServedResource, namespace: str, name: str) -> Object:
        """Remove an object and answer its last state. A namespace takes everything in it along."""
        before = self.get(resource, namespace, name)
        if resource is NAMESPACES:
            self._empty_namespace(name)
        self._record(resource, before, None)
        return before

    def changes_since(self, version: int) -> list[ObjectChange]:
        """Changes after `version`, oldest first; raises ApiError 410 when the history does not reach it."""
        if not self._oldest <= version <= self.version:
            raise expired(version, self._oldest)
        return self._history[version - self._oldest :]

    def trim(self, changes_max: int) -> None:
        """Forget the history but for its newest `changes_max` entries."""
        excess = len(self._history) - changes_max
        if excess > 0:
            del self._history[:excess]
            self._oldest += excess

    def all_objects(self) -> Iterable[tuple[str, Object]]:
        """(resource id, object) of all there is."""
        for resource_id, table in self._tables.items():
            for body in table.values():
                yield resource_id, body

    def __contains__(self, item: tuple[str, Key]) -> bool:
        resource_id, key = item
        return key in self._tables.get(resource_id, {})

    def _table(self, resource: ServedResource) -> dict[Key, Object]:
        return self._tables.setdefault(resource.id, {})

    def _empty_namespace(self, namespace: str) -> None:
        for resource_id, body in list(self.all_objects()):
            space, name = key_of(body)
            if space == namespace:
                self.delete(BY_ID[resource_id], space, name)

    def _record(self, resource: ServedResource, before: Object | None, after: Object | None) -> Object:
        self.version += 1
        if after is not None:
            after["metadata"]["resourceVersion"] = str(self.version)
            self._table(resource)[key_of(after)] = after
        elif before is not None:
            del self._table(resource)[key_of(before)]
        change = ObjectChange(self.version, resource, before, after)
        self._history.append(change)
        return change.last


def copy_field(after: Object, before: Object, field: str) -> None:
    """Makes `field` of `after` what it is in `before`, also if absent there."""
    after.pop(field, None)
    if field in before:
        after[field] = before[field]


def checked_copy(resource: ServedResource, namespace: str, body: object) -> Object:
    """A copy of `body` whose kind and metadata are sound; raises ApiError 400.

    Spec and status are not checked: the real server checks them against schemas that the lab
    does not have, and tests of malformed objects need them stored as they are.
    """
    if not isinstance(body, dict):
        raise bad_request("the body is not a JSON object")
    fresh: Object = json.loads(json.dumps(body))
    for field, expected in (("apiVersion", resource.api_version), ("kind", resource.kind)):
        if fresh.setdefault(field, expected) != expected:
            raise bad_request(f"{field} {fresh[field]!r} is not the {expected!r} of the URL")
    meta = fresh.setdefault("metadata", {})
    if not isinstance(meta, dict):
        raise bad_request("metadata is not an object")
    for field in ("name", "generateName", "namespace", "resourceVersion", "uid"):
        if not isinstance(meta.get(field, ""), str):
            raise bad_request(f"metadata.{field} is not a string")
    for field in ("labels", "annotations"):
        check_strings(meta, field)
    if namespace and meta.setdefault("namespace", namespace) != namespace:
        raise bad_request(f"metadata.namespace {meta['namespace']!r} is not the {namespace!r} of the URL")
    if not namespace and meta.pop("namespace", ""):
        raise bad_request(f"{resource.kind} has no namespace")
    return fresh


def check_strings(meta: Object, field: str) -> None:
    """labels and annotations: text to text, or absent."""
    table = meta.get(field)
    if table is None:
        meta.pop(field, None)
    elif not isinstance(table, dict) or not all(isinstance(value, str) for value in table.values()):
        raise bad_request(f"metadata.{field} is not a map of strings")
