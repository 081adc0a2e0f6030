"""Which word carries which struct, and which process owns it.

A *stream* is one word published by one owner. Words with owner None (`intent`) have several owners, one stream each.
"""

from typing import Any, NamedTuple

from schemas import facts, intents, statuses


class BusWord(NamedTuple):
    """One row of the table of words."""

    type: Any  # the struct, or union of structs, that a row of this word holds
    owner: str | None
    key_form: str


INTENT_WORD = "intent"
INTENT_OWNERS = ("guard", "cni", "routing", "services", "policy")


FELIX_WORDS = ("node", "ip-pool")  # of kube-watch, or of policy where Felix is the source of truth


def owner_of_word(word: str, source: str) -> str | None:
    """The process that publishes `word`; `source` is `kubernetes` or `felix` (VPPD_NODE_SOURCE)."""
    return "policy" if source == "felix" and word in FELIX_WORDS else BUS_WORDS[word].owner


def intent_status_word(owner: str) -> str:
    """The word of the statuses of the intents of `owner`."""
    return f"status.{owner}"


BUS_WORDS: dict[str, BusWord] = {
    "node": BusWord(facts.NodeFact, "kube-watch", "<node>"),
    "node-annotations": BusWord(facts.NodeAnnotationsFact, "kube-watch", "<node>"),
    "bgp-configuration": BusWord(facts.BgpConfigurationFact, "kube-watch", "<object name>"),
    "ip-pool": BusWord(facts.IpPoolFact, "kube-watch", "<object name>"),
    "block-affinity": BusWord(facts.BlockAffinityFact, "kube-watch", "<object name>"),
    "service": BusWord(facts.ServiceFact, "kube-watch", "<namespace>/<name>"),
    "endpoint-slice": BusWord(facts.EndpointSliceFact, "kube-watch", "<namespace>/<name>"),
    "service-status": BusWord(facts.ServiceStatusFact, "services", "<namespace>/<name>"),
    "service-address": BusWord(facts.ServiceAddressFact, "services", "<prefix>"),
    "policy-status": BusWord(facts.PolicyStatusFact, "policy", "<object>/<name>..."),
    "configuration-status": BusWord(facts.ConfigurationStatusFact, "guard", "<variable or field>"),
    "vpp": BusWord(facts.VppProcessFact, "guard", "vpp"),
    "uplink": BusWord(facts.UplinkFact, "guard", "<Linux interface>"),
    "epoch": BusWord(facts.VppEpochFact, "vpp-writer", "vpp"),
    "bgp-peer": BusWord(facts.BgpPeerFact, "routing", "<peer address>"),
    "pod-interface": BusWord(facts.PodInterfaceFact, "cni", "<namespace>/<pod>/<interface>"),
    "process": BusWord(facts.ProcessFact, "bus", "<process>"),
    INTENT_WORD: BusWord(intents.AnyIntent, None, "<kind>/<name>..."),
    **{intent_status_word(o): BusWord(statuses.AnyIntentStatus, "vpp-writer", "<intent key>") for o in INTENT_OWNERS},
}

WORD_OF_TYPE: dict[type, str] = {word.type: name for name, word in BUS_WORDS.items() if isinstance(word.type, type)}
