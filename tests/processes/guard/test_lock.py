"""The guard's lock, held by another process."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vppd_guard.host import lock


def test_a_lock_ends_with_the_process_that_holds_it(tmp_path: Path) -> None:
    path = tmp_path / "run" / "guard.lock"
    assert lock.guard_lock_holder_pid(path) == 0
    imports = "from pathlib import Path; from vppd_guard.host import lock"
    code = f"{imports}; lock.acquire_guard_lock(Path({str(path)!r})); print(1, flush=True)"
    holder = subprocess.Popen(
        [sys.executable, "-u", "-c", f"{code}; input()"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == b"1\n"
    assert lock.guard_lock_holder_pid(path) == holder.pid
    with pytest.raises(lock.AnotherGuardRuns, match=f"held by process {holder.pid}"):
        lock.acquire_guard_lock(path)
    holder.kill()
    holder.communicate()
    assert lock.guard_lock_holder_pid(path) == 0
    os.close(lock.acquire_guard_lock(path))
