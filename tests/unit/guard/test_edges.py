"""Small edges of the guard: the frames that it sends past VPP, VPP's message list, its log."""

import io
import struct
from pathlib import Path

import pytest

from bus.log import Log
from vppd_guard.probes import arp_nd
from vppd_guard.vpp import dry_run, log_tail

MAC, GATEWAY_MAC = "02:90:00:00:00:07", bytes.fromhex("029000000001")


def reply4(sender: str = "192.0.2.1", operation: int = 2) -> bytes:
    mac = bytes.fromhex(MAC.replace(":", ""))
    head = mac + GATEWAY_MAC + struct.pack("!HHHBBH", 0x0806, 1, 0x0800, 6, 4, operation)
    return head + GATEWAY_MAC + bytes(map(int, sender.split("."))) + mac + bytes([192, 0, 2, 7])


def test_an_arp_reply_of_the_gateway_is_an_answer_and_nothing_else_is() -> None:
    assert arp_nd.is_answer(reply4(), "192.0.2.1")
    assert not arp_nd.is_answer(reply4("192.0.2.9"), "192.0.2.1")
    assert not arp_nd.is_answer(reply4(operation=1), "192.0.2.1"), "a request"
    assert not arp_nd.is_answer(reply4()[:30], "192.0.2.1"), "torn"


def test_the_checksum_is_the_internets() -> None:
    assert arp_nd.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0x220D  # RFC 1071, section 3
    assert arp_nd.checksum(b"\xff") == arp_nd.checksum(b"\xff\x00")


def created(*names: str) -> bytes:
    head = dry_run.CREATED.pack(16, 0, 0, 0, 1, len(names))
    return head + b"".join(dry_run.ENTRY.pack(at, name.encode()) for at, name in enumerate(names))


def test_the_names_of_messages_are_read_without_their_crcs() -> None:
    assert dry_run.message_names(created("set_punt_47d0e347", "show_version_51077d14")) == {"set_punt", "show_version"}


def test_what_is_no_list_of_messages_is_an_error_not_an_end() -> None:
    for torn in (b"", created("set_punt_47d0e347")[:-1]):
        with pytest.raises(ValueError, match="sockclnt_create_reply"):
            dry_run.message_names(torn)


def lines(stream: io.StringIO) -> list[str]:
    return [line.partition("says=")[2] for line in stream.getvalue().splitlines()]


def test_vpps_words_are_logged_line_by_line_without_their_colours(tmp_path: Path) -> None:
    path, stream = tmp_path / "vpp.log", io.StringIO()
    path.write_text("of an earlier life\n")
    follower = log_tail.LogTail(path, Log("guard", stream=stream))
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
    follower = log_tail.LogTail(path, Log("guard", stream=stream))
    with path.open("ab") as log:
        for _ in range(3):
            log.write(b"x" * 900 + b"\n" + b"y" * 900 + b"\n")
            log.flush()
            follower.read_new()
    assert path.stat().st_size == 0
    assert len(lines(stream)) == 6
