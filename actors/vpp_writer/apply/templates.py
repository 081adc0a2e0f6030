"""The bytes that many objects have in common, made once for a connection."""

from actors.vpp_writer.kinds.call import UNPACKABLE, Later
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import SharedPart
from actors.vpp_writer.kinds.wire import CallTemplate
from actors.vpp_writer.reconcile.bulk import BulkObjects
from actors.vpp_writer.vpp.client import VppClient

_TEMPLATES_MAX = 10_000  # then all are made anew


class CallTemplates:
    """Templates of shared parts. Their bytes hang on the numbers that VPP gave to what the part names."""

    def __init__(self, api: VppClient) -> None:
        self._api = api
        self._templates: dict[tuple[SharedPart, bool, tuple[int, ...]], CallTemplate] = {}

    def of(self, bulk: BulkObjects, indices: VppIndices, *, add: bool) -> dict[SharedPart, CallTemplate]:
        """By part, of those that can be packed now; the calls of single objects say what keeps the others."""
        templates: dict[SharedPart, CallTemplate] = {}
        if all(map(self._api.supports, bulk.kind.messages)):
            for part in set(bulk.parts):
                try:
                    templates[part] = self._of(part, indices, add)
                except (Later, *UNPACKABLE):
                    continue
        return templates

    def _of(self, part: SharedPart, indices: VppIndices, add: bool) -> CallTemplate:
        identity = part, add, part.numbers(indices)
        template = self._templates.get(identity)
        if template is None:
            if len(self._templates) >= _TEMPLATES_MAX:
                self._templates.clear()
            template = self._templates[identity] = CallTemplate(lambda prefix: self._packed(part, prefix, indices, add))
        return template

    def _packed(self, part: SharedPart, prefix: str, indices: VppIndices, add: bool) -> bytes:
        call = part.call(prefix, indices, add)
        return self._api.packed(call.message, call.fields)
