"""Which interfaces have the sources of their packets checked, and in which tables (VPP: plugins/urpf/urpf.c).

A record outlives its interface, while the feature goes with it. Who then tells the next interface of that number what
the record says already changes nothing: no feature is put on it, and nothing is checked.
"""

from enum import IntEnum
from typing import NamedTuple


class UrpfMode(IntEnum):
    """urpf_mode of VPP's API."""

    OFF = 0
    LOOSE = 1
    STRICT = 2


class UrpfRecord(NamedTuple):
    """`custom`: the caller has named the table."""

    mode: UrpfMode
    table_id: int
    custom: bool


class SourceChecks:
    """Records by (family, sw_if_index), of packets that come in; `features`: those whose packets are looked at."""

    def __init__(self) -> None:
        self.records: dict[tuple[int, int], UrpfRecord] = {}
        self.features: set[tuple[int, int]] = set()

    def update(self, family: int, if_index: int, record: UrpfRecord) -> None:
        """Records; puts the feature on the interface or takes it off, if the record says something new."""
        key = (family, if_index)
        before = self.records.get(key, UrpfRecord(UrpfMode.OFF, 0, False))
        self.records[key] = record
        if before[:2] != record[:2]:
            self.features.discard(key)
            if record.mode is not UrpfMode.OFF:
                self.features.add(key)

    def is_on(self, family_and_mode: tuple[int, UrpfMode], if_index: int) -> bool:
        """Are the interface's packets of that family looked at in that mode?"""
        family, mode = family_and_mode
        return (family, if_index) in self.features and self.records[family, if_index].mode is mode

    def rebind(self, family: int, if_index: int, table_id: int) -> None:
        """The interface is in another table now: a record without a table of its own follows."""
        record = self.records.get((family, if_index), UrpfRecord(UrpfMode.OFF, 0, False))
        if not record.custom:
            self.records[family, if_index] = record._replace(table_id=table_id)

    def forget_interface(self, if_index: int) -> None:
        """The interface has gone, and its features with it. Its records stay."""
        self.features = {key for key in self.features if key[1] != if_index}
