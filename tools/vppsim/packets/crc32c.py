"""The checksum of SCTP: CRC-32C, reflected (RFC 9260 appendix A)."""

_POLYNOMIAL = 0x82F63B78


def _entry(value: int) -> int:
    for _ in range(8):
        value = value >> 1 ^ (_POLYNOMIAL if value & 1 else 0)
    return value


_TABLE = tuple(_entry(value) for value in range(256))


def crc32c(data: bytes | bytearray | memoryview) -> int:
    """CRC-32C of `data`. SCTP puts it into its header little-endian, computed with zeros in its place."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ value >> 8
    return value ^ 0xFFFFFFFF
