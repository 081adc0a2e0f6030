"""A lock, held by another process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bus import lock


def test_a_lock_ends_with_the_process_that_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "one.lock"
    assert lock.lock_file_holder_pid(path) == 0
    imports = "from pathlib import Path; from bus import lock"
    code = f"{imports}; lock.acquire_lock_file(Path({str(path)!r})); print(1, flush=True)"
    holder = subprocess.Popen(
        [sys.executable, "-u", "-c", f"{code}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"1\n"
    assert lock.lock_file_holder_pid(path) == holder.pid
    with pytest.raises(lock.LockFileHeld, match=f"held by process {holder.pid}"):
        lock.acquire_lock_file(path)
    holder.kill()
    holder.communicate()
    assert lock.lock_file_holder_pid(path) == 0
    os.close(lock.acquire_lock_file(path))
