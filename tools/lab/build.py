"""Up and down: a lab's namespaces, API server, and a supervisord with the real configuration in each node."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from tools.lab import cluster, felixnode, host, kube
from tools.lab.plan import API_PORT, LAN4, LAN6, OUTSIDE6, SERVICES4, SERVICES6, Node, check_name, lan_netns
from tools.lab.state import LABS, Lab, NoLab

PROJECT = Path(__file__).resolve().parents[2]
ENTRYPOINT = PROJECT / "container" / "entrypoint"
PYTHON = sys.executable
API_WAIT_S_MAX = 20.0
STOP_S_MAX = 20.0
UPLINKS = '{"uplinkInterfaces": [{"interfaceName": "eth0", "isMain": true, "vppDriver": "af_packet"}]}'
# For real VPP on a machine without hugepages and with few cores.
REAL_STARTUP_CONF = """\
unix {
  nodaemon
  nosyslog
  cli-listen __VPPD_RUN__/vpp/cli.sock
  runtime-dir __VPPD_RUN__/vpp
  log __VPPD_RUN__/vpp/vpp-cli.log
  poll-sleep-usec 50
}
api-trace { on }
socksvr { socket-name __VPPD_RUN__/vpp/vpp-api.sock }
statseg { socket-name __VPPD_RUN__/vpp/stats.sock }
buffers { page-size 4K buffers-per-numa 16384 }
memory { main-heap-size 512M main-heap-page-size 4K }
cnat { session-max 1048576 session-max-age 120 session-cleanup-timeout 0.01 }
plugins {
  plugin default { disable }
  plugin af_packet_plugin.so { enable }
  plugin tap_plugin.so { enable }
  plugin ping_plugin.so { enable }
  plugin cnat_plugin.so { enable }
  plugin npol_plugin.so { enable }
}
"""
CALICO_VERSION = "v3.32.0"  # whose Felix the nodes' stand-ins speak as
Say = Callable[[str], None]


class CannotBuild(Exception):
    """The lab cannot be made; the text says why."""


def up(
    name: str,
    nodes: int,
    vpp: str | None,
    say: Say,
    calico_version: str = CALICO_VERSION,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> Lab:
    """Makes a lab; `settings` are variables that every node's processes get beside the lab's own.

    Raises CannotBuild, host.CommandFailed; what was made until then is taken away.
    """
    check_name(name)
    if (LABS / name).exists() or host.namespaces(f"{name}-"):
        raise CannotBuild(f"lab {name} is there already; `vppd lab down --name {name}` removes it")
    if os.geteuid():
        raise CannotBuild("a lab needs root: it makes network namespaces")
    lab = Lab(
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
        felixnode.build_driver()
    except felixnode.NoDriver as error:
        raise CannotBuild(str(error)) from None
    try:
        lab.save()
        _network(lab)
        say(f"lab {name}: {nodes} nodes on a bridge, {LAN4} and {LAN6}")
        _api_server(lab)
        say(f"Kubernetes API server at {lab.api_url}")
        for node in lab.all_nodes:
            start_node(lab, node)
        say(f"supervisord in each node, VPP is {lab.vpp}")
    except BaseException:
        down(name, say)
        raise
    return lab


def _vppsim() -> str:
    return str(Path(sys.executable).with_name("vppsim"))


def _network(lab: Lab) -> None:
    lan = lan_netns(lab.name)
    host.ip(f"netns add {lan}")
    host.ip("link set lo up", lan)
    host.ip("link add br0 type bridge", lan)
    host.ip(f"addr add {LAN4[1]}/{LAN4.prefixlen} dev br0", lan)
    host.ip(f"addr add {OUTSIDE6}/{LAN6.prefixlen} dev br0 nodad", lan)
    host.ip("link set br0 up", lan)
    for node in lab.all_nodes:
        _node_network(lan, node)


def _node_network(lan: str, node: Node) -> None:
    # VPP's namespace too: made inside the node it would be seen there alone, for a node has mounts of its own.
    for netns in (node.netns, node.vpp_netns):
        host.ip(f"netns add {netns}")
        host.ip("link set lo up", netns)
    host.ip(f"link add eth0 address {node.mac} type veth peer name {node.name} netns {lan}", node.netns)
    host.ip(f"link set {node.name} master br0 up", lan)
    host.ip(f"addr add {node.ip4}/{LAN4.prefixlen} dev eth0", node.netns)
    host.ip(f"addr add {node.ip6}/{LAN6.prefixlen} dev eth0 nodad", node.netns)
    host.ip("link set eth0 up", node.netns)
    host.ip(f"route add default via {LAN4[1]} dev eth0", node.netns)
    host.ip(f"-6 route add default via {OUTSIDE6} dev eth0", node.netns)


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
    for body in cluster.objects(lab):
        kube.create(lab, body)


def start_node(lab: Lab, node: Node) -> None:
    """The node's supervisord, with what a container would be given."""
    run = lab.run(node)
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    kubeconfig = lab.directory / node.name / "kubeconfig"
    kubeconfig.write_text(cluster.kubeconfig(lab.name, f"http://{LAN4[1]}:{API_PORT}"))
    with (lab.directory / node.name / "supervisord.out").open("ab") as log:
        subprocess.Popen(
            host.inside(node.netns, str(ENTRYPOINT)),
            env=environment(lab, node),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    felixnode.start(lab, node, environment(lab, node))


def environment(lab: Lab, node: Node) -> dict[str, str]:
    """What the node's processes are told."""
    run = lab.run(node)
    told = {
        "PATH": os.environ.get("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"),
        "NODENAME": node.name,
        "VPPD_RUN": str(run),
        "VPPD_STATE": str(lab.directory / node.name / "state"),
        "VPPD_PYTHON": sys.executable,
        "VPPD_VPP_BIN": lab.vpp,
        "VPPD_VPP_NETNS": node.vpp_netns,
        "VPPD_HOST_NETNS": f"/var/run/netns/{node.netns}",
        "VPPD_CNI_SOCKET": str(run / "cni.sock"),
        "KUBECONFIG": str(lab.directory / node.name / "kubeconfig"),
        "CALICOVPP_INTERFACES": UPLINKS,
        # A lab's nodes are namespaces of a machine whose own network software is none of their business; and the
        # machine may lack /dev/vhost-net, which vppsim does without.
        "CALICOVPP_ENABLE_NETWORK_MANAGER_HOOK": "false",
        "VPPD_PREFLIGHT_WAIVE": "vhost-net",
        "SERVICE_PREFIX": f"{SERVICES4},{SERVICES6}",
        "VPPD_POLICY": "felix",
        "VPPD_FELIX_SOCKET": str(felixnode.socket(run)),
        "VPPD_FELIX_PROXY": str(felixnode.DRIVER),
        "VPPD_FELIX_DRIVER": str(felixnode.installed(lab, node)),
    }
    if lab.real_vpp:
        told["CALICOVPP_CONFIG_TEMPLATE"] = REAL_STARTUP_CONF
    for name in ("VPPD_VPP_PRELOAD", "CALICOVPP_LOG_LEVEL"):
        if os.environ.get(name):
            told[name] = os.environ[name]
    return told | lab.settings


def down(name: str, say: Say) -> None:
    """Takes everything of a lab away, whatever state it is in. Raises NoLab if there is nothing of it."""
    check_name(name)
    spaces = host.namespaces(f"{name}-")
    directory = LABS / name
    if not spaces and not directory.exists():
        raise NoLab(f"no lab {name}")
    supervisors = [pid for path in directory.glob("*/run/**/supervisord.pid") if (pid := _pid_in(path, spaces))]
    host.end(supervisors, STOP_S_MAX)
    host.end([pid for space in spaces for pid in host.pids_in(space)], 1.0)
    host.end(list(host.told_of(directory)), 2.0)  # the API server, and what has left its namespace
    for space in host.namespaces(f"{name}-"):
        host.ip(f"netns del {space}")
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
    return pid if any(pid in host.pids_in(space) for space in spaces) else 0


def tail(path: Path, lines: int = 5) -> str:
    """The last lines of a log."""
    try:
        return "\n".join(path.read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return "(no log)"
