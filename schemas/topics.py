"""Which word carries which struct, and which process owns it.

A *stream* is one word said by one owner. Words with owner None (`intent`) are said by several
owners, one stream each.
"""

from typing import Any, NamedTuple

from schemas import facts, intents, statuses


class Word(NamedTuple):
    """One row of the table of words."""

    type: Any  # the struct, or union of structs, that a row of this word holds
    owner: str | None
    key_form: str


INTENT = "intent"
INTENT_OWNERS = ("guard", "cni", "routing")


def status_word(owner: str) -> str:
    """The word under which the writer answers for the intents of `owner`."""
    return f"status.{owner}"


WORDS: dict[str, Word] = {
    "node": Word(facts.Node, "kube-watch", "<node>"),
    "bgp-configuration": Word(facts.BgpConfiguration, "kube-watch", "<object name>"),
    "ip-pool": Word(facts.IpPool, "kube-watch", "<object name>"),
    "block-affinity": Word(facts.BlockAffinity, "kube-watch", "<object name>"),
    "vpp": Word(facts.VppProcess, "guard", "vpp"),
    "uplink": Word(facts.Uplink, "guard", "<Linux interface>"),
    "epoch": Word(facts.VppEpoch, "vpp-writer", "vpp"),
    "bgp-peer": Word(facts.BgpPeer, "routing", "<peer address>"),
    "pod-interface": Word(facts.PodInterface, "cni", "<namespace>/<pod>/<interface>"),
    "process": Word(facts.Process, "bus", "<process>"),
    INTENT: Word(intents.AnyIntent, None, "<kind>/<name>..."),
    **{status_word(o): Word(statuses.AnyStatus, "vpp-writer", "<intent key>") for o in INTENT_OWNERS},
}

WORD_OF: dict[type, str] = {word.type: name for name, word in WORDS.items() if isinstance(word.type, type)}
