"""VPP's list of its messages."""

import pytest

from vppd_guard.vpp import dry_run


def created(*names: str) -> bytes:
    head = dry_run.CREATED.pack(16, 0, 0, 0, 1, len(names))
    return head + b"".join(dry_run.ENTRY.pack(at, name.encode()) for at, name in enumerate(names))


def test_the_names_of_messages_are_read_without_their_crcs() -> None:
    assert dry_run.message_names(created("set_punt_47d0e347", "show_version_51077d14")) == {"set_punt", "show_version"}


def test_what_is_no_list_of_messages_is_an_error_not_an_end() -> None:
    for torn in (b"", created("set_punt_47d0e347")[:-1]):
        with pytest.raises(ValueError, match="sockclnt_create_reply"):
            dry_run.message_names(torn)
