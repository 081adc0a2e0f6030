"""Files under a file system that takes a part of what it is given, or refuses: whole, or not at all, and said so."""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus import whole_files

OLD, NEW = b"what was there", b"and what is to be there from now on"
ERRORS = (errno.ENOSPC, errno.EROFS, errno.EIO, errno.EDQUOT, errno.EFBIG)
OPERATIONS = ("write", "fsync", "ftruncate", "fchmod", "open", "replace")

# What becomes of each call, in order: a number of bytes at most, or an error; what is not told of works.
FAILURES = st.lists(st.integers(0, len(NEW)) | st.sampled_from(ERRORS).map(lambda number: OSError(number, "no")))


@contextmanager
def failing(operation: str, calls: list[Any]) -> Iterator[None]:
    """The calls of `operation` end so, one after another."""
    holder: Any = Path if operation == "replace" else os
    original: Callable[..., Any] = getattr(holder, operation)
    remaining = iter(calls)

    def call(*arguments: Any, **more: Any) -> Any:
        outcome = next(remaining, None)
        if isinstance(outcome, OSError):
            raise outcome
        if operation == "write" and outcome is not None:
            return original(arguments[0], arguments[1][:outcome])
        return original(*arguments, **more)

    with patch.object(holder, operation, call):
        yield


def raised_by(operation: str, calls: list[Any], change: Callable[[], None]) -> OSError | None:
    """What the change has raised while the calls of that operation ended so."""
    try:
        with failing(operation, calls):
            change()
    except OSError as error:
        return error
    return None


@pytest.mark.parametrize("operation", OPERATIONS)
@given(calls=FAILURES, existed=st.booleans())
def test_a_file_is_the_old_one_or_the_new_one(operation: str, calls: list[Any], existed: bool) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "journal"
        if existed:
            path.write_bytes(OLD)
        error = raised_by(operation, calls, lambda: whole_files.replace_file_whole(path, NEW))
        content = path.read_bytes() if path.exists() else None
        if error is None:
            assert content == NEW
        else:
            assert str(path.parent) in error.filename
            assert content == (OLD if existed else None) or (content == NEW and operation in ("fsync", "open"))
        assert {entry.name for entry in path.parent.iterdir()} <= {path.name}, "nothing else is left behind"


@given(calls=FAILURES, synced=st.booleans())
def test_what_is_appended_is_there_whole_or_not_at_all(calls: list[Any], synced: bool) -> None:
    with TemporaryDirectory() as directory:
        path = Path(directory) / "journal"
        path.write_bytes(OLD)
        with path.open("ab", buffering=0) as file:
            append = partial(whole_files.append_file_whole, file.fileno(), NEW, path, sync=synced)
            error = raised_by("write", calls, append)
            assert path.read_bytes() == (OLD + NEW if error is None else OLD)
            assert error is None or error.filename == str(path)


def test_what_the_disk_does_not_keep_is_cut_off_again(tmp_path: Path) -> None:
    path = tmp_path / "journal"
    path.write_bytes(OLD)
    with path.open("ab", buffering=0) as file, failing("fsync", [OSError(errno.EIO, "no")]):
        with pytest.raises(OSError, match="journal"):
            whole_files.append_file_whole(file.fileno(), NEW, path, sync=True)
    assert path.read_bytes() == OLD


def test_what_is_not_there_is_removed_where_nothing_may_be_removed(tmp_path: Path) -> None:
    with patch.object(Path, "unlink", side_effect=OSError(errno.EROFS, "read-only")):
        whole_files.remove_file_synced(tmp_path / "none")


def test_an_error_for_people_names_file_and_reason() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/var/lib/vppd/x")
    assert whole_files.file_error_words(error) == "/var/lib/vppd/x: No space left on device"
    assert whole_files.file_error_words(OSError("odd")) == "odd"
