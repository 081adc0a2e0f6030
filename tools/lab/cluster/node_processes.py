"""Edge: a node's processes, under a supervisord with the real configuration, as a container would have them."""

import os
import subprocess
import sys
from pathlib import Path

from tools.lab import linux
from tools.lab.cluster import calico_node, initial_objects
from tools.lab.state import Lab
from tools.lab.topology import API_PORT, LAN4, SERVICES4, SERVICES6, LabNode

ENTRYPOINT = Path(__file__).resolve().parents[3] / "container" / "entrypoint"
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
statseg { socket-name __VPPD_RUN__/vpp/stats.sock update-interval 1 }
buffers { page-size 4K buffers-per-numa 65536 }
memory { main-heap-size 512M main-heap-page-size 4K }
cnat { session-max 1048576 session-max-age 120 session-cleanup-timeout 0.01 }
plugins {
  plugin default { disable }
  plugin af_packet_plugin.so { enable }
  plugin tap_plugin.so { enable }
  plugin ping_plugin.so { enable }
  plugin cnat_plugin.so { enable }
  plugin npol_plugin.so { enable }
  plugin urpf_plugin.so { enable }
}
"""


def start(lab: Lab, node: LabNode) -> None:
    """Starts the node's supervisord and its calico-node container."""
    run = lab.run(node)
    run.mkdir(mode=0o755, parents=True, exist_ok=True)
    kubeconfig = lab.directory / node.name / "kubeconfig"
    kubeconfig.write_text(initial_objects.kubeconfig(lab.name, f"http://{LAN4[1]}:{API_PORT}"))
    with (lab.directory / node.name / "supervisord.out").open("ab") as log:
        subprocess.Popen(
            linux.netns_command(node.netns, str(ENTRYPOINT)),
            env=environment(lab, node),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            cwd="/",
        )
    calico_node.start(lab, node, environment(lab, node))


def environment(lab: Lab, node: LabNode) -> dict[str, str]:
    """The variables of the node's processes."""
    run = lab.run(node)
    variables = {
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
        "VPPD_FELIX_SOCKET": str(calico_node.socket(run)),
        "VPPD_FELIX_PROXY": str(calico_node.DRIVER),
        "VPPD_FELIX_DRIVER": str(calico_node.driver_path(lab, node)),
    }
    if lab.real_vpp:
        variables["CALICOVPP_CONFIG_TEMPLATE"] = REAL_STARTUP_CONF
    for name in ("VPPD_VPP_PRELOAD", "CALICOVPP_LOG_LEVEL"):
        if os.environ.get(name):
            variables[name] = os.environ[name]
    return variables | lab.settings
