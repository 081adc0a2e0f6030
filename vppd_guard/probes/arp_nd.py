"""Edge: ARP (RFC 826) and neighbour discovery (RFC 4861) on the wire, past VPP: asks gateways, announces addresses.

Blocking.
Only where Linux still sees the link that VPP uses (af_packet). The sender is the uplink itself, whose MAC and address
the gateway knows; VPP sees the answer too, which does no harm.
"""

import socket
import struct
import time
from ipaddress import IPv6Address, ip_address

_ETH_ARP, _ETH_IP6 = 0x0806, 0x86DD
_ARP_REQUEST, _ARP_REPLY = 1, 2
_SOLICITATION, _ADVERTISEMENT = 135, 136
_NO_CHECKSUM = 0
_OVERRIDE = 0x20000000  # flag of an advertisement


def gateway_answers_arp_or_nd(link: str, mac: str, source: str, gateway: str, within_s: float) -> bool:
    """Does the gateway tell its MAC? Runs in the namespace of the link. Raises OSError: the link cannot send."""
    version = ip_address(gateway).version
    ether = _ETH_ARP if version == 4 else _ETH_IP6
    frame = _arp_request(mac, source, gateway) if version == 4 else _solicitation(mac, source, gateway)
    deadline = time.monotonic() + within_s
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ether)) as wire:
        wire.bind((link, ether))
        wire.settimeout(min(0.3, within_s))
        while time.monotonic() < deadline:
            wire.send(frame)
            if _is_answered(wire, gateway, deadline):
                return True
    return False


def announce_address(link: str, mac: str, address: str) -> None:
    """Tells neighbours that this MAC has the address now (RFC 5227, RFC 4861 section 7.2.6).

    Runs in the namespace of the link. Raises OSError: the link cannot send.
    """
    is_four = ip_address(address).version == 4
    frame = _arp_request(mac, address, address) if is_four else _advertisement(mac, address)
    ether = _ETH_ARP if is_four else _ETH_IP6
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ether)) as wire:
        wire.bind((link, ether))
        wire.send(frame)


def _is_answered(wire: socket.socket, gateway: str, deadline: float) -> bool:
    try:
        while time.monotonic() < deadline:
            if is_arp_or_nd_answer(wire.recv(2048), gateway):
                return True
    except TimeoutError:
        return False
    return False


def is_arp_or_nd_answer(frame: bytes, gateway: str) -> bool:
    """Is this Ethernet frame an ARP reply or neighbour advertisement for the gateway's address?"""
    address = ip_address(gateway)
    if address.version == 4:
        return len(frame) >= 42 and frame[20:22] == struct.pack("!H", _ARP_REPLY) and frame[28:32] == address.packed
    return len(frame) >= 78 and frame[20] == 58 and frame[54] == _ADVERTISEMENT and frame[62:78] == address.packed


def _arp_request(mac: str, source: str, gateway: str) -> bytes:
    mac_bytes = bytes.fromhex(mac.replace(":", ""))
    head = b"\xff" * 6 + mac_bytes + struct.pack("!HHHBBH", _ETH_ARP, 1, 0x0800, 6, 4, _ARP_REQUEST)
    return head + mac_bytes + ip_address(source).packed + bytes(6) + ip_address(gateway).packed


def _solicitation(mac: str, source: str, gateway: str) -> bytes:
    mac_bytes, target = bytes.fromhex(mac.replace(":", "")), ip_address(gateway).packed
    group = IPv6Address("ff02::1:ff00:0").packed[:13] + target[13:]
    body = struct.pack("!I", 0) + target + b"\x01\x01" + mac_bytes
    return _neighbour_frame(mac_bytes, _SOLICITATION, ip_address(source).packed, group, body)


def _advertisement(mac: str, address: str) -> bytes:
    """An unsolicited advertisement to all nodes, which overrides what they have cached."""
    mac_bytes, target = bytes.fromhex(mac.replace(":", "")), ip_address(address).packed
    body = struct.pack("!I", _OVERRIDE) + target + b"\x02\x01" + mac_bytes
    return _neighbour_frame(mac_bytes, _ADVERTISEMENT, target, IPv6Address("ff02::1").packed, body)


def _neighbour_frame(mac: bytes, kind: int, source: bytes, group: bytes, body: bytes) -> bytes:
    """A message of neighbour discovery to a multicast group, as an Ethernet frame."""
    packet = struct.pack("!BBH", kind, 0, _NO_CHECKSUM) + body
    pseudo = source + group + struct.pack("!II", len(packet), 58) + packet
    packet = struct.pack("!BBH", kind, 0, internet_checksum(pseudo)) + body
    head = struct.pack("!IHBB", 6 << 28, len(packet), 58, 255) + source + group
    return b"\x33\x33" + group[12:] + mac + struct.pack("!H", _ETH_IP6) + head + packet


def internet_checksum(data: bytes) -> int:
    """The Internet checksum, RFC 1071."""
    padded = data + b"\0" * (len(data) % 2)
    total: int = sum(struct.unpack(f"!{len(padded) // 2}H", padded))
    total = (total & 0xFFFF) + (total >> 16)
    return ~(total + (total >> 16)) & 0xFFFF
