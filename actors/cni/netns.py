"""Edge: the pod's side of its tun: addresses, routes, sysctls, in its own namespace. Blocking.

Routes go by a link-local next hop, as Calico's users know them; on a tun it is never resolved. Everything is
idempotent: what is right already stays, what is wrong is replaced.
"""

import asyncio
import ctypes
import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pyroute2 import IPRoute, NetlinkError

from actors.cni.pods import CniPod

_NEXT_HOP = {4: "169.254.1.1", 6: "fe80::1"}
_FAMILY = {4: 2, 6: 10}
_CLONE_NEWNET = 0x40000000
_RTNH_F_ONLINK = 4
_IFA_F_NODAD = 0x02  # usable at once: nobody else has the pod's address

# A namespace belongs to a thread: this one enters them, and is used for nothing else.
_THREAD = ThreadPoolExecutor(max_workers=1, thread_name_prefix="netns")
_libc = ctypes.CDLL(None, use_errno=True)


class NoPodNamespace(Exception):
    """There is no namespace at the pod's path; the text names the path."""


def is_network_namespace(path: str) -> bool:
    """Is there a namespace at that path?"""
    with suppress(OSError):
        return os.stat(path).st_dev == os.stat("/proc/self/ns/net").st_dev
    return False


def is_netns_path_absent(path: str) -> bool:
    """Is there nothing at that path? A plain file is something: its mount may not have reached us."""
    return not os.path.lexists(path)


def has_netns_vanished(path: str) -> bool:
    """Has the namespace that was at that path gone, while others of its place may live?

    Where the whole directory is missing, it is rather not mounted here, and nothing follows for any pod. In /proc a
    directory goes with its process.
    """
    return is_netns_path_absent(path) and (path.startswith("/proc/") or os.path.isdir(os.path.dirname(path)))


def configure_pod_side(pod: CniPod) -> None:
    """Gives the pod's device its addresses, routes and sysctls. Runs in `_THREAD`. Raises NoPodNamespace, OSError."""
    try:
        pod_namespace = os.open(pod.netns, os.O_RDONLY)
    except OSError as error:
        raise NoPodNamespace(f"netns {pod.netns}: {error.strerror}") from None
    own_namespace = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        _enter(pod_namespace)
        try:
            _configure_device(pod)
        except NetlinkError as error:  # no subclass of OSError
            raise OSError(f"netns {pod.netns}: {pod.interface}: {error}") from None
        finally:
            _enter(own_namespace)
    finally:
        os.close(pod_namespace)
        os.close(own_namespace)


async def configure_pod_in_thread(pod: CniPod) -> None:
    """Does `configure_pod_side` without holding up the loop. Raises NoPodNamespace, OSError."""
    await asyncio.get_running_loop().run_in_executor(_THREAD, configure_pod_side, pod)


def _enter(handle: int) -> None:
    if _libc.setns(handle, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


def _configure_device(pod: CniPod) -> None:
    if 6 in pod.versions():
        for scope in ("all", "default", "lo", pod.interface):
            _sysctl(f"net/ipv6/conf/{scope}/disable_ipv6", "0")
    with IPRoute() as ip:
        indices = ip.link_lookup(ifname=pod.interface)
        if not indices:
            raise OSError(f"netns {pod.netns}: no device {pod.interface}")
        ip.link("set", index=indices[0], state="up")
        _configure_addresses(ip, indices[0], pod)
        _configure_routes(ip, indices[0], pod)
    forwarding = "1" if pod.forwarding else "0"
    if 4 in pod.versions():
        _sysctl("net/ipv4/ip_forward", forwarding)
    if 6 in pod.versions():
        _sysctl("net/ipv6/conf/all/forwarding", forwarding)


def _configure_addresses(ip: Any, index: int, pod: CniPod) -> None:
    for address in pod.addresses:
        network = ip_network(address)
        fields = {
            "index": index,
            "address": address,
            "prefixlen": network.prefixlen,
            "family": _FAMILY[network.version],
        }
        if network.version == 6:
            fields["flags"] = _IFA_F_NODAD
        for wrong in ip.get_addr(index=index, family=fields["family"], address=address):
            if wrong["prefixlen"] != network.prefixlen:
                ip.addr("del", index=index, address=address, prefixlen=wrong["prefixlen"], family=fields["family"])
        ip.addr("replace", **fields)


def _configure_routes(ip: Any, index: int, pod: CniPod) -> None:
    for prefix in pod.routes:
        version = ip_network(prefix).version
        if version in pod.versions():
            ip.route(
                "replace",
                family=_FAMILY[version],
                dst=prefix,
                gateway=_NEXT_HOP[version],
                oif=index,
                flags=_RTNH_F_ONLINK,
            )


def _sysctl(name: str, value: str) -> None:
    """`/proc/sys/net` shows the namespace of the thread that opens it."""
    with suppress(FileNotFoundError):
        path = Path("/proc/thread-self") / "root" / "proc" / "sys" / name
        path.write_text(value)
