"""Between API fields and values: addresses, prefixes, paths."""

from dataclasses import replace
from typing import Any

from tools.vppsim.fib.paths import FibPath, PathType
from tools.vppsim.handlers.registry import Fields
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.vpp import Vpp

FAMILIES = {0: 4, 1: 6}
PROTOS = {0: 4, 1: 6}
RESOLVE_FLAGS = 0x7
LABELS_MAX = 16


def decode_family(af: int) -> int:
    """4 or 6 from an address_family; raises VppRefused."""
    if af not in FAMILIES:
        raise VppRefused(VnetError.INVALID_ADDRESS_FAMILY)
    return FAMILIES[af]


def address(message: Any) -> bytes:
    """4 or 16 bytes from an `address`."""
    return of_union(decode_family(message.af), message.un)


def of_union(family: int, union: Any) -> bytes:
    return bytes(union.ip4 if family == 4 else union.ip6)


def address_fields(value: bytes) -> Fields:
    return {"af": 0 if len(value) == 4 else 1, "un": union_fields(value)}


def union_fields(value: bytes) -> Fields:
    return {"ip4" if len(value) == 4 else "ip6": value} if value else {}


def prefix_fields(value: bytes, length: int) -> Fields:
    return {"address": address_fields(value), "len": length}


def path(vpp: Vpp, message: Any) -> FibPath:
    """A FibPath from a `fib_path`; raises VppRefused as VPP's fib_api_path_decode does."""
    kind = int(message.type)
    if kind == PathType.CLASSIFY:
        raise VppRefused(VnetError.NO_SUCH_TABLE)
    if kind in (PathType.UDP_ENCAP, PathType.BIER_IMP) or kind not in PathType._value2member_map_:
        raise VppRefused(VnetError.UNIMPLEMENTED)
    if int(message.proto) not in PROTOS:
        raise VppRefused(VnetError.UNSPECIFIED)
    base = FibPath(
        type=PathType(kind),
        if_index=message.sw_if_index
        if kind not in (PathType.DROP, PathType.ICMP_UNREACH, PathType.ICMP_PROHIBIT)
        else INDEX_INVALID,
        proto=PROTOS[int(message.proto)],
        weight=message.weight or 1,
        preference=message.preference,
        flags=int(message.flags) & RESOLVE_FLAGS,
    )
    return _normal(vpp, message, base) if kind in (PathType.NORMAL, PathType.SOURCE_LOOKUP) else base


def _normal(vpp: Vpp, message: Any, base: FibPath) -> FibPath:
    next_hop = of_union(base.proto, message.nh.address)
    if base.if_index == INDEX_INVALID:
        vpp.tables.find(base.proto, message.table_id)
    else:
        vpp.interfaces.find(base.if_index, VnetError.NO_MATCHING_INTERFACE)
    table_id = message.table_id if base.if_index == INDEX_INVALID else 0
    return replace(
        base, next_hop=next_hop if any(next_hop) else b"", table_id=table_id, rpf_id=message.rpf_id or INDEX_INVALID
    )


def path_fields(value: FibPath) -> Fields:
    """A `fib_path` from a FibPath; VPP leaves rpf_id out."""
    return {
        "sw_if_index": value.if_index,
        "table_id": value.table_id,
        "weight": value.weight,
        "preference": value.preference,
        "type": value.type if value.type is not PathType.LINK_LOCAL else PathType.NORMAL,
        "flags": value.flags,
        "proto": 0 if value.proto == 4 else 1,
        "nh": {"address": union_fields(value.next_hop)},
        "label_stack": [{}] * LABELS_MAX,
    }
