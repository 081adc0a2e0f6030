"""Kubernetes watcher: API objects become facts.

Hears     nothing on the bus; the Kubernetes API
Says      NodeFact, NodeAnnotationsFact, BgpConfigurationFact, IpPoolFact, BlockAffinityFact, ServiceFact,
          EndpointSliceFact
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

from actors.kube_watch.client import KUBE_API_ERRORS, KubeApiClient, KubeResourceWatch, kube_error_text
from actors.kube_watch.fact_table import BUS_WORD_OF_KUBE_PLURAL, KubeFactTable
from actors.kube_watch.fields import MalformedKubeObject
from actors.kube_watch.list_watch import (
    KUBE_API_OF_PLURAL,
    KubeApiResource,
    KubeJsonObject,
    KubeListResult,
    KubeWatchReport,
    KubeWatchState,
    calico_api_version,
    kube_name_parts,
    kube_retry_delay_s,
)
from actors.kube_watch.parse import parse_node_annotations
from actors.runtime.actor import Actor
from actors.runtime.context import ActorContext
from actors.runtime.decision import ActorDecision
from schemas.facts import Fact, NodeAnnotationsFact


class KubeWatch(Actor):
    """One table and one watch per resource."""

    name: ClassVar[str] = "kube-watch"

    def __init__(self, context: ActorContext) -> None:
        super().__init__(context)
        self.tables = {plural: KubeFactTable(plural) for plural in BUS_WORD_OF_KUBE_PLURAL}
        self.annotations: dict[str, NodeAnnotationsFact] = {}  # of our own node
        self.states: dict[str, KubeWatchState] = {}
        self._watches: list[KubeResourceWatch] = []
        self._stopping = threading.Event()

    def take_report(self, resource: KubeApiResource, report: KubeWatchReport) -> None:
        """One report of a watch, on the loop."""
        table = self.tables[resource.plural]
        if isinstance(report, KubeWatchState):
            self.states[resource.plural] = report
            self.context.log.info("api server", resource=resource.plural, state=report)
        else:
            if resource.plural == "nodes":
                self._store_own_annotations(report.items if isinstance(report, KubeListResult) else [report.object])
            for error in table.apply(report):
                self.context.counters["malformed_objects"] += 1
                self.context.log.warning("malformed object", why=error)
        self.context.wake("/".join(("kube", resource.plural, *kube_name_parts(report))))

    def decide(self) -> ActorDecision:
        """All tables; once every one has been listed."""
        tables: dict[str, Mapping[str, Fact]] = {table.word: table.facts for table in self.tables.values()}
        return ActorDecision(facts=tables | {"node-annotations": self.annotations})

    def _store_own_annotations(self, items: Sequence[KubeJsonObject]) -> None:
        """Our own node's annotations; errors in it are reported with the node itself."""
        for item in items:
            with suppress(MalformedKubeObject):
                name, annotations = parse_node_annotations(item)
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
                api = KubeApiClient.from_environment()
                calico = calico_api_version(api.groups(), os.environ.get("CALICO_API_GROUP", ""))
            except KUBE_API_ERRORS as error:
                failures += 1
                _call(loop, self._not_reached, KubeWatchState(False, kube_error_text(error)))
                self._stopping.wait(kube_retry_delay_s(failures, random.random()))
                continue
            _call(loop, self._begin, api, calico)
            return

    def _thread_failed(self, error: BaseException | None) -> None:
        """An exception that a watch's thread did not expect is our bug: it ends the process, not the thread."""
        self.context.fail(error)

    def _not_reached(self, state: KubeWatchState) -> None:
        for plural in self.tables:
            if self.states.get(plural) != state:
                self.states[plural] = state
        self.context.wake()

    def _begin(self, api: KubeApiClient, calico: str) -> None:
        if self._stopping.is_set():
            return
        loop = asyncio.get_running_loop()

        def hand_over(resource: KubeApiResource, report: KubeWatchReport) -> None:
            _call(loop, self.take_report, resource, report)

        for plural in self.tables:
            resource = KubeApiResource(KUBE_API_OF_PLURAL.get(plural, calico), plural)
            self._watches.append(KubeResourceWatch(api, resource, hand_over))
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
