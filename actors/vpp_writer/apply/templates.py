"""The bytes that many objects have in common, made once for a connection."""

from actors.vpp_writer.kinds.call import UNPACKABLE_CALL_ERRORS, VppCallRetriedLater
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import SharedIntentPart
from actors.vpp_writer.kinds.wire import VppCallTemplate
from actors.vpp_writer.reconcile.bulk import BulkObjects
from actors.vpp_writer.vpp.client import VppApiClient

_TEMPLATES_MAX = 10_000  # then all are made anew


class VppCallTemplates:
    """Templates of shared parts. Their bytes hang on the numbers that VPP gave to what the part names."""

    def __init__(self, api: VppApiClient) -> None:
        self._api = api
        self._templates: dict[tuple[SharedIntentPart, bool, tuple[int, ...]], VppCallTemplate] = {}

    def of(self, bulk: BulkObjects, indices: VppIndices, *, add: bool) -> dict[SharedIntentPart, VppCallTemplate]:
        """By part, of those that can be packed now; the calls of single objects say what keeps the others."""
        templates: dict[SharedIntentPart, VppCallTemplate] = {}
        if all(map(self._api.supports, bulk.kind.messages)):
            for part in set(bulk.parts):
                try:
                    templates[part] = self._of(part, indices, add)
                except (VppCallRetriedLater, *UNPACKABLE_CALL_ERRORS):
                    continue
        return templates

    def _of(self, part: SharedIntentPart, indices: VppIndices, add: bool) -> VppCallTemplate:
        identity = part, add, part.numbers(indices)
        template = self._templates.get(identity)
        if template is None:
            if len(self._templates) >= _TEMPLATES_MAX:
                self._templates.clear()
            template = self._templates[identity] = VppCallTemplate(
                lambda prefix: self._packed(part, prefix, indices, add)
            )
        return template

    def _packed(self, part: SharedIntentPart, prefix: str, indices: VppIndices, add: bool) -> bytes:
        call = part.call(prefix, indices, add)
        return self._api.packed(call.message, call.fields)
