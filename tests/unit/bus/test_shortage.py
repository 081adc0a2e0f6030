"""Which errors say only that this process has run short of something."""

import errno

import pytest

from bus.shortage import is_shortage, raise_shortage


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS, errno.EAGAIN])
def test_want_of_descriptors_memory_or_threads_is_a_shortage_and_is_passed_on(number: int) -> None:
    error = OSError(number, "short")
    assert is_shortage(error)
    with pytest.raises(OSError, match="short"):
        raise_shortage(error)


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("can't start new thread")])
def test_what_has_no_number_is_known_by_its_kind(error: Exception) -> None:
    assert is_shortage(error)


@pytest.mark.parametrize("error", [FileNotFoundError(errno.ENOENT, "no"), TimeoutError(), OSError(errno.ENODEV, "no")])
def test_an_answer_is_none(error: OSError) -> None:
    assert not is_shortage(error)
    raise_shortage(error)


def test_a_bug_is_none() -> None:
    assert not is_shortage(RuntimeError("something else"))
