"""Who hears which word: the managers by their handlers, the others as declared here."""

from collections.abc import Iterator
from typing import NamedTuple

from actors.cni.actor import CniManager
from actors.policy.actor import PolicyManager
from actors.routing.actor import RoutingManager
from actors.runtime.actor import Actor
from actors.services.actor import ServicesManager
from schemas.words import INTENT, status_word
from tools.node.watcher import STREAMS

MANAGERS: tuple[type[Actor], ...] = (CniManager, PolicyManager, RoutingManager, ServicesManager)


class Declared(NamedTuple):
    """A file that subscribes by itself, and what it hears."""

    file: str
    who: str
    words: tuple[str, ...]


DECLARED = (
    Declared("actors/vpp_writer/process.py", "vpp-writer", (INTENT,)),
    Declared("vppd_guard/__main__.py", "guard", ("epoch",)),
    Declared("vppd_guard/states/preflight.py", "guard", ("node-annotations",)),
    Declared("vppd_guard/guard.py", "guard", (status_word("guard"),)),
    Declared("tools/node/watcher.py", "`vppd status`", tuple(dict.fromkeys(word for word, _ in STREAMS))),
)


def hearers_of(word: str) -> list[str]:
    """Names of those that hear the word; `vppd tap` hears all of them and is not named."""
    managers = sorted(manager.name for manager in MANAGERS if word in _heard_by(manager))
    recalling = sorted(f"{manager.name} (its own)" for manager in MANAGERS if manager.recalls and word == INTENT)
    return [*managers, *recalling, *_declared(word)]


def _heard_by(manager: type[Actor]) -> set[str]:
    return {*manager.handlers, status_word(manager.name)}


def _declared(word: str) -> Iterator[str]:
    return (each.who for each in DECLARED if word in each.words)
