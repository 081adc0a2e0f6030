"""Edge: how many files this process may have open, and how many it has."""

import os
import resource
from contextlib import suppress

_WANTED = 65_536  # more than a process of ours can need, and than a client that has gone wild may open


def raise_descriptor_limit() -> int:
    """Allows this process as many open files as it may allow itself, within reason. Returns how many."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _WANTED if hard == resource.RLIM_INFINITY else min(_WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return _WANTED if soft == resource.RLIM_INFINITY else soft


def open_descriptors() -> int:
    """How many files this process has open; 0: it cannot be seen, as when none is left to look with."""
    try:
        return len(os.listdir("/proc/self/fd"))
    except OSError:
        return 0
