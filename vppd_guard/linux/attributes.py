"""Netlink attributes and addresses as bytes. Pure.

Source: linux/netlink.h, linux/rtnetlink.h. An attribute is its length and type (16 bits each, host order), then the
payload, padded to 4 bytes.
"""

import struct
from collections.abc import Iterable
from ipaddress import ip_address

_TYPE_MASK = 0x3FFF  # the two bits above say "nested" and "network byte order"
NETLINK_NESTED = 0x8000
AF_INET, AF_INET6 = 2, 10
_HEAD = struct.Struct("=HH")

NetlinkAttributes = dict[int, bytes]


def parse_netlink_attributes(data: bytes) -> NetlinkAttributes:
    """Type -> payload. Of attributes with the same type the last one counts."""
    return dict(parse_netlink_attribute_list(data))


def parse_netlink_attribute_list(data: bytes) -> list[tuple[int, bytes]]:
    """Types and payloads, in their order."""
    attributes, at = [], 0
    while at + 4 <= len(data):
        length, kind = _HEAD.unpack_from(data, at)
        if length < 4:
            break
        attributes.append((kind & _TYPE_MASK, data[at + 4 : at + length]))
        at += (length + 3) & ~3
    return attributes


def pack_netlink_attribute(kind: int, payload: bytes) -> bytes:
    """An attribute as bytes."""
    return _HEAD.pack(len(payload) + 4, kind) + payload + bytes(-len(payload) % 4)


def pack_netlink_attributes(pairs: Iterable[tuple[int, bytes]]) -> bytes:
    """Attributes as bytes, one after the other."""
    return b"".join(pack_netlink_attribute(kind, payload) for kind, payload in pairs)


def netlink_u32(value: int) -> bytes:
    return struct.pack("=I", value)


def netlink_number(payload: bytes) -> int:
    """Value of an unsigned payload of any width, in host order."""
    return int.from_bytes(payload, "little" if struct.pack("=H", 1)[0] else "big")


def netlink_text(payload: bytes) -> str:
    """Value of a string payload, with or without its final zero byte."""
    return payload.rstrip(b"\0").decode(errors="surrogateescape")


def netlink_string(value: str) -> bytes:
    return value.encode(errors="surrogateescape") + b"\0"


def netlink_mac(payload: bytes) -> str:
    """Value of a MAC address, "02:90:00:00:00:01"."""
    return payload.hex(":")


def netlink_mac_bytes(value: str) -> bytes:
    return bytes.fromhex(value.replace(":", ""))


def netlink_ip_text(payload: bytes) -> str:
    """Value of an IPv4 or IPv6 address, told apart by the length."""
    return str(ip_address(payload))


def netlink_ip_bytes(value: str) -> bytes:
    return ip_address(value).packed


def netlink_family_of(value: str) -> int:
    """Address family of an address or prefix."""
    return AF_INET6 if ":" in value else AF_INET
