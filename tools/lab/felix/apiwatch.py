"""Edge: keeps a copy of the API server's objects by list and watch, one task for each resource."""

import asyncio
import json
from collections.abc import Callable

import aiohttp

from bus.log import ProcessLog
from tools.lab.apiserver.resources import CALICO, NETWORKING, ServedResource, collection_path, resource_by_kind
from tools.lab.felix.policies import KUBERNETES
from tools.lab.objects import Key, Object, key_of

WORDS = (
    "Node",
    "Namespace",
    "ServiceAccount",
    "Pod",
    "EndpointSlice",
    f"NetworkPolicy.{NETWORKING}",
    f"NetworkPolicy.{CALICO}",
    "GlobalNetworkPolicy",
    "StagedNetworkPolicy",
    "StagedGlobalNetworkPolicy",
    "StagedKubernetesNetworkPolicy",
    "Tier",
    "NetworkSet",
    "GlobalNetworkSet",
    "HostEndpoint",
    "Profile",
    "IPPool",
    "BGPConfiguration",
    "FelixConfiguration",
)
PAUSE_S = 0.2
LINE_BYTES_MAX = 16 * 2**20


def name_of(resource: ServedResource) -> str:
    """The kind under which objects are kept; Kubernetes' NetworkPolicy has a name of its own."""
    return KUBERNETES if resource.group == NETWORKING else resource.kind


class ObjectCache:
    """All objects, by kind and by (namespace, name). `changed` is called after each change."""

    def __init__(self, url: str, changed: Callable[[], None], log: ProcessLog) -> None:
        self.objects: dict[str, dict[Key, Object]] = {}
        self.reached = False  # the last request was answered
        self._url, self._changed, self._log = url, changed, log
        self._resources = [resource for word in WORDS if (resource := resource_by_kind(word)) is not None]

    @property
    def in_sync(self) -> bool:
        """Whether every resource has been listed."""
        return all(name_of(resource) in self.objects for resource in self._resources)

    async def run(self) -> None:
        """Lists and watches until it is cancelled."""
        timeout = aiohttp.ClientTimeout(total=None, connect=5.0)
        connector = aiohttp.TCPConnector(limit=0)
        async with (
            aiohttp.ClientSession(timeout=timeout, connector=connector, read_bufsize=LINE_BYTES_MAX) as session,
            asyncio.TaskGroup() as tasks,
        ):
            for resource in self._resources:
                tasks.create_task(self._follow(session, resource))

    async def _follow(self, session: aiohttp.ClientSession, resource: ServedResource) -> None:
        version = ""
        while True:
            try:
                version = version or await self._list(session, resource)
                version = await self._watch(session, resource, version)
            except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
                if self.reached:
                    self._log.warning("api away", resource=resource.id, why=error or repr(error))
                self.reached = False
                await asyncio.sleep(PAUSE_S)

    async def _list(self, session: aiohttp.ClientSession, resource: ServedResource) -> str:
        async with session.get(self._url + collection_path(resource, ""), raise_for_status=True) as answer:
            body = await answer.json()
        self.objects[name_of(resource)] = {key_of(item): item for item in body["items"]}
        self.reached = True
        self._changed()
        return str(body["metadata"]["resourceVersion"])

    async def _watch(self, session: aiohttp.ClientSession, resource: ServedResource, version: str) -> str:
        """Follows changes until the server ends the watch. Returns where to go on, "" to list anew."""
        query = {"watch": "1", "resourceVersion": version, "allowWatchBookmarks": "true"}
        objects = self.objects[name_of(resource)]
        async with session.get(
            self._url + collection_path(resource, ""), params=query, raise_for_status=True
        ) as answer:
            self.reached = True
            async for line in answer.content:
                event = json.loads(line)
                if event["type"] == "ERROR":
                    return ""
                version = str(event["object"]["metadata"]["resourceVersion"])
                if event["type"] == "BOOKMARK":
                    continue
                if event["type"] == "DELETED":
                    objects.pop(key_of(event["object"]), None)
                else:
                    objects[key_of(event["object"])] = event["object"]
                self._changed()
        return version
