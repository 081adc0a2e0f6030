"""`container/supervisord.conf` runs the processes that exist, and never gives one up."""

import configparser
import os
import shlex
from pathlib import Path

import pytest

from tools.lab.state import LABS
from tools.lab.topology import NAME, NODES_MAX

PROJECT = Path(__file__).resolve().parents[2]
CONF = PROJECT / "container" / "supervisord.conf"
FOREIGN = {"gobgpd"}  # programs that are not ours
RETRIES_FOR_EVER = 100_000  # with pauses of 30 s, longer than a month; any life longer than `startsecs` counts anew
UNIX_PATH_MAX = 108  # unix(7)


def programs() -> dict[str, configparser.SectionProxy]:
    """Program name -> its section."""
    conf = configparser.ConfigParser(interpolation=None, inline_comment_prefixes=(";",))
    conf.read(CONF)
    return {name.partition(":")[2]: conf[name] for name in conf.sections() if name.startswith("program:")}


def modules() -> set[str]:
    """The processes that exist as `python -m ...`: packages with `__main__`, tools apart."""
    places = [PROJECT / "bus", PROJECT / "vppd_guard", *(PROJECT / "actors").iterdir()]
    processes = [place.relative_to(PROJECT) for place in places if (place / "__main__.py").exists()]
    return {".".join(path.parts) for path in processes}


def module_of(section: configparser.SectionProxy) -> str:
    """The module that a program's command runs."""
    words = shlex.split(section["command"])
    assert words[:2] == ["%(ENV_VPPD_PYTHON)s", "-m"], f"{section.name}: {words}"
    return words[2]


def test_the_programs_are_the_processes_that_exist() -> None:
    run_by_supervisord = {module_of(section) for name, section in programs().items() if name not in FOREIGN}
    assert run_by_supervisord == modules()
    names = {module.rpartition(".")[2].replace("_", "-").removeprefix("vppd-") for module in run_by_supervisord}
    assert set(programs()) - FOREIGN == names


def test_gobgpd_is_one_of_the_programs() -> None:
    assert set(programs()) >= FOREIGN


@pytest.mark.parametrize("name", sorted(programs()))
def test_a_program_is_always_started_again(name: str) -> None:
    section = programs()[name]
    assert section["autorestart"] == "true"
    assert int(section["startretries"]) >= RETRIES_FOR_EVER
    assert section.get("autostart", "true") == "true"


@pytest.mark.parametrize("name", sorted(programs()))
def test_a_program_logs_to_a_file_of_its_own_that_is_bounded(name: str) -> None:
    section = programs()[name]
    assert section["stdout_logfile"] == "%(ENV_VPPD_RUN)s/log/%(program_name)s.log"
    assert section["redirect_stderr"] == "true"
    assert section["stdout_logfile_maxbytes"].endswith("MB")


def test_the_guard_is_signalled_alone_so_that_vpp_outlives_it() -> None:
    guard = programs()["guard"]
    assert guard.get("stopasgroup", "false") == "false"
    assert guard.get("killasgroup", "false") == "false"


def test_a_lab_s_socket_paths_fit_into_unix_addresses() -> None:
    longest = "a" * 10
    assert NAME.fullmatch(longest)
    assert not NAME.fullmatch(longest + "a")
    run = LABS / longest / f"node{NODES_MAX}" / "run"
    for socket in ("bus/broker", "vpp/vpp-api.sock", "supervisor.sock.1234567", "gobgp.sock", "cni.sock"):
        assert len(os.fsencode(run / socket)) < UNIX_PATH_MAX
