"""Layouts of headers: Ethernet, ARP, IPv4, IPv6, ICMP."""

import struct

from tools.vppsim.packets.checksum import checksum, pseudo_header

ETHERNET_LENGTH = 14
IP4, ARP, IP6 = b"\x08\x00", b"\x08\x06", b"\x86\xdd"
ETHERTYPES = {4: IP4, 6: IP6}
BROADCAST_MAC = b"\xff" * 6

ICMP, TCP, UDP, ICMP6 = 1, 6, 17, 58
TTL_DEFAULT = 64
ARP_LAYOUT = struct.Struct("!HHBBH6s4s6s4s")
ARP_REQUEST, ARP_REPLY = 1, 2


def ip4_header(source: bytes, destination: bytes, protocol: int, payload_length: int, ttl: int = TTL_DEFAULT) -> bytes:
    """A header without options, its checksum filled in."""
    start = struct.pack("!BBHHHBBH", 0x45, 0, 20 + payload_length, 0, 0, ttl, protocol, 0) + source + destination
    return start[:10] + checksum(start).to_bytes(2) + start[12:]


def ip6_header(source: bytes, destination: bytes, protocol: int, payload_length: int, hops: int = TTL_DEFAULT) -> bytes:
    return struct.pack("!IHBB", 6 << 28, payload_length, protocol, hops) + source + destination


def icmp4(kind: int, code: int, content: bytes) -> bytes:
    """An ICMP message; `content` is everything after the checksum."""
    body = bytes([kind, code, 0, 0]) + content
    return body[:2] + checksum(body).to_bytes(2) + content


def icmp6(source: bytes, destination: bytes, kind: int, code: int, content: bytes) -> bytes:
    """An ICMPv6 message; `content` is everything after the checksum."""
    body = bytes([kind, code, 0, 0]) + content
    total = checksum(pseudo_header(6, source, destination, ICMP6, len(body)) + body)
    return body[:2] + total.to_bytes(2) + content


def arp_packet(operation: int, sender: tuple[bytes, bytes], target: tuple[bytes, bytes]) -> bytes:
    """ARP for IPv4 over Ethernet; sender and target are (MAC, address)."""
    return ARP_LAYOUT.pack(1, 0x0800, 6, 4, operation, *sender, *target)


def family_of(address: bytes) -> int:
    """4 or 6, by the length of an address."""
    return 4 if len(address) == 4 else 6


def is_link_local6(address: bytes) -> bool:
    return address[0] == 0xFE and address[1] & 0xC0 == 0x80


def is_multicast(address: bytes) -> bool:
    return address[0] & 0xF0 == 0xE0 if len(address) == 4 else address[0] == 0xFF


def multicast_mac(group: bytes) -> bytes:
    """Where copies for a group go on Ethernet (RFC 1112, RFC 2464)."""
    if len(group) == 4:
        return b"\x01\x00\x5e" + bytes([group[1] & 0x7F]) + group[2:]
    return b"\x33\x33" + group[12:]


def solicited_node(address: bytes) -> bytes:
    """The group a neighbour solicitation for `address` goes to (RFC 4291 section 2.7.1)."""
    return b"\xff\x02" + bytes(9) + b"\x01\xff" + address[13:]


def eui64_link_local(mac: bytes) -> bytes:
    """fe80:: with the modified EUI-64 of a MAC (RFC 4291 appendix A)."""
    return b"\xfe\x80" + bytes(6) + bytes([mac[0] ^ 2]) + mac[1:3] + b"\xff\xfe" + mac[3:]
