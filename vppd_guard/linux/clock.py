"""Edge: the time of a capture."""

import time
from pathlib import Path

from vppd_guard.linux.captured import CaptureTime

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


def capture_time_now() -> CaptureTime:
    """The present moment."""
    return CaptureTime(
        boottime_s=time.clock_gettime(time.CLOCK_BOOTTIME),
        wall_s=time.time(),
        boot=kernel_boot_id(),
    )


def kernel_boot_id() -> str:
    """The kernel's id of this boot."""
    return _BOOT_ID.read_text().strip()
