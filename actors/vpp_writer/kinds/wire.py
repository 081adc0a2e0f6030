"""Addresses and prefixes as VPP's bytes (ip_types.api), and the bytes that many requests have in common. Pure."""

from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Interface, IPv4Network, IPv6Address, IPv6Interface, IPv6Network
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any


class VppCallTemplate:
    """Bytes that many requests have in common, around the one prefix in which they differ."""

    __slots__ = ("after", "before")

    def __init__(self, packed: Callable[[str], bytes]) -> None:
        """`packed`: the request of a prefix. Where the prefix lies is where two that differ in every byte differ."""
        zeros, full = packed(ANY_IP4_PREFIX), packed(_FULL_PREFIX)
        at = next(number for number, (a, b) in enumerate(zip(zeros, full, strict=True)) if a != b)
        prefix_zeros = vpp_call_prefix_bytes(ANY_IP4_PREFIX)
        if zeros[at : at + len(prefix_zeros)] != prefix_zeros or zeros[:at] != full[:at]:
            raise ValueError("no prefix to be found")
        self.before, self.after = zeros[:at], zeros[at + len(prefix_zeros) :]

    def packed(self, prefix: bytes) -> bytes:
        """The whole request of a packed prefix, without its head."""
        return self.before + prefix + self.after


ANY_IP4_PREFIX, _FULL_PREFIX = "0.0.0.0/0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"


def vpp_call_address_parts(value: Any) -> tuple[int, bytes]:
    """(address family, address) of a text, an address or vpp_papi's structure (VPP: ip_types.api)."""
    if type(value) is str:
        return (1, inet_pton(AF_INET6, value)) if ":" in value else (0, inet_pton(AF_INET, value))
    if not value:
        return 0, b""
    if isinstance(value, IPv4Address | IPv6Address):
        return int(value.version == 6), value.packed
    ((arm, octets),) = value["un"].items() if value.get("un") else (("ip4", b""),)
    if type(octets) is str:
        octets = inet_pton(AF_INET if arm == "ip4" else AF_INET6, octets)
    return value.get("af") or 0, getattr(octets, "packed", octets)


def vpp_call_prefix_parts(value: Any) -> tuple[int, bytes, int]:
    """(address family, address, length) of a text, a network or vpp_papi's structure."""
    if type(value) is str:
        return _prefix_text_parts(value)
    if not value:
        return 0, b"", 0
    if isinstance(value, IPv4Network | IPv6Network):
        return int(value.version == 6), value.network_address.packed, value.prefixlen
    return *vpp_call_address_parts(value.get("address")), value.get("len") or 0


def _prefix_text_parts(text: str) -> tuple[int, bytes, int]:
    """(address family, address, length). Raises ValueError, OSError."""
    host, _, length = text.partition("/")
    return *vpp_call_address_parts(host), int(length)


def vpp_call_prefix_bytes(text: str) -> bytes:
    """VPP's prefix (ip_types.api), packed. Raises ValueError, host bits included, and OSError."""
    host, _, length = text.partition("/")
    is_ipv6 = ":" in host
    after = (_AFTER_IP6 if is_ipv6 else _AFTER_IP4).get(length)
    if after is None:
        raise ValueError(f"{text}: no length of a prefix")
    packed = inet_pton(AF_INET6 if is_ipv6 else AF_INET, host)
    host_bits, octets = after
    if host_bits and int.from_bytes(packed) & host_bits:
        raise ValueError(f"{text}: has host bits set")
    return (b"\1" if is_ipv6 else b"\0") + packed + octets


# By a prefix's length, as a text: the bits of the host, and what follows the address.
_AFTER_IP4 = {str(n): ((1 << (32 - n)) - 1, bytes(12) + bytes([n])) for n in range(33)}
_AFTER_IP6 = {str(n): ((1 << (128 - n)) - 1, bytes([n])) for n in range(129)}


def vpp_call_interface_address_parts(value: Any) -> tuple[int, bytes, int]:
    """(address family, address, length) of an address with its prefix."""
    if isinstance(value, IPv4Interface | IPv6Interface):
        return int(value.version == 6), value.packed, value.network.prefixlen
    return vpp_call_prefix_parts(value)
