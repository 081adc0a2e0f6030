"""The bytes that the routes of a way have in common, made once for a connection."""

from collections.abc import Iterable

from actors.vpp_writer.kinds.call import UNPACKABLE, Later
from actors.vpp_writer.kinds.indices import Indices
from actors.vpp_writer.kinds.routes import MESSAGE, PathList
from actors.vpp_writer.kinds.wire import Template
from actors.vpp_writer.vpp.client import VppClient

TEMPLATES_MAX = 10_000  # then all are made anew


class Templates:
    """The bytes that the routes of a way have in common, for one connection; they hang on the numbers that VPP gave."""

    def __init__(self, api: VppClient) -> None:
        self._api = api
        self._made: dict[tuple[PathList, tuple[int, ...]], Template] = {}

    def of(self, path_lists: Iterable[PathList], indices: Indices) -> dict[PathList, Template]:
        """By way, of those whose routes can be written now; the writer of single objects says what keeps the others."""
        found: dict[PathList, Template] = {}
        if self._api.supports(MESSAGE):
            for path_list in path_lists:
                try:
                    found[path_list] = self._of(path_list, indices)
                except (Later, *UNPACKABLE):
                    continue
        return found

    def _of(self, path_list: PathList, indices: Indices) -> Template:
        what = path_list, path_list.numbers(indices)
        template = self._made.get(what)
        if template is None:
            if len(self._made) >= TEMPLATES_MAX:
                self._made.clear()
            template = self._made[what] = self._api.template(MESSAGE, path_list.shared(True, indices))
        return template
