"""Edge: the number of a link's queues, as `ethtool -l` and `-L` do it (Linux: include/uapi/linux/ethtool.h)."""

import array
import errno
import fcntl
import socket
import struct
from dataclasses import dataclass

SIOCETHTOOL = 0x8946
ETHTOOL_GCHANNELS, ETHTOOL_SCHANNELS = 0x3C, 0x3D
# struct ethtool_channels: cmd, then the most and the present number of rx, tx, other and combined queues
CMD, MAX_RX, MAX_COMBINED, RX, COMBINED, WORDS = 0, 1, 4, 5, 8, 9


@dataclass(frozen=True)
class Channels:
    """Receive queues, however the driver counts them: queues for both ways, or for receiving alone."""

    count: int
    count_max: int


def channels(link: str) -> Channels | None:
    """The link's receive queues; None: its driver does not tell. Raises OSError: no such link."""
    words = _ask(link, ETHTOOL_GCHANNELS)
    if words is None:
        return None
    return Channels(words[COMBINED], words[MAX_COMBINED]) if words[MAX_COMBINED] else Channels(words[RX], words[MAX_RX])


def set_channels(link: str, count: int) -> None:
    """Gives the link that many receive queues. Raises OSError: its driver refuses."""
    words = _ask(link, ETHTOOL_GCHANNELS)
    if words is None:
        raise OSError(f"{link}: its driver does not tell how many queues it has")
    words[COMBINED if words[MAX_COMBINED] else RX] = count
    _ioctl(link, ETHTOOL_SCHANNELS, words)


def _ask(link: str, command: int) -> "array.array[int] | None":
    words = array.array("I", [0] * WORDS)
    if link not in (name for _, name in socket.if_nameindex()):  # else it looks like "not supported"
        raise OSError(errno.ENODEV, "no such link", link)
    try:
        _ioctl(link, command, words)
    except OSError:
        return None
    return words


def _ioctl(link: str, command: int, words: "array.array[int]") -> None:
    words[CMD] = command
    request = struct.pack("16sP8x", link.encode(), words.buffer_info()[0])  # struct ifreq
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCETHTOOL, request)
