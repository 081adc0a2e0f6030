"""The list and watch protocol of Kubernetes as data: queries, answers, when to ask again. Pure.

Source: Kubernetes API concepts, "Efficient detection of changes", "Watch bookmarks", "410 Gone".
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import urlencode

from msgspec import Struct

KubeJsonObject: TypeAlias = Any
"""A JSON object of the API, not checked yet: it may be any JSON."""

CRD_API = "crd.projectcalico.org/v1"
NATIVE_API = "projectcalico.org/v3"
KUBE_API_OF_PLURAL = {"nodes": "v1", "services": "v1", "endpointslices": "discovery.k8s.io/v1"}  # the rest: Calico's

_PAGE_OBJECTS = 500  # objects of one list request: bounds the size of an answer
KUBE_WATCH_TIMEOUT_S = 290  # the server ends a watch after this long, and we resume it

BACKOFF_S_MIN = 0.2
BACKOFF_S_MAX = 20.0
JITTER = 0.5  # share of the delay that is left to chance, so that nodes do not come back in step


@dataclass(frozen=True)
class KubeApiResource:
    """One cluster-scoped or all-namespaces collection: `api` is "v1" or "group/version"."""

    api: str
    plural: str

    @property
    def path(self) -> str:
        """The collection's URL path."""
        root = "apis" if "/" in self.api else "api"
        return f"/{root}/{self.api}/{self.plural}"


@dataclass(frozen=True)
class KubeListResult:
    """All objects of a resource as of `version`; what is not among `items` does not exist."""

    items: list[KubeJsonObject]
    version: str


@dataclass(frozen=True)
class KubeWatchEvent:
    """One change: `kind` is ADDED, MODIFIED or DELETED. ADDED may repeat a known object."""

    kind: str
    object: KubeJsonObject


@dataclass(frozen=True)
class KubeWatchConnection:
    """Whether a watch has its server: `connected`, or waiting because of `lost_because`."""

    connected: bool
    lost_because: str = ""

    def __str__(self) -> str:
        return "connected" if self.connected else f"waiting: {self.lost_because}"


KubeWatchReport: TypeAlias = KubeListResult | KubeWatchEvent | KubeWatchConnection


def kube_name_parts(report: KubeWatchReport) -> list[str]:
    """Namespace and name of an event's object, as far as they can be read: for people."""
    meta = (
        report.object.get("metadata")
        if isinstance(report, KubeWatchEvent) and isinstance(report.object, dict)
        else None
    )
    names = [meta.get("namespace"), meta.get("name")] if isinstance(meta, dict) else []
    return [text for text in names if isinstance(text, str) and text]


class KubeApiRefused(Exception):
    """The server refused: a Status instead of an answer. `code` 410 asks for a new list."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"{code} {message}".strip())
        self.code = code


class KubeListPage(Struct):
    """One answer to a list request."""

    items: list[KubeJsonObject] | None = None
    metadata: KubeJsonObject = None


class KubeWatchLine(Struct):
    """One line of a watch."""

    type: str
    object: KubeJsonObject = None


def kube_list_query(page: str) -> str:
    """Query of a list request; `page` is "" or what the last answer calls `continue`."""
    query = {"limit": str(_PAGE_OBJECTS)} | ({"continue": page} if page else {})
    return urlencode(query)


def kube_watch_query(version: str) -> str:
    """Query of a watch request that begins after `version`."""
    return urlencode(
        {
            "watch": "true",
            "resourceVersion": version,
            "allowWatchBookmarks": "true",
            "timeoutSeconds": KUBE_WATCH_TIMEOUT_S,
        }
    )


def kube_watch_event_of(line: KubeWatchLine) -> KubeWatchEvent | None:
    """The event of a watch line; None for a bookmark or a type this client does not know.

    Raises KubeApiRefused for an ERROR event.
    """
    if line.type == "ERROR":
        status = line.object if isinstance(line.object, dict) else {}
        code, message = status.get("code"), status.get("message")
        raise KubeApiRefused(code if isinstance(code, int) else 500, str(message or "error event"))
    if line.type in ("ADDED", "MODIFIED", "DELETED"):
        return KubeWatchEvent(line.type, line.object)
    return None


def kube_resource_version(body: KubeJsonObject) -> str:
    """The resourceVersion of an object or a list; "" when it has none."""
    return kube_metadata_text(body, "resourceVersion")


def kube_metadata_text(body: KubeJsonObject, field: str) -> str:
    """A text field of the metadata; "" when there is none."""
    meta = body.get("metadata") if isinstance(body, dict) else None
    value = meta.get(field) if isinstance(meta, dict) else None
    return value if isinstance(value, str) else ""


def kube_retry_delay_s(failures: int, chance: float) -> float:
    """Seconds to wait after so many failures in a row; `chance` is in [0, 1)."""
    longest = min(BACKOFF_S_MAX, BACKOFF_S_MIN * 2.0 ** min(failures - 1, 16))
    return longest * (1 - JITTER * chance)


def calico_api_version(groups: Collection[str], override: str = "") -> str:
    """The API of Calico's objects: `crd.projectcalico.org/v1` or `projectcalico.org/v3`.

    `groups` are the names of the API groups that discovery shows, `override` is $CALICO_API_GROUP. As Calico
    chooses: v3 only where it is alone, because beside the v1 group it is an API server on top of that.
    Raises ValueError for an override that is neither.
    """
    if override:
        for api in (CRD_API, NATIVE_API):
            if override in (api, api.partition("/")[0]):
                return api
        raise ValueError(f"CALICO_API_GROUP is {override!r}, expected {CRD_API} or {NATIVE_API}")
    alone = "projectcalico.org" in groups and "crd.projectcalico.org" not in groups
    return NATIVE_API if alone else CRD_API
