"""NetworkManager: it leaves the host tap alone, and keeps the resolver's file while the uplink is away.

A snippet below /run, never the administrator's own file, whose `dns` has precedence (NetworkManager.conf(5):
/run/NetworkManager/conf.d is read before NetworkManager.conf).
"""

from collections.abc import Sequence

from vppd_guard.host_services.host import HostReader, shell_assignments
from vppd_guard.linux.captured import CapturedLink

NETWORK_MANAGER_SERVICE = "NetworkManager"
_PROGRAM, _SIGN = "NetworkManager", "/run/NetworkManager"
NETWORK_MANAGER_SNIPPET_PATH = "/run/NetworkManager/conf.d/90-vppd.conf"


def is_network_manager_running(host: HostReader) -> bool:
    """Does NetworkManager run where the uplink is?"""
    return host.runs(_PROGRAM, _SIGN)


def is_managed_by_network_manager(host: HostReader, name: str) -> bool:
    """Does it manage the link? Source: its state file /run/NetworkManager/devices/<index>."""
    return shell_assignments(host.read(f"/run/NetworkManager/devices/{host.index(name)}")).get("managed") == "true"


def network_manager_writes_resolv_conf(host: HostReader) -> bool:
    """Is /etc/resolv.conf a file of NetworkManager's? systemd-resolved's is a symbolic link."""
    path = host.path("/etc/resolv.conf")
    return not (path.is_symlink() and "systemd/resolve" in str(path.readlink()))


def network_manager_snippet(links: Sequence[CapturedLink], keep_resolver: bool) -> str:
    """Text of the snippet. `except:`, because the NIC has the tap's name when it comes back; a tap's type is "tun".

    `keep_resolver`: keeps the servers of an absent link in /etc/resolv.conf.
    """
    text = "# Placed by vppd while VPP has the uplinks; removed when Linux has them back.\n"
    for link in links:
        devices = f"interface-name:={link.name},except:type:ethernet,except:type:veth"
        text += f"[device-vppd-{link.name}]\nmatch-device={devices}\nmanaged=0\n\n"
    return text + ("[main]\ndns=none\n" if keep_resolver else "")
