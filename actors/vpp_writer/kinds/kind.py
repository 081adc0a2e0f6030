"""What the writer must know of each kind of object: order, needs, calls as data, read-back. Pure."""

from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, TypeVar

from actors.vpp_writer.kinds.call import Call, Later, NoAnswer
from actors.vpp_writer.kinds.indices import Indices
from schemas.intents import Intent

I = TypeVar("I", bound=Intent)  # noqa: E741 - the intent of a kind
Details = Mapping[str, int | str]
# What an object takes: batches of calls, each sent together, and their replies come back. A call that fails is
# thrown in as Later or NoAnswer. Returns the object's details.
CallSequence = Generator[Sequence[Call], Sequence[Any], Details]


@dataclass
class Observed:
    """What VPP turned out to have when it was looked at, unless it is held: rows of the dumps of these objects."""

    interfaces: list[Any] = field(default_factory=list)
    tables: list[Any] = field(default_factory=list)
    translations: dict[tuple[str, int, int], Any] = field(default_factory=dict)  # (address, port, protocol): row

    def tagged(self, tag: str) -> dict[str, int | str] | None:
        """The interface with that tag."""
        return self.interface(lambda row: row.tag == tag)

    def interface(self, is_it: Callable[[Any], bool]) -> dict[str, int | str] | None:
        """The first interface that is it; it is not found twice."""
        for row in self.interfaces:
            if is_it(row):
                self.interfaces.remove(row)
                return {"sw_if_index": int(row.sw_if_index)}
        return None

    def table(self, is_it: Callable[[Any], bool]) -> dict[str, int | str] | None:
        """The first table that is it; it is not found twice."""
        for row in self.tables:
            if is_it(row.table):
                self.tables.remove(row)
                return {"table_id": int(row.table.table_id)}
        return None


# Ranks: created in rising order, deleted in falling order.
SETTING, IP_SET, POLICY, TABLE, INTERFACE, ATTRIBUTE, BINDING, FAMILY, POLICED, UP = range(10)
ADDRESS, BORROW, NEIGHBOUR, ROUTE, REDIRECT = range(10, 15)


class Kind(Generic[I]):
    """One kind. `messages` are the API messages without which it is unavailable.

    Most kinds say `create`, `update` and `delete`, lists of calls that follow one another; those whose calls hang
    on the replies to others say `make`, `change` and `unmake` instead.
    """

    intent: ClassVar[type[Intent]]
    rank: ClassVar[int]
    messages: ClassVar[tuple[str, ...]]
    has_indices: ClassVar[bool] = False  # are details learnt, without which other calls cannot be made?
    make_before_break: ClassVar[bool] = (
        False  # unwanted, it stays until those that need it do without (make before break)
    )
    shared: ClassVar[bool] = False  # may several owners want the same one? It goes with the last of them
    external: ClassVar[bool] = False  # do others make it, so that it is looked for whenever it is wanted?
    non_atomic_update: ClassVar[bool] = False  # may a change that failed leave neither the old nor the new value?

    @property
    def name(self) -> str:
        """As people know it: the tag of its intent."""
        return str(self.intent.__struct_config__.tag)

    def check(self, intent: I) -> None:
        """Raises Never, naming the field, if VPP could never hold this."""

    def needs(self, intent: I) -> Collection[str]:
        """Keys without which it cannot be made, and which cannot go before it."""
        return ()

    def after(self, intent: I) -> Collection[str]:
        """Keys that need not exist, but whose coming and going means that it must be made again."""
        return ()

    def ties(self, intent: I) -> tuple[Collection[str], Collection[str]]:
        """What it needs, and what it comes after: for kinds of which there are many, at once."""
        return self.needs(intent), self.after(intent)

    def write_call(self, intent: I, indices: Indices) -> Call | None:
        """The one call that makes it or changes it, if that is all it takes; None: see `make` and `change`.

        Such objects are written by the hundred.
        """
        return None

    def delete_call(self, intent: I, indices: Indices, details: Details) -> Call | None:
        """The one call that takes it away, if that is all it takes; None: see `unmake`."""
        return None

    def create(self, intent: I, indices: Indices) -> list[Call]:
        """The calls that make it, in order."""
        raise NotImplementedError

    def update(self, old: I, new: I, indices: Indices) -> list[Call] | None:
        """The calls that change it in place; None: delete and create."""
        return None

    def delete(self, intent: I, indices: Indices) -> list[Call]:
        """The calls that take it away, in order."""
        raise NotImplementedError

    def learn(self, intent: I, replies: Sequence[Any]) -> dict[str, int | str]:
        """What the replies to `create` tell that later calls need."""
        return {}

    def follow(self, intent: I, details: Details) -> list[Call]:
        """Calls that complete `create` and need what was learnt from it."""
        return []

    def in_place(self, old: I, new: I, indices: Indices) -> bool:
        """Can it be changed while it is held? If what the new value needs is not there yet, the old one stays."""
        try:
            return self.update(old, new, indices) is not None
        except Later:
            return True

    def make(self, intent: I, indices: Indices, known: Details | None) -> CallSequence:
        """Makes it; `known`: it is there, perhaps in part. Half of it is taken away again if the rest fails."""
        details = known
        if details is None:
            replies: list[Any] = []
            for call in self.create(intent, indices):
                replies += yield [call]
            details = self.learn(intent, replies)
        try:
            for call in self.follow(intent, details):
                yield [call]
        except (Later, NoAnswer):
            for call in self.delete(intent, indices.including(intent.key, details)):
                yield [call]
            raise
        return details

    def change(self, old: I, new: I, indices: Indices, details: Details) -> CallSequence:
        """Changes it in place."""
        for call in self.update(old, new, indices) or ():
            yield [call]
        return details

    def unmake(self, intent: I, indices: Indices, details: Details) -> CallSequence:
        """Takes it away."""
        for call in self.delete(intent, indices):
            yield [call]
        return details

    def recognise(self, intent: I, observed: Observed) -> dict[str, int | str] | None:
        """The details of this very object, if VPP has it already: made by an earlier life of this process.

        Only for kinds whose details later calls need; None for the others, which are simply made again.
        """
        return None
