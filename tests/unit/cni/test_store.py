"""Pod records on disk: each alone, checked, and back after a restart."""

import os
from pathlib import Path

import pytest

from actors.cni.pods import CniPod, parse_pod_request, pod_with_mtu
from actors.cni.store import PodStore
from tests.unit.cni.test_pods import request, workload

# The record of `pod("a")` as the first version wrote it, byte by byte.
NAME_OF_FIRST_VERSION = "552ec7ac182fedd0f84b6eb813c41d25.pod"
OF_FIRST_VERSION = rb"""
ccec2847 {"namespace":"default","name":"a","interface":"eth0","netns":"/var/run/netns/cni-75e26661-4119-90a4-b9d2-0b00489f76f3","addresses":["10.1.0.5","fd10::5"],"routes":["0.0.0.0/0","::/0"]}
""".lstrip()  # noqa: E501 # a line on disk
POD_OF_FIRST_VERSION = CniPod(
    namespace="default",
    name="a",
    interface="eth0",
    netns="/var/run/netns/cni-75e26661-4119-90a4-b9d2-0b00489f76f3",
    addresses=("10.1.0.5", "fd10::5"),
    routes=("0.0.0.0/0", "::/0"),
)


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "cni" / "pods"


def pod(name: str) -> CniPod:
    return parse_pod_request(request(workload=workload(pod=name)))


def test_a_record_of_the_first_version_is_read_and_is_written_so_today(directory: Path) -> None:
    store = PodStore(directory)
    store.save(pod("a"))
    assert {file.name: file.read_bytes() for file in directory.iterdir()} == {NAME_OF_FIRST_VERSION: OF_FIRST_VERSION}
    assert store.load() == ([POD_OF_FIRST_VERSION], [])


def test_a_saved_pod_is_back_after_a_restart(directory: Path) -> None:
    PodStore(directory).save(pod("a"))
    PodStore(directory).save(pod("p" * 253))
    pods, damaged = PodStore(directory).load()
    assert sorted(p.name for p in pods) == ["a", "p" * 253]
    assert pod("a") in pods
    assert damaged == []


def test_there_is_one_file_for_a_pod_that_only_root_reads(directory: Path) -> None:
    store = PodStore(directory)
    store.save(pod("a"))
    store.save(pod("a"))
    (file,) = directory.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    assert directory.stat().st_mode & 0o077 == 0


def test_a_removed_pod_leaves_nothing_and_may_be_removed_again(directory: Path) -> None:
    store = PodStore(directory)
    store.save(pod("a"))
    store.remove(pod("a").key)
    store.remove(pod("a").key)
    assert list(directory.iterdir()) == []


@pytest.mark.parametrize(
    "damage",
    [
        lambda data: b"",
        lambda data: data[:-20],
        lambda data: data.replace(b"web", b"wob"),
        lambda data: b"\xff" + data[1:],
        lambda data: b"{}",
    ],
    ids=["empty", "cut", "changed", "not text", "no checksum"],
)
def test_a_damaged_record_is_set_aside_and_the_others_live(directory: Path, damage: object) -> None:
    store = PodStore(directory)
    store.save(pod("web-bad"))
    (file,) = directory.iterdir()
    file.write_bytes(damage(file.read_bytes()))  # type: ignore[operator]
    store.save(pod("web-good"))
    pods, damaged = PodStore(directory).load()
    assert [p.name for p in pods] == ["web-good"]
    assert damaged == [file.name]
    assert file.with_suffix(".bad").exists()
    assert PodStore(directory).load() == (pods, [])


def test_a_write_that_was_cut_short_counts_for_nothing(directory: Path) -> None:
    store = PodStore(directory)
    store.save(pod("a"))
    (file,) = directory.iterdir()
    file.with_suffix(".new").write_bytes(b"half a rec")
    assert store.load() == ([pod("a")], [])


def test_a_record_that_was_written_in_part_is_an_error_and_the_old_one_stays(
    directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = PodStore(directory)
    store.save(pod("a"))
    write, room = os.write, [20]

    def write_some(handle: int, data: memoryview) -> int:
        return write(handle, data[: room.pop()]) if room else 0

    monkeypatch.setattr(os, "write", write_some)
    with pytest.raises(OSError, match=NAME_OF_FIRST_VERSION):
        store.save(pod_with_mtu(pod("a"), [1400]))
    monkeypatch.undo()
    assert store.load() == ([pod("a")], [])
    assert len(list(directory.iterdir())) == 1
