"""The server as a child process: how the lab and the tests start it and end it."""

import signal
import subprocess
import sys
import time
from pathlib import Path

STARTED_WITHIN_S = 30.0
STOPPED_WITHIN_S = 10.0
POLL_PERIOD_S = 0.02


class ApiServerProcess:
    """One API server with its state in a directory. Started again, it answers at the same URL."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.state = directory / "state"
        self.url = ""
        self._ready = directory / "ready"
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def running(self) -> bool:
        """Whether it was started and not stopped."""
        return self._process is not None

    @property
    def urls(self) -> list[str]:
        """All URLs: the loopback one, then those of --listen-netns in their order."""
        return self._ready.read_text().splitlines()

    def start(self) -> None:
        """Start it and wait until it answers; raises RuntimeError when it ends or does not answer in time."""
        address = self.url.removeprefix("http://") or "127.0.0.1:0"
        command = [sys.executable, "-m", "tools.lab.apiserver", "--state", str(self.state)]
        command += ["--listen", address, "--ready-file", str(self._ready), *self._options]
        self._ready.unlink(missing_ok=True)
        self._process = subprocess.Popen(command)
        deadline = time.monotonic() + STARTED_WITHIN_S
        while not self._ready.exists():
            if self._process.poll() is not None or time.monotonic() > deadline:
                self.stop(signal.SIGKILL)
                raise RuntimeError("the API server did not start")
            time.sleep(POLL_PERIOD_S)
        self.url = self.urls[0]

    def stop(self, number: int = signal.SIGTERM) -> float:
        """End it, with SIGKILL if need be; the answer is how long that took, in seconds."""
        process, self._process = self._process, None
        if process is None:
            return 0.0
        stopped_at = time.monotonic()
        process.send_signal(number)
        try:
            process.wait(STOPPED_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        return time.monotonic() - stopped_at
