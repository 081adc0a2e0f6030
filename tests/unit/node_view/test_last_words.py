"""Which line of a dead process's log is shown."""

import pytest

from tools.node.last_words import LENGTH_MAX, last_words

T = "2026-12-01T00:43:25.172Z"
STARTED = f"{T} info cni started pid=7 session=8"


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([], ""),
        ([STARTED, f"{T} info cni state now=x"], ""),
        ([STARTED, f"{T} error cni cannot start why=busy", f"{T} info cni stopped code=1"], "cannot start why=busy"),
        (
            [
                STARTED,
                "Traceback (most recent call last):",
                '  File "x.py", line 3',
                "OSError: [Errno 28] full",
            ],
            "OSError: [Errno 28] full",
        ),
        (["grpc.aio.AioRpcError: <deadline>", "  details"], "grpc.aio.AioRpcError: <deadline>"),
        ([f"{T} error cni earlier why=old", STARTED, f"{T} info cni killed"], ""),
        (["KeyError: " + "x" * 1000], ("KeyError: " + "x" * 1000)[:LENGTH_MAX]),
    ],
)
def test_it_is_the_last_error_of_the_last_life(lines: list[str], words: str) -> None:
    assert last_words(lines) == words
