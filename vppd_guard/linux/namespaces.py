"""Edge: named network namespaces, entered by a thread of their own.

Not by pyroute2's `netns=`, which forks: a child that is ended while it still has the guard's signal handlers makes the
guard's event loop believe that the guard itself was told to end.
"""

import ctypes
import errno
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

NETNS_DIRECTORY = Path("/var/run/netns")
CLONE_NEWNET = 0x40000000
_MNT_DETACH = 2
_MS_BIND, _MS_REC, _MS_SHARED = 0x1000, 0x4000, 1 << 20
T = TypeVar("T")

# A namespace belongs to a thread: this one enters them, and is used for nothing else.
_thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netns")
_libc = ctypes.CDLL(None, use_errno=True)


def netns_exists(name: str) -> bool:
    """Is there a namespace of that name? A file that is none does not count."""
    try:
        return (NETNS_DIRECTORY / name).stat().st_dev == os.stat("/proc/self/ns/net").st_dev
    except OSError:
        return False


def create_netns(name: str) -> None:
    """Makes a named namespace, as `ip netns add` does. Raises OSError."""
    _thread.submit(_create, name).result()


def remove_netns(name: str) -> None:
    """Removes a named namespace, as `ip netns del` does; it lives on while a process is in it. Raises OSError."""
    _check(_libc.umount2(os.fsencode(NETNS_DIRECTORY / name), _MNT_DETACH), f"umount {name}")
    (NETNS_DIRECTORY / name).unlink()


def run_inside_netns(name: str, work: Callable[[], T]) -> T:
    """Runs `work` in the named namespace. Raises what it raises, and OSError: no such namespace."""
    return _thread.submit(_inside, NETNS_DIRECTORY / name, work).result()


def end_netns_thread() -> None:
    """Lets the thread that enters namespaces end. Does not wait."""
    _thread.shutdown(wait=False)


def _create(name: str) -> None:
    NETNS_DIRECTORY.mkdir(mode=0o755, parents=True, exist_ok=True)
    try:
        _mount("", str(NETNS_DIRECTORY), _MS_SHARED | _MS_REC)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # It is no mount point yet. Asking the kernel is the only way to know: a directory that is bound to itself
        # looks like any other, and binding it again would double every namespace below it.
        _mount(str(NETNS_DIRECTORY), str(NETNS_DIRECTORY), _MS_BIND | _MS_REC)
        _mount("", str(NETNS_DIRECTORY), _MS_SHARED | _MS_REC)
    path = NETNS_DIRECTORY / name
    path.touch(mode=0o444)
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _check(_libc.unshare(CLONE_NEWNET), "unshare")
        try:
            _mount("/proc/thread-self/ns/net", str(path), _MS_BIND)
        finally:
            _check(_libc.setns(home, CLONE_NEWNET), "setns")
    finally:
        os.close(home)


def _inside(path: Path, work: Callable[[], T]) -> T:
    with _opened("/proc/thread-self/ns/net") as home, _opened(path) as destination:
        _check(_libc.setns(destination, CLONE_NEWNET), f"setns {path}")
        try:
            return work()
        finally:
            _check(_libc.setns(home, CLONE_NEWNET), "setns")


@contextmanager
def _opened(path: str | Path) -> Iterator[int]:
    handle = os.open(path, os.O_RDONLY)
    try:
        yield handle
    finally:
        os.close(handle)


def _mount(source: str, target: str, flags: int) -> None:
    code = _libc.mount(source.encode(), target.encode(), b"none", flags, None)
    _check(code, f"mount {target}")


def _check(code: int, operation: str) -> None:
    if code:
        number = ctypes.get_errno()
        raise OSError(number, f"{operation}: {os.strerror(number)}")
