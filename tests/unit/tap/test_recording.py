"""Recordings: read as they were written, whole in themselves after a rotation, robust against what is damaged."""

import errno
import os
from pathlib import Path

import pytest

from schemas.config import is_recordable_variable
from tests.unit.bus.test_whole_files import failing
from tests.unit.tap.frames import AFTER, BEFORE, SERVICES, STORY, intents
from tools.tap.observer import Observer
from tools.tap.recording import BadRecording, Recorder, read, read_header

SECRETIVE = ("CALICOVPP_IPSEC_IKEV2_PSK", "CALICOVPP_HOOK_VPP_RUNNING")


def recorded(path: Path) -> Path:
    recorder = Recorder(path, 1 << 20, 3)
    for now, data in STORY:
        recorder.write(now, data)
    recorder.close()
    return path


def test_what_was_written_is_read(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a")
    assert tuple(read(path)) == STORY
    assert path.stat().st_mode & 0o777 == 0o600


def test_each_file_of_a_rotation_is_whole_in_itself(tmp_path: Path) -> None:
    path, observer = tmp_path / "a", Observer()
    recorder = Recorder(path, 2000, 3)
    for number in range(1, 200):
        now, data = number * 2.0, intents(number, AFTER if number % 2 else BEFORE)
        recorder.write(now, data, observer.snapshots())
        observer.feed(data, now)
    recorder.close()
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["a", "a.1", "a.2"]
    assert sum(file.stat().st_size for file in files) < 3 * 3000
    for file in files:
        again = Observer()
        for now, data in read(file):
            again.feed(data, now)
        assert {key for _, key, _, _ in again.rows("intent")} == {AFTER.key}
        assert again.gaps() == 0
    assert next(iter(again.rows("intent")))[0] == SERVICES


def test_frames_reach_the_file_although_the_clock_was_set_back(tmp_path: Path) -> None:
    path, (first, second, *_) = tmp_path / "a", STORY
    recorder = Recorder(path, 1 << 20, 3)
    recorder.write(7200.0, first[1])
    recorder.write(3600.0, second[1])
    assert tuple(read(path)) == ((7200.0, first[1]), (3600.0, second[1]))
    recorder.close()


@pytest.mark.parametrize("missing_bytes", range(1, 60, 7))
def test_a_chunk_that_was_not_written_to_its_end_is_left_out(tmp_path: Path, missing_bytes: int) -> None:
    path = recorded(tmp_path / "a")
    os.truncate(path, path.stat().st_size - missing_bytes)
    frames = tuple(read(path))
    assert frames == STORY[: len(frames)]
    assert len(frames) < len(STORY)


def test_a_damaged_recording_is_one_error_that_names_file_and_place(tmp_path: Path) -> None:
    path = recorded(tmp_path / "a")
    data = bytearray(path.read_bytes())
    at = data.index(b"\n") + 20
    data[at : at + 10] = b"\xff" * 10
    path.write_bytes(data)
    with pytest.raises(BadRecording, match=f"{path}: damaged at byte"):
        list(read(path))


@pytest.mark.parametrize("text", ["", "{}\n", "[1]\n", "root:x:0:0\n", '{"format": "another"}\n'])
def test_what_is_no_recording_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "a").write_text(text)
    with pytest.raises(BadRecording, match="not a recording of the bus"):
        list(read(tmp_path / "a"))


def test_a_recording_has_what_the_node_was_configured_with(tmp_path: Path) -> None:
    path = tmp_path / "a"
    recorder = Recorder(path, 1 << 20, 3, {"NODENAME": "node1"})
    recorder.write(*STORY[0])
    recorder.close()
    assert (read_header(path).settings, read_header(path).started) == ({"NODENAME": "node1"}, STORY[0][0])


def test_a_recording_without_settings_has_none(tmp_path: Path) -> None:
    (tmp_path / "old").write_text('{"format": "vppd bus recording 1", "started": 7}\n')
    assert (read_header(tmp_path / "old").settings, read_header(tmp_path / "old").started) == ({}, 7.0)


def test_scripts_that_may_have_secrets_are_not_recorded() -> None:
    names = [name for name in (*SECRETIVE, "NODENAME", "SERVICE_PREFIX", "PATH") if is_recordable_variable(name)]
    assert names == ["NODENAME", "SERVICE_PREFIX"]


def test_a_recording_for_which_there_is_no_more_room_can_be_read_so_far(tmp_path: Path) -> None:
    path, (first, second, *_) = tmp_path / "a", STORY
    recorder = Recorder(path, 1 << 20, 3)
    recorder.write(*first)
    recorder.flush()
    recorder.write(*second)
    with failing("write", [10, OSError(errno.ENOSPC, "No space left on device")]):
        with pytest.raises(OSError, match=f"No space left on device.*{path}"):
            recorder.flush()
        recorder.close()
    assert tuple(read(path)) == (first,)
