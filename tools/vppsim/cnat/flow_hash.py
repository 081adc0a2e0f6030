"""VPP's hash of a packet's flow, bit for bit, so that a flow gets the backend that VPP chooses.

VPP: ip4_compute_flow_hash, ip6_compute_flow_hash (router id 0), on a little-endian machine; the mixing is that of Bob
Jenkins (vppinfra/hash.h). Ports count only for TCP and UDP.
"""

from tools.vppsim.packets.headers import TCP, UDP

SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, PROTOCOL = 1, 2, 4, 8, 16
REVERSE, SYMMETRIC, FLOW_LABEL, GTP_TEID = 32, 64, 128, 256
DEFAULT = 0x9F
GTP_PORT = (2152).to_bytes(2)
MASK32, MASK64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def flow_hash(data: bytearray, mask: int) -> int:
    """A hash of 32 bits; `mask` is that of ip_flow_hash_config_v2."""
    family = data[0] >> 4
    protocol = data[9] if family == 4 else data[6]
    header = 20 if family == 4 else 40
    source, destination = _addresses(data, family)
    source, destination = source if mask & SOURCE else 0, destination if mask & DESTINATION else 0
    a, b = (destination, source) if mask & REVERSE else (source, destination)
    source_port, destination_port = _ports(data, header, mask) if protocol in (TCP, UDP) else (0, 0)
    if mask & SYMMETRIC:
        a, b = min(a, b), max(a, b)
        source_port, destination_port = min(source_port, destination_port), max(source_port, destination_port)
    b ^= protocol if mask & PROTOCOL else 0
    c = source_port << 16 | destination_port if mask & REVERSE else destination_port << 16 | source_port
    tunnel = _teid(data, header, protocol) if mask & GTP_TEID else 0
    if family == 4:
        return jenkins32(a, b, c ^ tunnel)[2]
    c ^= int.from_bytes(data[0:4]) & 0xFFFFF if mask & FLOW_LABEL else 0
    return jenkins64(a ^ tunnel, b, c)[2] & MASK32


def _addresses(data: bytearray, family: int) -> tuple[int, int]:
    if family == 4:
        return int.from_bytes(data[12:16], "little"), int.from_bytes(data[16:20], "little")
    halves = [int.from_bytes(data[at : at + 8], "little") for at in (8, 16, 24, 32)]
    return halves[0] ^ halves[1], halves[2] ^ halves[3]


def _ports(data: bytearray, header: int, mask: int) -> tuple[int, int]:
    source, destination = data[header : header + 2], data[header + 2 : header + 4]
    return (
        int.from_bytes(source, "little") if mask & SOURCE_PORT else 0,
        int.from_bytes(destination, "little") if mask & DESTINATION_PORT else 0,
    )


def _teid(data: bytearray, header: int, protocol: int) -> int:
    if protocol != UDP or data[header + 2 : header + 4] != GTP_PORT:
        return 0
    return int.from_bytes(data[header + 12 : header + 16], "little")


def _rotated(value: int, by: int) -> int:
    return (value << by | value >> (32 - by)) & MASK32


def jenkins32(a: int, b: int, c: int) -> tuple[int, int, int]:
    """hash_v3_mix32, then hash_v3_finalize32."""
    for by in (4, 6, 8, 16, 19, 4):
        a = ((a - c) & MASK32) ^ _rotated(c, by)
        c = (c + b) & MASK32
        a, b, c = b, c, a
    for by in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, by)) & MASK32
        a, b, c = b, c, a
    return c, a, b


def jenkins64(a: int, b: int, c: int) -> tuple[int, int, int]:
    """hash_mix64."""
    for shift_a, shift_b, shift_c in ((43, 9, 8), (38, 23, 5), (35, 49, 11), (12, 18, 22)):
        a = ((a - b - c) & MASK64) ^ (c >> shift_a)
        b = ((b - c - a) & MASK64) ^ (a << shift_b & MASK64)
        c = ((c - a - b) & MASK64) ^ (b >> shift_c)
    return a, b, c
