"""The pods of this node, each coming, set up or leaving. Pure."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

from actors.cni.pods import Pod


class State(Enum):
    """Where a pod is in its life. A leaving pod is not wanted in VPP, yet its record and addresses are taken."""

    COMING = "coming"
    SET_UP = "set up"
    LEAVING = "leaving"


@dataclass(frozen=True)
class Entry:
    """A pod and its state."""

    pod: Pod
    state: State


class Pods:
    """All pods by key, found also by place and by address. There are a few hundred at most: it just looks."""

    def __init__(self) -> None:
        self._entries: dict[str, Entry] = {}

    def put(self, pod: Pod, state: State) -> None:
        """The pod is in that state now."""
        self._entries[pod.key] = Entry(pod, state)

    def drop(self, key: str) -> None:
        """The pod is forgotten."""
        self._entries.pop(key, None)

    def get(self, key: str) -> Entry | None:
        """The entry with that key."""
        return self._entries.get(key)

    def at(self, place: str) -> Pod | None:
        """The pod whose device is at that place."""
        return next((e.pod for e in self._entries.values() if e.pod.place == place), None)

    def holders(self, addresses: Iterable[str]) -> list[Pod]:
        """The pods that have one of the addresses, whatever their state."""
        wanted = set(addresses)
        return [e.pod for e in self._entries.values() if wanted & set(e.pod.addresses)]

    def in_state(self, *states: State) -> Iterator[Pod]:
        """The pods in one of these states, by key."""
        return (entry.pod for _, entry in sorted(self._entries.items()) if entry.state in states)

    def wanted(self) -> Iterator[Pod]:
        """The pods that VPP should carry."""
        return self.in_state(State.COMING, State.SET_UP)

    def __len__(self) -> int:
        return len(self._entries)
