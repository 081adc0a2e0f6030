"""What the writer must know of each kind of object: order, needs, calls, read-back. Pure."""

from collections.abc import Callable, Collection, Generator, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, Protocol, TypeVar

from actors.vpp_writer.kinds.call import VppCall
from actors.vpp_writer.kinds.indices import VppIndices
from schemas.intents import Intent

I = TypeVar("I", bound=Intent)  # noqa: E741 - the intent of a kind
ObjectDetails = Mapping[str, int | str]
# The calls of one verb: what is yielded leaves together, and all the replies to it come back. A call that fails is
# thrown in as VppCallRetriedLater or NoVppAnswer. Returns the object's details; None: there is nothing to know of it.
VppCallSequence = Generator[Sequence[VppCall], Sequence[Any], ObjectDetails | None]


@dataclass
class ObservedVppObjects:
    """What VPP has and no object is held of: rows of its dumps."""

    interfaces: list[Any] = field(default_factory=list)
    tables: list[Any] = field(default_factory=list)
    translations: dict[tuple[str, int, int], Any] = field(default_factory=dict)  # (address, port, protocol): row

    def tagged(self, tag: str) -> dict[str, int | str] | None:
        """The interface with that tag."""
        return self.interface(lambda row: row.tag == tag)

    def interface(self, matches: Callable[[Any], bool]) -> dict[str, int | str] | None:
        """The first interface of which this is true; it is not given twice."""
        for row in self.interfaces:
            if matches(row):
                self.interfaces.remove(row)
                return {"sw_if_index": int(row.sw_if_index)}
        return None

    def table(self, matches: Callable[[Any], bool]) -> dict[str, int | str] | None:
        """The first table of which this is true; it is not given twice."""
        for row in self.tables:
            if matches(row.table):
                self.tables.remove(row)
                return {"table_id": int(row.table.table_id)}
        return None


class SharedIntentPart(Hashable, Protocol):
    """What many objects of one kind have in common: everything but one prefix."""

    @property
    def needs(self) -> Collection[str]: ...

    @property
    def after(self) -> Collection[str]: ...

    def numbers(self, indices: VppIndices) -> tuple[int, ...]:
        """VPP's numbers on which the common bytes depend. Raises VppCallRetriedLater if one has gone meanwhile."""

    def call(self, prefix: str, indices: VppIndices, add: bool) -> VppCall:
        """The call that adds the object of that prefix or replaces it, or deletes it. Raises VppCallRetriedLater."""


class VppObjectLookup(NamedTuple):
    """A question whether VPP holds an object's value.

    `reply` names the message of the answer. `equal` compares its bytes from `at` on, a path of fields, with those of
    the call that adds an object of this `part`.
    """

    request: VppCall
    part: SharedIntentPart
    reply: str
    at: tuple[str, ...]
    equal: Callable[[bytes, bytes], bool]


# Ranks: created in rising order, deleted in falling order.
(
    RANK_SETTING,
    RANK_IP_SET,
    RANK_POLICY,
    RANK_TABLE,
    RANK_INTERFACE,
    RANK_ATTRIBUTE,
    RANK_TABLE_BINDING,
    RANK_ADDRESS_FAMILY,
    RANK_INTERFACE_POLICIES,
    RANK_ADMIN_UP,
) = range(10)
RANK_ADDRESS, RANK_UNNUMBERED, RANK_NEIGHBOUR, RANK_ROUTE, RANK_PUNT_REDIRECT = range(10, 15)


INTENT_KINDS: dict[
    type[Intent], "IntentKind[Any]"
] = {}  # by the type of their intent; a class with an `intent` enters itself


class IntentKind(Generic[I]):
    """One kind. `messages`: the API messages without which it is unavailable.

    Its verbs `create`, `update` and `delete` are the calls that they take, one verb one `VppCallSequence`.
    """

    intent: ClassVar[type[Intent]]
    rank: ClassVar[int]
    messages: ClassVar[tuple[str, ...]]
    single: ClassVar[bool] = False  # each verb is one call, which may leave in a batch with those of other objects
    bulk_prefix: ClassVar[str] = ""  # how the keys begin of a kind of which there are many, and that nothing depends on
    has_indices: ClassVar[bool] = False  # do its details have numbers without which other calls cannot be made?
    make_before_break: ClassVar[bool] = False  # unwanted, it stays until nothing that is held needs it
    shared: ClassVar[bool] = False  # may several owners want one of equal value? It goes with the last of them
    templated: ClassVar[bool] = False  # has it much in common with many others, and has each a `template`?
    looked_up: ClassVar[bool] = False  # is it read back by `lookup`, because a dump of all would take VPP too long?
    external: ClassVar[bool] = False  # created outside the writer; found by dump whenever it is wanted
    non_atomic_update: ClassVar[bool] = False  # may a change that failed leave neither the old nor the new value?

    def __init_subclass__(cls, *, registered: bool = True) -> None:
        if registered and "intent" in cls.__dict__:
            INTENT_KINDS[cls.intent] = cls()

    @property
    def name(self) -> str:
        """As people know it: the tag of its intent."""
        return str(self.intent.__struct_config__.tag)

    def check(self, intent: I) -> None:
        """Raises IntentRejected, naming the field, if VPP could never hold this."""

    def needs(self, intent: I) -> Collection[str]:
        """Keys without which it cannot be made, and which cannot go before it."""
        return ()

    def after(self, intent: I) -> Collection[str]:
        """Keys that need not exist, but whose coming and going means that it must be made again."""
        return ()

    def ties(self, intent: I) -> tuple[Collection[str], Collection[str]]:
        """`needs` and `after` together."""
        return self.needs(intent), self.after(intent)

    def template(self, intent: I) -> tuple[SharedIntentPart, bytes]:
        """(what it has in common with many, the bytes of the prefix in which they differ). Raises IntentRejected.

        For a kind that is `templated`: it has no details, and the call that adds it replaces the value that VPP holds.
        """
        raise NotImplementedError

    def create(self, intent: I, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        """Makes it. `existing`: VPP has it, perhaps in part. Half of it is taken away again if the rest fails."""
        raise NotImplementedError

    def can_update(self, old: I, new: I) -> bool:
        """Can it be changed while it is held? If what the new value needs is not there yet, the old one stays."""
        return False

    def update(self, old: I, new: I, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        """Changes it in place; by default the new value is written over the old one."""
        return (yield from self.create(new, indices, None))

    def delete(self, intent: I, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        """Takes it away."""
        raise NotImplementedError

    def recognise(self, intent: I, observed: ObservedVppObjects) -> dict[str, int | str] | None:
        """The details of this very object, if VPP has it already: made by an earlier life of this process.

        Only for kinds with indices; None for the others, which are simply made again.
        """
        return None

    def lookup(self, intent: I, indices: VppIndices) -> VppObjectLookup:
        """Asks whether VPP holds this very value, for a kind that is `looked_up`. Raises VppCallRetriedLater."""
        raise NotImplementedError


class AddDelKind(IntentKind[I]):
    """A kind whose one message adds it or deletes it."""

    def call(self, intent: I, indices: VppIndices, add: bool) -> VppCall:
        """The call that adds it, or deletes it. Raises VppCallRetriedLater."""
        raise NotImplementedError

    def create(self, intent: I, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        yield [self.call(intent, indices, True)]
        return None

    def delete(self, intent: I, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield [self.call(intent, indices, False)]
        return None


class SettingKind(IntentKind[I]):
    """A setting that VPP always has: written over, and left as it is when nobody wants it any more."""

    def call(self, intent: I, indices: VppIndices) -> VppCall:
        """The call that sets it. Raises VppCallRetriedLater."""
        raise NotImplementedError

    def create(self, intent: I, indices: VppIndices, existing: ObjectDetails | None) -> VppCallSequence:
        yield [self.call(intent, indices)]
        return None

    def can_update(self, old: I, new: I) -> bool:
        return True

    def delete(self, intent: I, indices: VppIndices, details: ObjectDetails) -> VppCallSequence:
        yield from ()
        return None
