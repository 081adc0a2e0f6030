"""Pods with an agent in each, made once for the tests of a package; what a test applies is deleted after it."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from tools.lab import kube
from tools.lab.cluster import pods
from tools.lab.objects import Object
from tools.lab.state import Lab
from tools.lab.traffic.agents import Agents


class PodWorld(ABC):
    """The pods of a package's tests, their agents, and the objects that the present test has applied."""

    def __init__(self, lab: Lab, agents: Agents) -> None:
        self.lab, self.agents = lab, agents
        self._applied: list[tuple[str, str, str]] = []  # kind, namespace, name

    @abstractmethod
    def make(self) -> None:
        """Makes the pods and all that they need."""

    @abstractmethod
    def remove(self) -> None:
        """Removes all that `make` made."""

    def apply(self, *bodies: Object) -> list[Object]:
        """Applies objects, which `undo` deletes; returns them as they are stored."""
        for body in bodies:
            meta = body["metadata"]
            group = body["apiVersion"].rpartition("/")[0]
            self._applied.append((f"{body['kind']}.{group}".rstrip("."), meta.get("namespace", ""), meta["name"]))
        return [stored for body in bodies for stored in kube.apply(self.lab, body)]

    def undo(self) -> None:
        """Deletes what has been applied, the latest first."""
        for key in reversed(self._applied):
            kube.delete(self.lab, *key)
        self._applied.clear()

    def delete_pods(self, keys: Iterable[str]) -> None:
        """Deletes those of these pods that exist."""
        for key in keys:
            if key in self.lab.pods:
                pods.delete(self.lab, key)


W = TypeVar("W", bound=PodWorld)


@contextmanager
def made_world(kind: type[W], lab: Lab) -> Iterator[W]:
    """A world of that class in the lab, with its agents; removed in the end."""
    with Agents(lab.directory / "agents") as agents:
        world = kind(lab, agents)
        try:
            world.make()
            yield world
        finally:
            world.remove()


@contextmanager
def undone(world: W) -> Iterator[W]:
    """The world for one test, whose changes are undone after it."""
    try:
        yield world
    finally:
        world.undo()
