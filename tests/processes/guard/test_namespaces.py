"""Named namespaces, as `ip netns` makes them."""

import os
import subprocess
from pathlib import Path

from vppd_guard import namespaces


def mounts() -> int:
    """How often something is mounted on the directory of the namespaces."""
    points = [line.split()[4] for line in Path("/proc/self/mountinfo").read_text().splitlines()]
    return points.count(str(namespaces.DIRECTORY.resolve()))


def test_many_namespaces_need_one_mount_of_their_directory() -> None:
    names = [f"vgns{os.getpid()}-{n}" for n in range(3)]
    try:
        namespaces.create(names[0])
        before = mounts()
        for name in names[1:]:
            namespaces.create(name)
        assert mounts() == before, "each further mount would double those of the namespaces"
        assert all(namespaces.exists(name) for name in names)
    finally:
        for name in names:
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)
