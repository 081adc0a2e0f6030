"""Up and down: a lab's networks, API server and nodes."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType

from bus.process_start import process_start_ticks
from tools.lab import kube, linux
from tools.lab.cluster import calico_node, initial_objects, networks, node_processes
from tools.lab.cluster.interruption import undisturbed
from tools.lab.state import LABS, Lab, MakerProcess, NoLab, load
from tools.lab.topology import API_PORT, LAN4, LAN6, check_name, lan_netns

API_WAIT_S_MAX = 20.0
STOP_S_MAX = 20.0
TOOLS = ("ip", "ping", "gobgpd", "gcc")
CALICO_VERSION = "v3.32.0"  # whose Felix the nodes' stand-ins speak as
Say = Callable[[str], None]


class CannotBuild(Exception):
    """The lab cannot be made; the text says why."""


def create_lab(
    name: str,
    nodes: int,
    vpp: str | None,
    say: Say,
    calico_version: str = CALICO_VERSION,
    settings: Mapping[str, str] = MappingProxyType({}),
    story: str = "",
) -> Lab:
    """Makes a lab; `settings` are variables that every node's processes get beside the lab's own.

    `story`: the command that uses the lab and takes it away, if it is made for one alone.

    Raises CannotBuild, linux.CommandFailed; whatever was made until then is removed.
    """
    check_name(name)
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        raise CannotBuild(
            f"a lab needs {', '.join(missing)}, which is not on the path; `make setup` installs all tools"
        )
    if (LABS / name).exists() or linux.namespaces(f"{name}-"):
        raise CannotBuild(_occupied(name))
    lab = Lab(
        maker=MakerProcess(os.getpid(), process_start_ticks(os.getpid()), story),
        name=name,
        nodes=nodes,
        vpp=vpp or _vppsim(),
        real_vpp=vpp is not None,
        calico_version=calico_version,
        settings=dict(settings),
    )
    if not os.access(lab.vpp, os.X_OK):
        raise CannotBuild(f"{lab.vpp}: not an executable")
    try:
        calico_node.build_driver()
    except calico_node.DriverNotBuilt as error:
        raise CannotBuild(str(error)) from None
    try:
        lab.save()
        networks.create(lab)
        say(f"lab {name}: {nodes} nodes on a bridge, {LAN4} and {LAN6}")
        _api_server(lab)
        say(f"Kubernetes API server at {lab.api_url}")
        for node in lab.all_nodes:
            node_processes.start(lab, node)
        say(f"supervisord in each node, VPP is {lab.vpp}")
    except BaseException:
        with undisturbed(say):
            remove_lab(name, say)
        raise
    return lab


def _occupied(name: str) -> str:
    """Why a lab of that name cannot be made: what is there, and what can be done."""
    with suppress(NoLab):
        maker = load(name).maker
        if maker and maker.story and process_start_ticks(maker.pid) == maker.start_ticks:
            return f"lab {name} is in use: {maker.story} runs (pid {maker.pid}); let it end, or choose another --name"
    return f"lab {name} is there already; use it, choose another --name, or `vppd lab down --name {name}` removes it"


def _vppsim() -> str:
    return str(Path(sys.executable).with_name("vppsim"))


def _api_server(lab: Lab) -> None:
    directory = lab.directory / "api"
    directory.mkdir()
    ready = directory / "ready"
    command = [sys.executable, "-m", "tools.lab.apiserver", "--state", str(directory / "state")]
    command += ["--listen", "127.0.0.1:0", "--ready-file", str(ready)]
    command += ["--listen-netns", f"{lan_netns(lab.name)}:{LAN4[1]}:{API_PORT}"]
    with (directory / "log").open("ab") as log:
        server = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
    deadline = time.monotonic() + API_WAIT_S_MAX
    while not ready.exists():
        if server.poll() is not None or time.monotonic() > deadline:
            raise CannotBuild(f"the API server does not start: {tail(directory / 'log')}")
        time.sleep(0.02)
    lab.api_url = ready.read_text().splitlines()[0]
    lab.save()
    for body in initial_objects.objects(lab.all_nodes):
        kube.create(lab, body)


def remove_lab(name: str, say: Say) -> None:
    """Removes everything of a lab, whatever state it is in. Raises NoLab if there is nothing of it."""
    check_name(name)
    spaces = linux.namespaces(f"{name}-")
    directory = LABS / name
    if not spaces and not directory.exists():
        raise NoLab(f"no lab {name}")
    supervisors = [pid for path in directory.glob("*/run/**/supervisord.pid") if (pid := _pid_in(path, spaces))]
    linux.end_processes(supervisors, STOP_S_MAX)
    linux.end_processes([pid for space in spaces for pid in linux.pids_in(space)], 1.0)
    linux.end_processes(list(linux.processes_of(directory)), 2.0)  # the API server, and what has left its namespace
    for space in linux.namespaces(f"{name}-"):
        linux.ip(f"netns del {space}")
    shutil.rmtree(directory, ignore_errors=True)
    if LABS.is_dir() and not any(LABS.iterdir()):
        LABS.rmdir()
    say(f"lab {name} is gone")


def _pid_in(path: Path, spaces: list[str]) -> int:
    """The pid in a pid file, if that process is in one of these namespaces; else 0."""
    try:
        pid = int(path.read_text())
    except (OSError, ValueError):
        return 0
    return pid if any(pid in linux.pids_in(space) for space in spaces) else 0


def tail(path: Path, lines: int = 5) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
