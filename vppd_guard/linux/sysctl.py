"""Edge: the kernel's settings of one link, below /proc/sys/net; they go with the link's namespace.

They are those of the namespace of the thread that reads (proc_sys(5)).
"""

import errno
from collections.abc import Iterable
from pathlib import Path

from bus.shortage import raise_shortage

_ROOT = Path("/proc/sys/net")
_DIRECTORIES = ("ipv4/conf", "ipv4/neigh", "ipv6/conf", "ipv6/neigh", "mpls/conf")
# Writing it makes a link-local address at once; netlink sets it without (see `settings.py`).
_NOT_BY_SYSCTL = {"ipv6/conf/addr_gen_mode"}
_LEFT_ALONE = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOENT)
_WRITABLE = 0o200
_Sysctl = tuple[str, str]  # "ipv6/conf/accept_ra", value


def read_link_sysctls(link: str) -> list[_Sysctl]:
    """All settings that can be read and written."""
    settings = []
    for directory in _DIRECTORIES:
        directory_of_link = _ROOT / directory / link
        for path in sorted(directory_of_link.iterdir()) if directory_of_link.is_dir() else ():
            name = f"{directory}/{path.name}"
            value = (
                get_link_sysctl(link, name) if path.stat().st_mode & _WRITABLE and name not in _NOT_BY_SYSCTL else None
            )
            if value is not None:
                settings.append((name, value))
    return settings


def get_link_sysctl(link: str, name: str) -> str | None:
    """The value; None: there is none, as of a secret that was not set. Raises OSError: it cannot be read just now."""
    try:
        return _path(link, name).read_text().strip()
    except OSError as error:
        raise_shortage(error)
        return None


def apply_link_sysctls(link: str, settings: Iterable[_Sysctl]) -> list[str]:
    """Writes the settings that differ. Returns what was refused, in words; what nobody may write is left alone.

    Raises OSError: one cannot be read or written just now.
    """
    problems = []
    for name, value in settings:
        if get_link_sysctl(link, name) == value:
            continue
        try:
            _path(link, name).write_text(value)
        except OSError as error:
            raise_shortage(error)
            if error.errno not in _LEFT_ALONE:
                problems.append(f"sysctl {name} = {value}: {error.strerror}")
    return problems


def _path(link: str, name: str) -> Path:
    directory, _, key = name.rpartition("/")
    return _ROOT / directory / link / key
