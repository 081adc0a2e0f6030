"""The frames that the guard sends past VPP, and their answers."""

import struct

from vppd_guard.probes import arp_nd

MAC, GATEWAY_MAC = "02:90:00:00:00:07", bytes.fromhex("029000000001")


def reply4(sender: str = "192.0.2.1", operation: int = 2) -> bytes:
    mac = bytes.fromhex(MAC.replace(":", ""))
    head = mac + GATEWAY_MAC + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, operation)
    return head + GATEWAY_MAC + bytes(map(int, sender.split("."))) + mac + bytes([192, 0, 2, 7])


def test_an_arp_reply_of_the_gateway_is_an_answer_and_nothing_else_is() -> None:
    assert arp_nd.is_arp_or_nd_answer(reply4(), "192.0.2.1")
    assert not arp_nd.is_arp_or_nd_answer(reply4("192.0.2.9"), "192.0.2.1")
    assert not arp_nd.is_arp_or_nd_answer(reply4(operation=1), "192.0.2.1"), "a request"
    assert not arp_nd.is_arp_or_nd_answer(reply4()[:30], "192.0.2.1"), "torn"


def test_the_checksum_is_the_internets() -> None:
    assert arp_nd.internet_checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D  # RFC 1071, section 3
    assert arp_nd.internet_checksum(b"\xff") == arp_nd.internet_checksum(b"\xff\x00")
