"""Network namespaces, named as VPP names them (VPP: vppinfra/linux/netns.c): "pid:N", a path, or a name."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def path_of(name: str) -> str:
    """The file of a namespace."""
    if name.startswith("pid:"):
        digits = name[len("pid:") :]
        return f"/proc/{digits if digits.isdigit() else 0}/ns/net"
    return name if name.startswith("/") else f"/var/run/netns/{name}"


def _enter(fd: int) -> None:
    if _libc.setns(fd, CLONE_NEWNET) != 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))


@contextmanager
def inside(fd: int) -> Iterator[None]:
    """Enter the namespace of the open file `fd`, and return at the end; raises OSError."""
    home = os.open("/proc/self/ns/net", os.O_RDONLY | os.O_CLOEXEC)
    try:
        _enter(fd)
        try:
            yield
        finally:
            _enter(home)
    finally:
        os.close(home)
