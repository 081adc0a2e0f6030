"""Edge: links, addresses, routes and namespaces, over netlink. Blocking; called in a worker thread.

All functions are idempotent: restoring what is restored already changes nothing.
"""

from vppd_guard.linux.capture import capture
from vppd_guard.linux.clock import boot
from vppd_guard.linux.links import NoLink
from vppd_guard.linux.moving import bring_back, detach_xdp, ensure_netns, exists_in, is_here, move_away, promiscuous
from vppd_guard.linux.restore import CannotRestore, restore
from vppd_guard.linux.tap import dress_tap, is_tap

__all__ = [
    "CannotRestore",
    "NoLink",
    "boot",
    "bring_back",
    "capture",
    "detach_xdp",
    "dress_tap",
    "ensure_netns",
    "exists_in",
    "is_here",
    "is_tap",
    "move_away",
    "promiscuous",
    "restore",
]
