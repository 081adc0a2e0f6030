"""Kubernetes watcher: API objects become facts.

Hears    nothing on the bus; the Kubernetes API
Says      Node, NodeAnnotations, BgpConfiguration, IpPool, BlockAffinity, Service, EndpointSlice
Intents   none

Starts and waits, named not-ready, while the API server is away; facts stay published. The threads of
`client.py` hand their reports to the loop, which is the only one to touch this state.
"""

import asyncio
import os
import random
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import ClassVar

from actors.kube_watch.client import API_ERRORS, ApiClient, ResourceWatch, error_text
from actors.kube_watch.fact_table import WORD_OF_PLURAL, FactTable
from actors.kube_watch.fields import MalformedObject
from actors.kube_watch.list_watch import (
    API_OF_PLURAL,
    ApiResource,
    JsonObject,
    ListResult,
    WatchReport,
    WatchState,
    calico_api,
    name_parts,
    retry_delay_s,
)
from actors.kube_watch.parse import node_annotations
from actors.runtime.actor import Actor
from actors.runtime.context import Context
from actors.runtime.decision import Decision
from schemas.facts import Fact, NodeAnnotations


class KubeWatch(Actor):
    """One table and one watch per resource."""

    name: ClassVar[str] = "kube-watch"

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        self.tables = {plural: FactTable(plural) for plural in WORD_OF_PLURAL}
        self.annotations: dict[str, NodeAnnotations] = {}  # of our own node
        self.states: dict[str, WatchState] = {}
        self._watches: list[ResourceWatch] = []
        self._stopping = threading.Event()

    def take_report(self, resource: ApiResource, report: WatchReport) -> None:
        """One report of a watch, on the loop."""
        table = self.tables[resource.plural]
        if isinstance(report, WatchState):
            self.states[resource.plural] = report
            self.context.log.info("api server", resource=resource.plural, state=report)
        else:
            if resource.plural == "nodes":
                self._store_own_annotations(report.items if isinstance(report, ListResult) else [report.object])
            for error in table.apply(report):
                self.context.counters["malformed_objects"] += 1
                self.context.log.warning("malformed object", why=error)
        self.context.wake("/".join(("kube", resource.plural, *name_parts(report))))

    def decide(self) -> Decision:
        """All tables; once every one has been listed."""
        tables: dict[str, Mapping[str, Fact]] = {table.word: table.facts for table in self.tables.values()}
        return Decision(facts=tables | {"node-annotations": self.annotations})

    def _store_own_annotations(self, items: Sequence[JsonObject]) -> None:
        """Our own node's annotations; errors in it are reported with the node itself."""
        for item in items:
            with suppress(MalformedObject):
                name, annotations = node_annotations(item)
                if name == self.context.config.node:
                    self.annotations = {name: annotations}

    def waits_for(self) -> Sequence[str]:
        """The resources that have not been listed yet, and why."""
        missing = [plural for plural, table in self.tables.items() if not table.listed]
        why = {plural: self.states.get(plural) for plural in missing}
        return [f"kube-api {name}: {state.reason if state else 'not reached'}" for name, state in why.items()]

    def unwell(self) -> Sequence[str]:
        """Watches that have lost the server since, and objects that cannot be read."""
        disconnected = [
            f"kube-api {plural}: {state.reason}"
            for plural, state in self.states.items()
            if not state.connected and self.tables[plural].listed
        ]
        return disconnected + [error for table in self.tables.values() for error in table.unreadable.values()]

    async def on_start(self) -> None:
        """Finds the server in a thread of its own: discovery blocks, and may have to wait long."""
        loop = asyncio.get_running_loop()
        threading.excepthook = lambda args: _call(loop, self._thread_failed, args.exc_value)
        threading.Thread(target=self._discover, args=(loop,), name="discover", daemon=True).start()

    def _discover(self, loop: asyncio.AbstractEventLoop) -> None:
        failures = 0
        while not self._stopping.is_set():
            try:
                api = ApiClient.from_environment()
                calico = calico_api(api.groups(), os.environ.get("CALICO_API_GROUP", ""))
            except API_ERRORS as error:
                failures += 1
                _call(loop, self._not_reached, WatchState(False, error_text(error)))
                self._stopping.wait(retry_delay_s(failures, random.random()))
                continue
            _call(loop, self._begin, api, calico)
            return

    def _thread_failed(self, error: BaseException | None) -> None:
        """An exception that a watch's thread did not expect is our bug: it ends the process, not the thread."""
        self.context.fail(error)

    def _not_reached(self, state: WatchState) -> None:
        for plural in self.tables:
            if self.states.get(plural) != state:
                self.states[plural] = state
        self.context.wake()

    def _begin(self, api: ApiClient, calico: str) -> None:
        if self._stopping.is_set():
            return
        loop = asyncio.get_running_loop()

        def hand_over(resource: ApiResource, report: WatchReport) -> None:
            _call(loop, self.take_report, resource, report)

        for plural in self.tables:
            resource = ApiResource(API_OF_PLURAL.get(plural, calico), plural)
            self._watches.append(ResourceWatch(api, resource, hand_over))
        self.context.log.info("watching", calico=calico, resources=list(self.tables))
        for watch in self._watches:
            watch.start()

    async def on_stop(self) -> None:
        """Ends the watches, together, each in less than a second."""
        self._stopping.set()
        await asyncio.gather(*(asyncio.to_thread(watch.stop) for watch in self._watches))


def _call(loop: asyncio.AbstractEventLoop, call: object, *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(call, *arguments)  # type: ignore[arg-type]
    except RuntimeError:
        return  # the loop has closed: the process is ending
