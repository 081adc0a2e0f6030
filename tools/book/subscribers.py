"""Which processes subscribe to which word: managers by their handlers, the others as declared here."""

from collections.abc import Iterator
from typing import NamedTuple

from actors.cni.actor import CniManager
from actors.policy.actor import PolicyManager
from actors.routing.actor import RoutingManager
from actors.runtime.actor import Actor
from actors.services.actor import ServicesManager
from schemas.words import INTENT_WORD, intent_status_word
from tools.node.watcher import STREAMS

MANAGERS: tuple[type[Actor], ...] = (CniManager, PolicyManager, RoutingManager, ServicesManager)


class DeclaredSubscriber(NamedTuple):
    """A file that subscribes by itself, and its words."""

    file: str
    subscriber: str
    words: tuple[str, ...]


DECLARED_SUBSCRIBERS = (
    DeclaredSubscriber("actors/vpp_writer/process.py", "vpp-writer", (INTENT_WORD,)),
    DeclaredSubscriber("vppd_guard/__main__.py", "guard", ("epoch",)),
    DeclaredSubscriber("vppd_guard/states/preflight.py", "guard", ("node-annotations",)),
    DeclaredSubscriber("vppd_guard/guard.py", "guard", (intent_status_word("guard"), "ip-pool")),
    DeclaredSubscriber("tools/node/watcher.py", "`vppd status`", tuple(dict.fromkeys(word for word, _ in STREAMS))),
)


def subscribers_of(word: str) -> list[str]:
    """Names of the word's subscribers; `vppd tap` subscribes to all words and is not named."""
    managers = sorted(manager.name for manager in MANAGERS if word in _words_of(manager))
    recalling = sorted(f"{manager.name} (its own)" for manager in MANAGERS if manager.recalls and word == INTENT_WORD)
    return [*managers, *recalling, *_declared(word)]


def _words_of(manager: type[Actor]) -> set[str]:
    return {*manager.handlers, intent_status_word(manager.name)}


def _declared(word: str) -> Iterator[str]:
    return (each.subscriber for each in DECLARED_SUBSCRIBERS if word in each.words)
