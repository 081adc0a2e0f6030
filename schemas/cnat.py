"""Intents for VPP's cnat plugin: translations of service addresses, and source NAT.

Facts and traps: docs/vppsim.md; VPP: src/plugins/cnat/cnat.api.
"""

from msgspec import Struct

from schemas.intent_base import Intent

CNAT_HASH_BITS = {  # flow_hash_config of a translation; 0: VPP's own choice (5-tuple)
    "srcaddr": 1,
    "dstaddr": 2,
    "srcport": 4,
    "dstport": 8,
    "iproto": 16,
    "reverse": 32,
    "symmetric": 64,
}
SNAT_ADDRESSES_KEY = "snat-addresses"


class CnatFeatureIntent(Intent, frozen=True, tag="cnat-feature"):
    """Translation, source NAT and policies act on an interface (VPP: feature_cnat_enable_disable)."""

    interface: str

    @property
    def key(self) -> str:
        return cnat_feature_intent_key(self.interface)


class SnatAddressesIntent(Intent, frozen=True, tag="snat-addresses"):
    """The addresses that source NAT gives, at most one a family, to the flows that Kubernetes' rules name.

    VPP: cnat_set_snat_addresses_v2, cnat_set_snat_policy. Once set, VPP keeps them for its life.
    """

    ip4: str | None = None  # address; None: IPv4 keeps its source
    ip6: str | None = None  # address; None: IPv6 keeps its source

    @property
    def key(self) -> str:
        return SNAT_ADDRESSES_KEY


class SnatExclusionIntent(Intent, frozen=True, tag="snat-exclusion"):
    """Destinations towards which pods keep their source (VPP: cnat_snat_policy_add_del_exclude_pfx)."""

    prefix: str  # prefix of destinations

    @property
    def key(self) -> str:
        return f"snat-exclusion/{self.prefix}"


class SnatMemberIntent(Intent, frozen=True, tag="snat-member"):
    """An interface's place in source NAT (VPP: cnat_snat_policy_add_del_if).

    `table`: "include-v4" | "include-v6" (its flows get the node's address), "pod" | "host".
    """

    interface: str
    table: str

    @property
    def key(self) -> str:
        return f"snat-member/{self.table}/{self.interface}"


class TranslationBackend(Struct, frozen=True, omit_defaults=True, gc=False):
    """One endpoint behind a translation; `port` 0 keeps the packet's.

    `no_nat`: the packet is sent there untranslated (Maglev with direct server return). `source` is part of the
    backend's identity in VPP and does not change packets.
    """

    address: str  # address of the endpoint
    port: int
    no_nat: bool = False
    source: str | None = None


class TranslationIntent(Intent, frozen=True, tag="translation"):
    """Packets to (vip, port, protocol) go to one of the backends (VPP: cnat_translation_update).

    `backends`: at least one (VPP dies of none), sorted by (address, port). `hash_bits`: `CNAT_HASH_BITS`.
    `protocol`: 6 TCP | 17 UDP | 132 SCTP. `real_ip`: the address is one of the node's own.
    """

    vip: str  # address that is translated
    port: int  # port number, 1 to 65535
    protocol: int
    backends: tuple[TranslationBackend, ...]
    load_balancer: str = "default"  # default | maglev
    hash_bits: int = 0
    real_ip: bool = False

    @property
    def key(self) -> str:
        return translation_intent_key(self.protocol, self.vip, self.port)


def cnat_feature_intent_key(interface: str) -> str:
    """Key of the cnat feature on the interface."""
    return f"cnat-feature/{interface}"


def translation_intent_key(protocol: int, vip: str, port: int) -> str:
    """Key of the translation of (protocol, vip, port): "translation/6/10.96.0.1/443"."""
    return f"translation/{protocol}/{vip}/{port}"
