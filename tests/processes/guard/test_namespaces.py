"""Named namespaces are made as ip(8) makes them."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from vppd_guard.linux import namespaces


@pytest.fixture
def names() -> Iterator[list[str]]:
    names = [f"vgns{os.getpid()}x{number}" for number in range(4)]
    yield names
    for name in names:
        subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


def mounts() -> int:
    """Mounts of the directory itself, of which each new one would double all that are below it."""
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return sum(line.split()[4].endswith("/run/netns") for line in lines)


def test_a_namespace_is_there_for_ip_and_can_be_entered(names: list[str]) -> None:
    namespaces.create_netns(names[0])
    assert namespaces.netns_exists(names[0])
    assert names[0] in subprocess.run(["ip", "netns"], check=True, capture_output=True, text=True).stdout
    inside = namespaces.run_inside_netns(names[0], lambda: os.stat("/proc/thread-self/ns/net").st_ino)
    assert inside == Path("/var/run/netns", names[0]).stat().st_ino
    assert inside != os.stat("/proc/self/ns/net").st_ino


def test_many_of_them_do_not_mount_their_directory_again_and_again(names: list[str]) -> None:
    namespaces.create_netns(names[0])
    before = mounts()
    for name in names[1:]:
        namespaces.create_netns(name)
    assert mounts() == before
