"""VPP's hash of a packet's flow, bit for bit, so that backends are chosen as VPP chooses them.

VPP: ip4_compute_flow_hash, ip6_compute_flow_hash (router id 0), on a little-endian machine; the mixing is that of Bob
Jenkins (vppinfra/hash.h). Ports count only for TCP and UDP.
"""

from tools.vppsim.packets.headers import TCP, UDP

SOURCE, DESTINATION, SOURCE_PORT, DESTINATION_PORT, PROTOCOL = 1, 2, 4, 8, 16
REVERSE, SYMMETRIC, FLOW_LABEL, GTP_TEID = 32, 64, 128, 256
DEFAULT = 0x9F
GTP_PORT = (2152).to_bytes(2)
MASK32, MASK64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF


def flow_hash(data: bytearray, what: int) -> int:
    """32 bits; `what` is the mask of ip_flow_hash_config_v2."""
    family = data[0] >> 4
    protocol = data[9] if family == 4 else data[6]
    header = 20 if family == 4 else 40
    one, two = _addresses(data, family)
    one, two = one if what & SOURCE else 0, two if what & DESTINATION else 0
    a, b = (two, one) if what & REVERSE else (one, two)
    port_one, port_two = _ports(data, header, what) if protocol in (TCP, UDP) else (0, 0)
    if what & SYMMETRIC:
        a, b = min(a, b), max(a, b)
        port_one, port_two = min(port_one, port_two), max(port_one, port_two)
    b ^= protocol if what & PROTOCOL else 0
    c = port_one << 16 | port_two if what & REVERSE else port_two << 16 | port_one
    tunnel = _teid(data, header, protocol) if what & GTP_TEID else 0
    if family == 4:
        return jenkins32(a, b, c ^ tunnel)[2]
    c ^= int.from_bytes(data[0:4]) & 0xFFFFF if what & FLOW_LABEL else 0
    return jenkins64(a ^ tunnel, b, c)[2] & MASK32


def _addresses(data: bytearray, family: int) -> tuple[int, int]:
    if family == 4:
        return int.from_bytes(data[12:16], "little"), int.from_bytes(data[16:20], "little")
    halves = [int.from_bytes(data[at : at + 8], "little") for at in (8, 16, 24, 32)]
    return halves[0] ^ halves[1], halves[2] ^ halves[3]


def _ports(data: bytearray, header: int, what: int) -> tuple[int, int]:
    source, destination = data[header : header + 2], data[header + 2 : header + 4]
    return (
        int.from_bytes(source, "little") if what & SOURCE_PORT else 0,
        int.from_bytes(destination, "little") if what & DESTINATION_PORT else 0,
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
    for right, left, last in ((43, 9, 8), (38, 23, 5), (35, 49, 11), (12, 18, 22)):
        a = ((a - b - c) & MASK64) ^ (c >> right)
        b = ((b - c - a) & MASK64) ^ (a << left & MASK64)
        c = ((c - a - b) & MASK64) ^ (b >> last)
    return a, b, c
