"""The Internet checksum (RFC 1071).

A sum of 16-bit words in one's complement is the same number modulo 0xFFFF, and so is the whole string of bytes read
as one big integer: one C-speed division instead of a loop.
"""


def checksum(data: bytes | bytearray | memoryview) -> int:
    """The checksum over `data` (odd lengths count as padded with a zero byte)."""
    number = int.from_bytes(data)
    return -(number << 8 if len(data) % 2 else number) % 0xFFFF


def pseudo_header(family: int, source: bytes, destination: bytes, protocol: int, length: int) -> bytes:
    """The bytes that checksums of TCP, UDP and ICMPv6 cover besides the message (RFC 793, RFC 8200 section 8.1)."""
    if family == 4:
        return source + destination + bytes([0, protocol]) + length.to_bytes(2)
    return source + destination + length.to_bytes(4) + bytes([0, 0, 0, protocol])


def checksum_after_word(old_sum: int, old_word: int, new_word: int) -> int:
    """A checksum after one 16-bit word has changed (RFC 1624)."""
    total = (~old_sum & 0xFFFF) + (~old_word & 0xFFFF) + new_word
    total = (total & 0xFFFF) + (total >> 16)
    return ~((total & 0xFFFF) + (total >> 16)) & 0xFFFF


def sum_gain(old: bytes | bytearray, new: bytes | bytearray) -> int:
    """What a sum of words gains when `new` replaces `old`, both of the same even length."""
    return (int.from_bytes(new) - int.from_bytes(old)) % 0xFFFF


def checksum_after_gain(old_sum: int, gain: int) -> int:
    """A checksum after the sum of what it covers has grown by `gain` (RFC 1624)."""
    return (old_sum - gain) % 0xFFFF
