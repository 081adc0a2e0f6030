"""Watch requests: which events a change is to one watcher (pure), and the stream of JSON lines.

A watcher holds no queue. It remembers a version, and the store's history is everybody's queue: one that
falls out of the history is told so (410) and lists again, as with etcd.
"""

import asyncio
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from aiohttp import web

from tools.lab.apiserver.routes import RequestTarget
from tools.lab.apiserver.selectors import ObjectMatcher
from tools.lab.apiserver.status import ApiError
from tools.lab.apiserver.store import ObjectChange, ObjectStore
from tools.lab.objects import Object, key_of

BOOKMARK_PERIOD_S = 2.0


@dataclass(frozen=True)
class WatchRequest:
    """A watch: of which objects, for how long, in which form."""

    target: RequestTarget
    matches: ObjectMatcher
    bookmarks: bool
    timeout_s: float
    render: Callable[[Object], Object]


def watch_event(change: ObjectChange, watch: WatchRequest) -> tuple[str, Object] | None:
    """A change as this watcher sees it.

    An object that begins to match a selector is ADDED, one that ceases to match is DELETED.
    """
    target = watch.target
    if change.resource is not target.resource or not is_watched(change.last, target):
        return None
    was = change.before is not None and watch.matches(change.before)
    if change.after is not None and watch.matches(change.after):
        return ("MODIFIED" if was else "ADDED"), change.after
    if not was:
        return None
    # A version of its own, so that a watch resumed from this event does not see it again.
    meta = {**change.last["metadata"], "resourceVersion": str(change.version)}
    return "DELETED", {**(change.before or {}), "metadata": meta}


def is_watched(body: Object, target: RequestTarget) -> bool:
    """Whether an object is in the watched namespace and has the watched name, where these are given."""
    namespace, name = key_of(body)
    return target.namespace in ("", namespace) and target.name in ("", name)


def bookmark(target: RequestTarget, version: int) -> Object:
    """The object of a BOOKMARK event: nothing but a version."""
    resource = target.resource
    meta = {"resourceVersion": str(version), "creationTimestamp": None}
    return {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}


def encode_event(kind: str, body: Object) -> bytes:
    """One event on the wire."""
    return json.dumps({"type": kind, "object": body}).encode() + b"\n"


class Watches:
    """All open watches: wakes them after changes, ends them at the end of the server."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store
        self._changed = asyncio.Event()
        self._ending = False

    def wake(self) -> None:
        """Something changed."""
        woken, self._changed = self._changed, asyncio.Event()
        woken.set()

    def end(self) -> None:
        """End every watch as a connection that is over, so that clients resume with the next server."""
        self._ending = True
        self.wake()

    async def stream(
        self, response: web.StreamResponse, watch: WatchRequest, version: int, first: list[Object]
    ) -> None:
        """Send `first` as ADDED, then what comes after `version`, until the timeout or the end."""
        loop = asyncio.get_running_loop()
        ends_at = loop.time() + watch.timeout_s
        for body in first:
            await response.write(encode_event("ADDED", watch.render(body)))
        while not self._ending:
            changed = self._changed
            try:
                version = await self._send_since(response, watch, version)
            except ApiError as error:
                await response.write(encode_event("ERROR", error.as_status()))
                return
            left_s = ends_at - loop.time()
            if left_s <= 0:
                return
            if not await is_set_within(changed, min(left_s, BOOKMARK_PERIOD_S)) and watch.bookmarks:
                await response.write(encode_event("BOOKMARK", bookmark(watch.target, version)))

    async def _send_since(self, response: web.StreamResponse, watch: WatchRequest, version: int) -> int:
        changes = self._store.changes_since(version)
        lines = b"".join(encode_event(kind, watch.render(body)) for kind, body in watch_events(changes, watch))
        if lines:
            await response.write(lines)
        return changes[-1].version if changes else version


def watch_events(changes: list[ObjectChange], watch: WatchRequest) -> Iterator[tuple[str, Object]]:
    """The events of several changes."""
    for change in changes:
        visible = watch_event(change, watch)
        if visible is not None:
            yield visible


async def is_set_within(changed: asyncio.Event, within_s: float) -> bool:
    """Whether the event was set in time."""
    try:
        await asyncio.wait_for(changed.wait(), within_s)
    except TimeoutError:
        return False
    return True
