"""Kubernetes watcher: API objects become facts; a node's addresses are written where Calico has none.

Hears     UplinkFact, without waiting for it; the Kubernetes API
Says      NodeFact, NodeAnnotationsFact, BgpConfigurationFact, IpPoolFact, BlockAffinityFact, ServiceFact,
          EndpointSliceFact
Intents   none

Edges     node-annotations: what is to be written into our own Node

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
    KubeWatchConnection,
    KubeWatchReport,
    calico_api_version,
    kube_name_parts,
    kube_retry_delay_s,
)
from actors.kube_watch.node_addresses import addresses_to_write
from actors.kube_watch.node_writer import NodeAnnotationWriter
from actors.kube_watch.parse import parse_node_annotations
from actors.runtime.actor import Actor, hears_fact, store_fact
from actors.runtime.context import ActorContext
from actors.runtime.decision import ActorDecision
from schemas.facts import Fact, IpPoolFact, NodeAnnotationsFact, UplinkFact


class KubeWatch(Actor):
    """One table and one watch per resource."""

    name: ClassVar[str] = "kube-watch"
    unawaited_words: ClassVar[frozenset[str]] = frozenset({"uplink"})

    def __init__(self, context: ActorContext) -> None:
        super().__init__(context)
        self._node_writer = NodeAnnotationWriter(
            context.config.node, lambda why: _call(self._loop, self._write_told, why)
        )
        self.edges = {"node-annotations": self._node_writer}
        self.uplinks: dict[str, UplinkFact] = {}
        self._earlier_addresses: set[str] = set()  # interface addresses that the main uplink has had in this life
        self._not_written = ""
        self._loop: asyncio.AbstractEventLoop
        self.tables = {plural: KubeFactTable(plural) for plural in BUS_WORD_OF_KUBE_PLURAL}
        self.annotations: dict[str, NodeAnnotationsFact] = {}  # of our own node
        self.states: dict[str, KubeWatchConnection] = {}
        self._watches: list[KubeResourceWatch] = []
        self._stopping = threading.Event()

    @hears_fact(UplinkFact)
    def uplink(self, key: str, uplink: UplinkFact | None) -> None:
        store_fact(self.uplinks, key, uplink)
        self._earlier_addresses |= set(self._uplink_addresses())

    def _uplink_addresses(self) -> list[str]:
        return [text for uplink in self.uplinks.values() if uplink.is_main for text in uplink.addresses]

    def take_report(self, resource: KubeApiResource, report: KubeWatchReport) -> None:
        """One report of a watch, on the loop."""
        table = self.tables[resource.plural]
        if isinstance(report, KubeWatchConnection):
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
        own = self.annotations.get(self.context.config.node)
        pools = [pool.cidr for pool in self.tables["ippools"].facts.values() if isinstance(pool, IpPoolFact)]
        unwritten = (
            addresses_to_write(self._uplink_addresses(), own.annotations, pools, self._earlier_addresses) if own else {}
        )
        facts = tables | {"node-annotations": self.annotations}
        return ActorDecision(facts=facts, edges={"node-annotations": unwritten})

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
        return [f"kube-api {name}: {state.lost_because if state else 'not reached'}" for name, state in why.items()]

    def unwell(self) -> Sequence[str]:
        """Watches that have lost the server since, and objects that cannot be read."""
        disconnected = [
            f"kube-api {plural}: {state.lost_because}"
            for plural, state in self.states.items()
            if not state.connected and self.tables[plural].listed
        ]
        unwritten = [f"kube-api nodes: {self._not_written}"] if self._not_written else []
        return (
            disconnected + unwritten + [error for table in self.tables.values() for error in table.unreadable.values()]
        )

    async def on_start(self) -> None:
        """Finds the server in a thread of its own: discovery blocks, and may have to wait long."""
        self._loop = loop = asyncio.get_running_loop()
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
                _call(loop, self._not_reached, KubeWatchConnection(False, kube_error_text(error)))
                self._stopping.wait(kube_retry_delay_s(failures, random.random()))
                continue
            _call(loop, self._begin, api, calico)
            return

    def _thread_failed(self, error: BaseException | None) -> None:
        """An exception that a watch's thread did not expect is our bug: it ends the process, not the thread."""
        self.context.fail(error)

    def _write_told(self, why: str) -> None:
        if why != self._not_written:
            self._not_written = why
            self.context.log.info("own node", state=why or "addresses written")
            self.context.wake()

    def _not_reached(self, state: KubeWatchConnection) -> None:
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
        self._node_writer.start(api)

    async def on_stop(self) -> None:
        """Ends the watches, together, each in less than a second."""
        self._stopping.set()
        stops = [watch.stop for watch in self._watches] + [self._node_writer.stop]
        await asyncio.gather(*map(asyncio.to_thread, stops))


def _call(loop: asyncio.AbstractEventLoop, call: object, *arguments: object) -> None:
    try:
        loop.call_soon_threadsafe(call, *arguments)  # type: ignore[arg-type]
    except RuntimeError:
        return  # the loop has closed: the process is ending
