"""Edge: the number of a link's receive queues."""

import errno
import socket
from collections.abc import Mapping
from dataclasses import dataclass

from vppd_guard.linux import ethtool


@dataclass(frozen=True)
class NicChannels:
    """Receive queues, however the driver counts them: queues for both ways, or for receiving alone."""

    count: int
    count_max: int


def nic_channels(link: str) -> NicChannels | None:
    """The link's receive queues; None: its driver does not tell. Raises OSError: no such link."""
    if link not in (name for _, name in socket.if_nameindex()):  # else it looks like "not supported"
        raise OSError(errno.ENODEV, "no such link", link)
    present, maxima = dict(ethtool.ethtool_channels(link)), dict(ethtool.ethtool_channels_max(link))
    if not maxima:
        return None
    kind = _kind(maxima)
    return NicChannels(present[kind], maxima[kind])


def set_nic_channels(link: str, count: int) -> None:
    """Gives the link that many receive queues. Raises OSError: its driver refuses."""
    present, maxima = dict(ethtool.ethtool_channels(link)), dict(ethtool.ethtool_channels_max(link))
    if not maxima:
        raise OSError(f"{link}: its driver does not tell how many queues it has")
    ethtool.set_ethtool_channels(link, tuple((present | {_kind(maxima): count}).items()))


def _kind(maxima: Mapping[str, int]) -> str:
    return "combined" if maxima["combined"] else "rx"
