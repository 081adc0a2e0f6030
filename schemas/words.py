"""Which word carries which struct, and which process owns it.

A *stream* is one word published by one owner. Words with owner None (`intent`) have several owners, one stream each.
"""

from typing import Any, NamedTuple

from schemas import facts, intents, statuses


class Word(NamedTuple):
    """One row of the table of words."""

    type: Any  # the struct, or union of structs, that a row of this word holds
    owner: str | None
    key_form: str


INTENT = "intent"
INTENT_OWNERS = ("guard", "cni", "routing", "services", "policy")


FELIX_WORDS = ("node", "ip-pool")  # of kube-watch, or of policy where Felix is the source of truth


def owner_of(word: str, source: str) -> str | None:
    """The process that publishes `word`; `source` is `kubernetes` or `felix` (VPPD_NODE_SOURCE)."""
    return "policy" if source == "felix" and word in FELIX_WORDS else WORDS[word].owner


def status_word(owner: str) -> str:
    """The word of the statuses of the intents of `owner`."""
    return f"status.{owner}"


WORDS: dict[str, Word] = {
    "node": Word(facts.Node, "kube-watch", "<node>"),
    "node-annotations": Word(facts.NodeAnnotations, "kube-watch", "<node>"),
    "bgp-configuration": Word(facts.BgpConfiguration, "kube-watch", "<object name>"),
    "ip-pool": Word(facts.IpPool, "kube-watch", "<object name>"),
    "block-affinity": Word(facts.BlockAffinity, "kube-watch", "<object name>"),
    "service": Word(facts.Service, "kube-watch", "<namespace>/<name>"),
    "endpoint-slice": Word(facts.EndpointSlice, "kube-watch", "<namespace>/<name>"),
    "service-status": Word(facts.ServiceStatus, "services", "<namespace>/<name>"),
    "service-address": Word(facts.ServiceAddress, "services", "<prefix>"),
    "policy-status": Word(facts.PolicyStatus, "policy", "<object>/<name>..."),
    "configuration-status": Word(facts.ConfigurationStatus, "guard", "<variable or field>"),
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
