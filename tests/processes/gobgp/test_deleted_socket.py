"""gobgpd as supervisord runs it: one that nobody can reach any more makes way for another."""

import configparser
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.waiting import until

CONF = Path(__file__).resolve().parents[3] / "container" / "supervisord.conf"


@pytest.fixture
def netns() -> Iterator[str]:
    """A namespace of its own: gobgpd listens on BGP's port."""
    name = f"gds{os.getpid()}"
    subprocess.run(["ip", "netns", "add", name], check=True)
    yield name
    subprocess.run(["ip", "netns", "del", name], check=True)


def command() -> str:
    """As the shell is given it by supervisord."""
    conf = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    conf.read(CONF)
    return conf["program:gobgpd"]["command"]


def test_a_gobgpd_whose_socket_is_deleted_ends_and_leaves_nothing_behind(netns: str, tmp_path: Path) -> None:
    path = tmp_path / "gobgp.sock"
    path.touch()  # of an earlier life
    line = f"exec ip netns exec {netns} {command()}"
    gobgpd = subprocess.Popen(
        ["sh", "-c", line],
        env={**os.environ, "VPPD_RUN": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        until(path.is_socket, "it listens")
        assert b"gobgpd" in Path(f"/proc/{gobgpd.pid}/cmdline").read_bytes()
        path.unlink()
        gobgpd.communicate(timeout=20)  # the output ends with the last process that has it
        assert gobgpd.returncode == -9
    finally:
        if gobgpd.poll() is None:
            gobgpd.kill()
            gobgpd.communicate()
