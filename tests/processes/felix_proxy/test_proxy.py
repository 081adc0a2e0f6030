"""The driver as Felix starts it: pipes at descriptors 3 and 4, a socket behind it."""

import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

SOURCES = Path(__file__).resolve().parents[3] / "container" / "felix-proxy"
PATIENCE_S = 15.0
QUICK = {"FELIX_PROXY_CONNECT_TRIES": "3", "FELIX_PROXY_CONNECT_PAUSE_MS": "20"}
# As Felix does it: the child's descriptors are 3 and 4, whatever they are here.
WRAPPED = """
import os, sys
for fd, place in ((int(sys.argv[1]), 100), (int(sys.argv[2]), 101), (100, 3), (101, 4)):
    os.dup2(fd, place)
os.closerange(5, 256)
os.execv(sys.argv[3], sys.argv[3:])
"""


@pytest.fixture(scope="module")
def binary() -> Path:
    subprocess.run(["make", "-s", "-C", str(SOURCES)], check=True)
    return SOURCES / "build" / "felix-proxy"


class Felix:
    """Felix's side: writes to the driver, reads from it."""

    def __init__(self, binary: Path, path: Path) -> None:
        theirs_in, self.to_driver = os.pipe()
        self.from_driver, theirs_out = os.pipe()
        command = [sys.executable, "-c", WRAPPED, str(theirs_in), str(theirs_out), str(binary)]
        environment = {**os.environ, **QUICK, "FELIX_DATAPLANE_SOCKET": str(path)}
        self.process = subprocess.Popen(
            command, env=environment, pass_fds=(theirs_in, theirs_out), stderr=subprocess.PIPE
        )
        os.close(theirs_in)
        os.close(theirs_out)

    def read(self, count: int) -> bytes:
        data = b""
        while len(data) < count and (more := os.read(self.from_driver, count - len(data))):
            data += more
        return data

    def write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self.to_driver, data) :]

    def wait_for_exit(self) -> int:
        return self.process.wait(PATIENCE_S)

    def close(self) -> None:
        self.process.kill()
        self.process.communicate()
        os.close(self.to_driver)
        os.close(self.from_driver)


@pytest.fixture
def place() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        yield Path(directory) / "felix.sock"


@pytest.fixture
def listener(place: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(place))
        server.listen()
        server.settimeout(PATIENCE_S)
        yield server


@pytest.fixture
def felix(binary: Path, place: Path, listener: socket.socket) -> Iterator[Felix]:
    process = Felix(binary, place)
    try:
        yield process
    finally:
        process.close()


def test_bytes_pass_both_ways_unchanged(felix: Felix, listener: socket.socket) -> None:
    manager, _ = listener.accept()
    manager.settimeout(PATIENCE_S)
    with manager:
        data = os.urandom(300_000)
        os.set_blocking(felix.to_driver, True)
        child = os.fork()
        if not child:  # a pipe holds less than this
            felix.write(data)
            os._exit(0)
        received = b""
        while len(received) < len(data):
            received += manager.recv(1 << 16)
        os.waitpid(child, 0)
        assert received == data
        manager.sendall(b"status")
        assert felix.read(6) == b"status"


def test_a_manager_that_does_not_read_does_not_keep_felix_from_being_told(
    felix: Felix, listener: socket.socket
) -> None:
    manager, _ = listener.accept()
    with manager:
        fill(felix.to_driver)
        manager.sendall(b"status")
        assert select.select([felix.from_driver], [], [], PATIENCE_S)[0]
        assert felix.read(6) == b"status"


def test_a_felix_that_does_not_read_does_not_keep_the_manager_from_being_told(
    felix: Felix, listener: socket.socket
) -> None:
    manager, _ = listener.accept()
    with manager:
        fill(manager.fileno())
        felix.write(b"update")
        manager.settimeout(PATIENCE_S)
        assert manager.recv(6, socket.MSG_WAITALL) == b"update"


def fill(fd: int) -> None:
    """Writes until nothing more is taken for a while: everything between here and the reader is full."""
    os.set_blocking(fd, False)
    while select.select([], [fd], [], 0.3)[1]:
        with suppress(BlockingIOError):
            os.write(fd, bytes(1 << 16))


def test_it_ends_when_the_manager_closes(felix: Felix, listener: socket.socket) -> None:
    listener.accept()[0].close()
    assert felix.wait_for_exit() == 0
    assert felix.read(1) == b""


def test_it_ends_when_felix_closes(binary: Path, place: Path, listener: socket.socket) -> None:
    felix = Felix(binary, place)
    try:
        manager, _ = listener.accept()
        with manager:
            os.close(felix.to_driver)
            felix.to_driver = os.open("/dev/null", os.O_RDONLY)
            assert felix.wait_for_exit() == 0
            assert manager.recv(1) == b""
    finally:
        felix.close()


def test_it_ends_at_sigterm(felix: Felix, listener: socket.socket) -> None:
    manager, _ = listener.accept()
    with manager:
        felix.process.send_signal(signal.SIGTERM)
        assert felix.wait_for_exit() == -signal.SIGTERM


def test_without_a_manager_it_says_so_and_fails(binary: Path, place: Path) -> None:
    felix = Felix(binary, place)
    try:
        assert felix.wait_for_exit() == 1
        assert felix.process.stderr is not None
        assert felix.process.stderr.read().decode() == f"felix-proxy: {place}: No such file or directory\n"
    finally:
        felix.close()


def test_it_tells_what_it_is(binary: Path) -> None:
    help_text = subprocess.run([binary, "--help"], capture_output=True, text=True, check=True).stdout
    assert "FELIX_DATAPLANE_SOCKET" in help_text
    assert max(map(len, help_text.splitlines())) <= 80
    assert subprocess.run([binary, "--version"], capture_output=True, text=True, check=True).stdout.startswith(
        "felix-proxy "
    )


def test_it_needs_no_library_of_the_place_where_it_runs(binary: Path) -> None:
    assert b"/lib64/ld-linux" not in binary.read_bytes()
