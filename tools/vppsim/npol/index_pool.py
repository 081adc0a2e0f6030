"""Objects by index; the index freed last is given out first (VPP: vppinfra/pool.h)."""

from collections.abc import Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class IndexPool(Generic[T]):
    """`slots` keeps a freed object until its index is given out again, as VPP's memory does."""

    def __init__(self) -> None:
        self.slots: list[T] = []
        self._free: list[int] = []

    def allocate(self, value: T) -> int:
        """Put a value into a free slot. Returns its index."""
        if self._free:
            index = self._free.pop()
            self.slots[index] = value
            return index
        self.slots.append(value)
        return len(self.slots) - 1

    def free(self, index: int) -> None:
        self._free.append(index)

    def get(self, index: int) -> T | None:
        """The value, None for a free slot."""
        return self.slots[index] if 0 <= index < len(self.slots) and index not in self._free else None

    def slot(self, index: int) -> T | None:
        """The value in the slot's memory, freed or not."""
        return self.slots[index] if 0 <= index < len(self.slots) else None

    def __iter__(self) -> Iterator[tuple[int, T]]:
        free = set(self._free)
        return ((index, value) for index, value in enumerate(self.slots) if index not in free)
