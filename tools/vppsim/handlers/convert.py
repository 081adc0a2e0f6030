"""Between API fields and our values: addresses, prefixes, paths."""

from dataclasses import replace
from typing import Any

from tools.vppsim.fib.paths import Kind, Path
from tools.vppsim.retvals import NONE, Error, Refused
from tools.vppsim.vpp import Vpp

Fields = dict[str, Any]
FAMILIES = {0: 4, 1: 6}
PROTOS = {0: 4, 1: 6}
RESOLVE_FLAGS = 0x7
LABELS_MAX = 16


def family_of(af: int) -> int:
    """4 or 6 from an address_family; raises Refused."""
    if af not in FAMILIES:
        raise Refused(Error.INVALID_ADDRESS_FAMILY)
    return FAMILIES[af]


def address(message: Any) -> bytes:
    """4 or 16 bytes from an `address`."""
    return of_union(family_of(message.af), message.un)


def of_union(family: int, union: Any) -> bytes:
    return bytes(union.ip4 if family == 4 else union.ip6)


def address_fields(value: bytes) -> Fields:
    return {"af": 0 if len(value) == 4 else 1, "un": union_fields(value)}


def union_fields(value: bytes) -> Fields:
    return {"ip4" if len(value) == 4 else "ip6": value} if value else {}


def prefix_fields(value: bytes, length: int) -> Fields:
    return {"address": address_fields(value), "len": length}


def path(vpp: Vpp, message: Any) -> Path:
    """A Path from a `fib_path`; raises Refused as VPP's fib_api_path_decode does."""
    kind = int(message.type)
    if kind == Kind.CLASSIFY:
        raise Refused(Error.NO_SUCH_TABLE)
    if kind in (Kind.UDP_ENCAP, Kind.BIER_IMP) or kind not in Kind._value2member_map_:
        raise Refused(Error.UNIMPLEMENTED)
    if int(message.proto) not in PROTOS:
        raise Refused(Error.UNSPECIFIED)
    base = Path(
        kind=Kind(kind),
        if_index=message.sw_if_index if kind not in (Kind.DROP, Kind.ICMP_UNREACH, Kind.ICMP_PROHIBIT) else NONE,
        proto=PROTOS[int(message.proto)],
        weight=message.weight or 1,
        preference=message.preference,
        flags=int(message.flags) & RESOLVE_FLAGS,
    )
    return _normal(vpp, message, base) if kind in (Kind.NORMAL, Kind.SOURCE_LOOKUP) else base


def _normal(vpp: Vpp, message: Any, base: Path) -> Path:
    next_hop = of_union(base.proto, message.nh.address)
    if base.if_index == NONE:
        vpp.tables.find(base.proto, message.table_id)
    else:
        vpp.interfaces.find(base.if_index, Error.NO_MATCHING_INTERFACE)
    table_id = message.table_id if base.if_index == NONE else 0
    return replace(base, next_hop=next_hop if any(next_hop) else b"", table_id=table_id, rpf_id=message.rpf_id or NONE)


def path_fields(value: Path) -> Fields:
    """A `fib_path` from a Path; VPP leaves rpf_id out."""
    return {
        "sw_if_index": value.if_index,
        "table_id": value.table_id,
        "weight": value.weight,
        "preference": value.preference,
        "type": value.kind if value.kind is not Kind.LINK_LOCAL else Kind.NORMAL,
        "flags": value.flags,
        "proto": 0 if value.proto == 4 else 1,
        "nh": {"address": union_fields(value.next_hop)},
        "label_stack": [{}] * LABELS_MAX,
    }
