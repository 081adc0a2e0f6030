"""What the API server has told: one table of facts per resource. Pure.

An object that cannot be read keeps the fact of its last readable version, is counted and named; the others
are not touched by it. A table is *listed* once its first complete list has been heard.
"""

from actors.kube_watch.fields import Malformed
from actors.kube_watch.parse import PARSERS, name_of
from actors.kube_watch.watching import Event, Listed, Object
from schemas.facts import Fact

WORD_OF_PLURAL = {
    "nodes": "node",
    "bgpconfigurations": "bgp-configuration",
    "ippools": "ip-pool",
    "blockaffinities": "block-affinity",
    "services": "service",
    "endpointslices": "endpoint-slice",
}


class Objects:
    """The facts of one resource."""

    def __init__(self, plural: str) -> None:
        self.plural = plural
        self.word = WORD_OF_PLURAL[plural]
        self.facts: dict[str, Fact] = {}
        self.listed = False
        self.unreadable: dict[str, str] = {}  # object -> its error, while it lasts

    def take(self, report: Listed | Event) -> list[str]:
        """Learns a list or an event. Returns the errors of objects that cannot be read, one text each."""
        if isinstance(report, Listed):
            return self._list(report.items)
        if report.kind == "DELETED":
            return self._forget(report.object)
        return self._set(report.object)

    def _list(self, items: list[Object]) -> list[str]:
        before, self.facts, self.unreadable = self.facts, {}, {}
        errors = [error for item in items for error in self._set(item, before)]
        self.listed = True
        return errors

    def _set(self, item: Object, before: dict[str, Fact] | None = None) -> list[str]:
        try:
            key, fact = PARSERS[self.plural](item)
        except Malformed as error:
            self._keep_last(item, before or {})
            self.unreadable[error.object] = str(error)
            return [str(error)]
        self._readable(key)
        if fact is None:
            self.facts.pop(key, None)
        else:
            self.facts[key] = fact
        return []

    def _keep_last(self, item: Object, before: dict[str, Fact]) -> None:
        try:
            key = name_of(self.plural, item)
        except Malformed:
            return
        if key in before:
            self.facts[key] = before[key]

    def _forget(self, item: Object) -> list[str]:
        try:
            key = name_of(self.plural, item)
        except Malformed as error:
            return [str(error)]
        self.facts.pop(key, None)
        self._readable(key)
        return []

    def _readable(self, key: str) -> None:
        """The object's last error no longer holds."""
        self.unreadable = {o: e for o, e in self.unreadable.items() if not o.endswith(f" {key}")}
