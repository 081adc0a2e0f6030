"""Queues, rings and offloads of a device, by ioctl SIOCETHTOOL. Empty, where a driver has none.

Source: linux/ethtool.h. Offloads go by name: their numbers are those of one kernel.
"""

import ctypes
import fcntl
import socket
import struct
from collections.abc import Iterable, Mapping, Sequence

from bus.shortage import raise_shortage

_SIOCETHTOOL = 0x8946
_GRINGS, _SRINGS, _GCHANNELS, _SCHANNELS = 0x10, 0x11, 0x3C, 0x3D
_GSTRINGS, _GSSET_INFO, _GFEATURES, _SFEATURES = 0x1B, 0x37, 0x3A, 0x3B
_SET_OF_FEATURES = 4  # ETH_SS_FEATURES
_NAME_BYTES = 32  # ETH_GSTRING_LEN
_BLOCK_BITS = 32
_RING_FIELDS = ("rx", "rx-mini", "rx-jumbo", "tx")
_CHANNEL_FIELDS = ("rx", "tx", "other", "combined")
_NamedNumbers = tuple[tuple[str, int], ...]
_Features = tuple[tuple[str, bool], ...]


def _ioctl(link: str, request: bytes) -> bytes:
    """Raises OSError: no such link, or its driver does not support the request."""
    buffer = ctypes.create_string_buffer(request, len(request))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, _SIOCETHTOOL, struct.pack("16sP", link.encode(), ctypes.addressof(buffer)))
    return buffer.raw


def _numbers(link: str, command: int) -> list[int]:
    """Four maxima, then four values; empty: the driver has none. Raises OSError: it cannot be asked just now."""
    try:
        return list(struct.unpack("=9I", _ioctl(link, struct.pack("=I", command) + bytes(32))))[1:]
    except OSError as error:
        raise_shortage(error)
        return []


def ethtool_channels(link: str) -> _NamedNumbers:
    """Number of queues of each kind."""
    return tuple(zip(_CHANNEL_FIELDS, _numbers(link, _GCHANNELS)[4:], strict=False))


def ethtool_channels_max(link: str) -> _NamedNumbers:
    """The most queues of each kind that the device can have."""
    return tuple(zip(_CHANNEL_FIELDS, _numbers(link, _GCHANNELS)[:4], strict=False))


def set_ethtool_channels(link: str, numbers: _NamedNumbers) -> None:
    """Sets the number of queues of each kind. Raises OSError."""
    _set_numbers(link, _SCHANNELS, numbers)


def ethtool_rings(link: str) -> _NamedNumbers:
    """Descriptors per queue of each kind."""
    return tuple(zip(_RING_FIELDS, _numbers(link, _GRINGS)[4:], strict=False))


def _names(link: str) -> list[str]:
    """All offloads that this kernel knows; their place is their number."""
    info = _ioctl(link, struct.pack("=IIQI", _GSSET_INFO, 0, 1 << _SET_OF_FEATURES, 0))
    count = struct.unpack_from("=I", info, 16)[0]
    data = _ioctl(link, struct.pack("=III", _GSTRINGS, _SET_OF_FEATURES, count) + bytes(count * _NAME_BYTES))
    raw = (data[12 + at * _NAME_BYTES :][:_NAME_BYTES] for at in range(count))
    return [name.partition(b"\0")[0].decode() for name in raw]


def ethtool_features(link: str) -> _Features:
    """The offloads that can be changed, as requested."""
    try:
        names = _names(link)
        blocks = -(-len(names) // _BLOCK_BITS)
        data = _ioctl(link, struct.pack("=II", _GFEATURES, blocks) + bytes(blocks * 16))
    except OSError as error:
        raise_shortage(error)
        return ()
    values = []
    for at, name in enumerate(names):
        bit = 1 << at % _BLOCK_BITS
        available, requested, _, never_changed = struct.unpack_from("=IIII", data, 8 + at // _BLOCK_BITS * 16)
        if name and available & bit and not never_changed & bit:
            values.append((name, bool(requested & bit)))
    return tuple(values)


def apply_ethtool_settings(
    link: str, captured_channels: _NamedNumbers, captured_rings: _NamedNumbers, captured_features: _Features
) -> list[str]:
    """Sets what differs. Returns what was refused, in words. Raises OSError: the device cannot be asked just now."""
    return [
        *_apply_numbers(link, "queues", _SCHANNELS, ethtool_channels(link), captured_channels),
        *_apply_numbers(link, "rings", _SRINGS, ethtool_rings(link), captured_rings),
        *_apply_features(link, dict(captured_features)),
    ]


def _apply_numbers(link: str, quantity: str, command: int, present: _NamedNumbers, numbers: _NamedNumbers) -> list[str]:
    if present == numbers or not numbers:
        return []
    try:
        _set_numbers(link, command, numbers)
    except OSError as error:
        raise_shortage(error)
        return [f"{quantity} {_words(numbers)}: {error.strerror}"]
    return []


def _set_numbers(link: str, command: int, numbers: _NamedNumbers) -> None:
    _ioctl(link, struct.pack("=9I", command, 0, 0, 0, 0, *(number for _, number in numbers)))


def _words(numbers: Sequence[tuple[str, int]]) -> str:
    return " ".join(f"{name} {number}" for name, number in numbers)


def _apply_features(link: str, captured: Mapping[str, bool]) -> list[str]:
    present = dict(ethtool_features(link))
    changed = {name: on for name, on in captured.items() if name in present and present[name] != on}
    problems = [f"offload {name}: the device has it no more" for name in captured if name not in present]
    if not changed:
        return problems
    try:
        names = _names(link)
        _ioctl(link, _feature_request(names, changed))
    except OSError as error:
        raise_shortage(error)
        return [*problems, *(f"offload {name}: {error.strerror}" for name in changed)]
    return problems


def _feature_request(names: Sequence[str], changed: Mapping[str, bool]) -> bytes:
    blocks = -(-len(names) // _BLOCK_BITS)
    valid, requested = [0] * blocks, [0] * blocks
    for at, name in _bit_numbers(names, changed):
        valid[at // _BLOCK_BITS] |= 1 << at % _BLOCK_BITS
        requested[at // _BLOCK_BITS] |= changed[name] << at % _BLOCK_BITS
    pairs = b"".join(struct.pack("=II", *pair) for pair in zip(valid, requested, strict=True))
    return struct.pack("=II", _SFEATURES, blocks) + pairs


def _bit_numbers(names: Iterable[str], changed: Mapping[str, bool]) -> list[tuple[int, str]]:
    return [(at, name) for at, name in enumerate(names) if name in changed]
