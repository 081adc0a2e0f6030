"""Queues, rings and offloads of a device, by ioctl SIOCETHTOOL. What a driver does not know of is empty.

Source: linux/ethtool.h. Offloads are known by name: their numbers are those of one kernel.
"""

import ctypes
import fcntl
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence

SIOCETHTOOL = 0x8946
GRINGS, SRINGS, GCHANNELS, SCHANNELS = 0x10, 0x11, 0x3C, 0x3D
GSTRINGS, GSSET_INFO, GFEATURES, SFEATURES = 0x1B, 0x37, 0x3A, 0x3B
SET_OF_FEATURES = 4  # ETH_SS_FEATURES
NAME_BYTES = 32  # ETH_GSTRING_LEN
BLOCK_BITS = 32
RING_FIELDS = ("rx", "rx-mini", "rx-jumbo", "tx")
CHANNEL_FIELDS = ("rx", "tx", "other", "combined")
NamedNumbers = tuple[tuple[str, int], ...]
Features = tuple[tuple[str, bool], ...]


def _call(link: str, request: bytes) -> bytes:
    """Raises OSError: unknown link, or the driver does not support it."""
    buffer = ctypes.create_string_buffer(request, len(request))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, struct.pack("16sP", link.encode(), ctypes.addressof(buffer)))
    return buffer.raw


def _numbers(link: str, command: int) -> list[int]:
    """Four maxima, four values; empty if the driver has none."""
    try:
        return list(struct.unpack("=9I", _call(link, struct.pack("=I", command) + bytes(32))))[1:]
    except OSError:
        return []


def channels(link: str) -> NamedNumbers:
    """Queues by kind."""
    return tuple(zip(CHANNEL_FIELDS, _numbers(link, GCHANNELS)[4:], strict=False))


def rings(link: str) -> NamedNumbers:
    """Descriptors of a queue by kind."""
    return tuple(zip(RING_FIELDS, _numbers(link, GRINGS)[4:], strict=False))


def _names(link: str) -> list[str]:
    """Of all offloads that this kernel knows; their place is their number."""
    info = _call(link, struct.pack("=IIQI", GSSET_INFO, 0, 1 << SET_OF_FEATURES, 0))
    count = struct.unpack_from("=I", info, 16)[0]
    data = _call(link, struct.pack("=III", GSTRINGS, SET_OF_FEATURES, count) + bytes(count * NAME_BYTES))
    raw = (data[12 + at * NAME_BYTES :][:NAME_BYTES] for at in range(count))
    return [name.partition(b"\0")[0].decode() for name in raw]


def features(link: str) -> Features:
    """The offloads that can be changed, as they were asked for."""
    try:
        names = _names(link)
        blocks = -(-len(names) // BLOCK_BITS)
        data = _call(link, struct.pack("=II", GFEATURES, blocks) + bytes(blocks * 16))
    except OSError:
        return ()
    found = []
    for at, name in enumerate(names):
        bit = 1 << at % BLOCK_BITS
        available, requested, _, never_changed = struct.unpack_from("=IIII", data, 8 + at // BLOCK_BITS * 16)
        if name and available & bit and not never_changed & bit:
            found.append((name, bool(requested & bit)))
    return tuple(found)


def put(link: str, wanted_channels: NamedNumbers, wanted_rings: NamedNumbers, wanted_features: Features) -> list[str]:
    """Sets what differs. Returns what was refused."""
    return [
        *_put_numbers(link, "queues", SCHANNELS, channels(link), wanted_channels),
        *_put_numbers(link, "rings", SRINGS, rings(link), wanted_rings),
        *_put_features(link, dict(wanted_features)),
    ]


def _put_numbers(link: str, what: str, command: int, present: NamedNumbers, wanted: NamedNumbers) -> list[str]:
    if present == wanted or not wanted:
        return []
    try:
        _call(link, struct.pack("=9I", command, 0, 0, 0, 0, *(number for _, number in wanted)))
    except OSError as error:
        return [f"{what} {_words(wanted)}: {error.strerror}"]
    return []


def _words(numbers: Sequence[tuple[str, int]]) -> str:
    return " ".join(f"{name} {number}" for name, number in numbers)


def _put_features(link: str, wanted: Mapping[str, bool]) -> list[str]:
    present = dict(features(link))
    changed = {name: on for name, on in wanted.items() if name in present and present[name] != on}
    lost = [f"offload {name}: the device has it no more" for name in wanted if name not in present]
    if not changed:
        return lost
    try:
        names = _names(link)
        _call(link, _feature_request(names, changed))
    except OSError as error:
        return [*lost, *(f"offload {name}: {error.strerror}" for name in changed)]
    return lost


def _feature_request(names: Sequence[str], changed: Mapping[str, bool]) -> bytes:
    blocks = -(-len(names) // BLOCK_BITS)
    valid, asked = [0] * blocks, [0] * blocks
    for at, name in _places(names, changed):
        valid[at // BLOCK_BITS] |= 1 << at % BLOCK_BITS
        asked[at // BLOCK_BITS] |= changed[name] << at % BLOCK_BITS
    pairs = b"".join(struct.pack("=II", *pair) for pair in zip(valid, asked, strict=True))
    return struct.pack("=II", SFEATURES, blocks) + pairs


def _places(names: Iterable[str], changed: Mapping[str, bool]) -> list[tuple[int, str]]:
    return [(at, name) for at, name in enumerate(names) if name in changed]
