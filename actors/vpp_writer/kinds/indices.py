"""Our names -> VPP's indices. They never leave the writer.

`details` of a held object are what VPP said when it was made: an interface's `sw_if_index`, a table's `table_id`.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, Protocol

from actors.vpp_writer.kinds.call import VppCallRetriedLater
from schemas.intents import FIXED_TABLE_IDS, Intent, interface_intent_key, table_intent_key
from schemas.npol import ip_set_intent_key, policy_intent_key

NO_VPP_INDEX = 0xFFFFFFFF  # VPP's "no index"
NO_OBJECT_DETAILS: Mapping[str, int | str] = MappingProxyType(
    {}
)  # details of an object of which there is nothing to learn


class _Held(Protocol):
    """A held object."""

    @property
    def intent(self) -> Intent: ...

    @property
    def details(self) -> Mapping[str, Any]: ...


class VppIndices:
    """Looks indices up among the held objects."""

    def __init__(self, objects: Mapping[str, _Held]) -> None:
        self._objects = objects

    def interface(self, name: str) -> int:
        """The sw_if_index of a held interface. Raises VppCallRetriedLater if it has gone meanwhile."""
        return int(self._detail(interface_intent_key(name), "sw_if_index"))

    def table(self, name: str, ip_version: int) -> int:
        """The id of a table; VPP has table 0 from the start. Raises VppCallRetriedLater if it has gone meanwhile."""
        if not table_intent_needs(name, ip_version):
            return FIXED_TABLE_IDS[name]
        return int(self._detail(table_intent_key(name, ip_version), "table_id"))

    def ip_set(self, name: str) -> int:
        """The id of a held IP set. Raises VppCallRetriedLater if it has gone meanwhile."""
        return int(self._detail(ip_set_intent_key(name), "set_id"))

    def policy(self, name: str) -> int:
        """The id of a held policy. Raises VppCallRetriedLater if it has gone meanwhile."""
        return int(self._detail(policy_intent_key(name), "policy_id"))

    def intent(self, key: str) -> Intent | None:
        """The intent of a held object; None: it is not held."""
        held_object = self._objects.get(key)
        return None if held_object is None else held_object.intent

    def _detail(self, key: str, detail: str) -> Any:
        held_object = self._objects.get(key)
        if held_object is None:
            raise VppCallRetriedLater(f"{key} is gone")
        return held_object.details[detail]


def table_intent_needs(name: str, *ip_versions: int) -> set[str]:
    """The keys that an object in this table needs; none for VPP's own table 0."""
    return set() if FIXED_TABLE_IDS.get(name) == 0 else {table_intent_key(name, version) for version in ip_versions}
