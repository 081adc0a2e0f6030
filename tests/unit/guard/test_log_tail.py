"""VPP's output in the guard's log."""

import io
from pathlib import Path

import pytest

from bus.log import ProcessLog
from vppd_guard.vpp import log_tail


def lines(stream: io.StringIO) -> list[str]:
    return [line.partition("says=")[2] for line in stream.getvalue().splitlines()]


def test_vpps_words_are_logged_line_by_line_without_their_colours(tmp_path: Path) -> None:
    path, stream = tmp_path / "vpp.log", io.StringIO()
    path.write_text("of an earlier life\n")
    follower = log_tail.VppLogTail(path, ProcessLog("guard", stream=stream))
    with path.open("ab") as log:
        log.write(b"\x1b[91mreceived signal\x1b[39m\nhalf a ")
        log.flush()
        follower.read_new()
        assert lines(stream) == ['"received signal"']
        log.write(b"line\n")
        log.flush()
    follower.read_new()
    assert lines(stream) == ['"received signal"', '"half a line"']


def test_vpps_log_is_kept_short(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_tail, "FILE_BYTES_MAX", 1000)
    path, stream = tmp_path / "vpp.log", io.StringIO()
    follower = log_tail.VppLogTail(path, ProcessLog("guard", stream=stream))
    with path.open("ab") as log:
        for _ in range(3):
            log.write(b"x" * 900 + b"\n" + b"y" * 900 + b"\n")
            log.flush()
            follower.read_new()
    assert path.stat().st_size == 0
    assert len(lines(stream)) == 6
