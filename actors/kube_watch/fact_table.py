"""The facts of one resource of the API server. Pure.

An object that cannot be read keeps the fact of its last readable version, is counted and named; the others are not
touched by it. A table is *listed* once its first complete list has arrived.
"""

from actors.kube_watch.fields import MalformedKubeObject
from actors.kube_watch.list_watch import KubeJsonObject, KubeListResult, KubeWatchEvent
from actors.kube_watch.parse import KUBE_PARSERS, kube_object_key
from schemas.facts import Fact

BUS_WORD_OF_KUBE_PLURAL = {
    "nodes": "node",
    "bgpconfigurations": "bgp-configuration",
    "ippools": "ip-pool",
    "blockaffinities": "block-affinity",
    "services": "service",
    "endpointslices": "endpoint-slice",
}


class KubeFactTable:
    """The facts of one resource."""

    def __init__(self, plural: str) -> None:
        self.plural = plural
        self.word = BUS_WORD_OF_KUBE_PLURAL[plural]
        self.facts: dict[str, Fact] = {}
        self.listed = False
        self.unreadable: dict[str, str] = {}  # object -> its error, while it lasts

    def apply(self, report: KubeListResult | KubeWatchEvent) -> list[str]:
        """A list or an event. Returns the errors of objects that cannot be read, one text each."""
        if isinstance(report, KubeListResult):
            return self._replace_all(report.items)
        if report.kind == "DELETED":
            return self._delete(report.object)
        return self._store(report.object)

    def _replace_all(self, items: list[KubeJsonObject]) -> list[str]:
        before, self.facts, self.unreadable = self.facts, {}, {}
        errors = [error for item in items for error in self._store(item, before)]
        self.listed = True
        return errors

    def _store(self, item: KubeJsonObject, before: dict[str, Fact] | None = None) -> list[str]:
        try:
            key, fact = KUBE_PARSERS[self.plural](item)
        except MalformedKubeObject as error:
            self._keep_last_fact(item, before or {})
            self.unreadable[error.subject] = str(error)
            return [str(error)]
        self._clear_error(key)
        if fact is None:
            self.facts.pop(key, None)
        else:
            self.facts[key] = fact
        return []

    def _keep_last_fact(self, item: KubeJsonObject, before: dict[str, Fact]) -> None:
        try:
            key = kube_object_key(self.plural, item)
        except MalformedKubeObject:
            return
        if key in before:
            self.facts[key] = before[key]

    def _delete(self, item: KubeJsonObject) -> list[str]:
        try:
            key = kube_object_key(self.plural, item)
        except MalformedKubeObject as error:
            return [str(error)]
        self.facts.pop(key, None)
        self._clear_error(key)
        return []

    def _clear_error(self, key: str) -> None:
        """The object can be read again, or is deleted."""
        self.unreadable = {name: why for name, why in self.unreadable.items() if not name.endswith(f" {key}")}
