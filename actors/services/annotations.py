"""What a Service asks of VPP's balancer: annotations of Calico/VPP, and ClientIP affinity. Pure.

Source: docs/services in Calico/VPP's repository. `cni.projectcalico.org/vppLBType`: ecmp | maglev | maglevdsr;
`cni.projectcalico.org/vppHashConfig`: comma list of what the hash is made of.
"""

from typing import NamedTuple

from schemas.cnat import CNAT_HASH_BITS
from schemas.facts import ServiceFact

_LB_TYPE, _HASH_CONFIG = "cni.projectcalico.org/vppLBType", "cni.projectcalico.org/vppHashConfig"
_KEEP_ORIGINAL = "cni.projectcalico.org/vppKeepOriginalPacket"
_LB_TYPES = ("ecmp", "maglev", "maglevdsr")
_AFFINITY_S_DEFAULT = 10800


class ServiceBalancing(NamedTuple):
    """How a Service's flows are spread. `direct_return`: remote endpoints answer clients themselves."""

    load_balancer: str = "default"
    hash_bits: int = 0
    direct_return: bool = False


def parse_service_balancing(service: ServiceFact) -> tuple[ServiceBalancing, list[str]]:
    """What the Service asks for, and what of it is not understood or not served."""
    problems: list[str] = []
    kind = service.annotations.get(_LB_TYPE, "ecmp").strip().lower()
    if kind not in _LB_TYPES:
        problems.append(f"{_LB_TYPE}: {kind!r} is not one of {', '.join(_LB_TYPES)}: ecmp holds")
        kind = "ecmp"
    if _KEEP_ORIGINAL in service.annotations:
        problems.append(f"{_KEEP_ORIGINAL}: has no effect")
    bits = _hash_bits(service.annotations.get(_HASH_CONFIG, ""), problems)
    if service.affinity_s is not None:
        if service.affinity_s != _AFFINITY_S_DEFAULT:
            field = "sessionAffinityConfig.clientIP.timeoutSeconds"
            problems.append(f"{field}: {service.affinity_s}: a client keeps its endpoint for as long as that is there")
        kind, bits = "maglevdsr" if kind == "maglevdsr" else "maglev", CNAT_HASH_BITS["srcaddr"]
    return ServiceBalancing("default" if kind == "ecmp" else "maglev", bits, kind == "maglevdsr"), problems


def _hash_bits(text: str, problems: list[str]) -> int:
    bits = 0
    for word in (part.strip().lower() for part in text.split(",")):
        if word in CNAT_HASH_BITS:
            bits |= CNAT_HASH_BITS[word]
        elif word:
            problems.append(f"{_HASH_CONFIG}: {word!r} is not one of {', '.join(CNAT_HASH_BITS)}")
    return bits
