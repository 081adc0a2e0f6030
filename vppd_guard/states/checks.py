"""Edge: the single checks of a preflight. Each gives one finding; a failed one refuses the takeover in words.

Nothing here changes the host, but for a dry run of VPP without uplinks (`vpp/dry_run.py`), and a file in the state
directory that is written and removed.
"""

import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from bus import whole_files
from bus.peer import BusPeer
from bus.requester import BusAskFailed
from schemas.config import NodeConfig, UplinkSpec
from schemas.requests import PingRequest
from vppd_guard.drivers import links
from vppd_guard.drivers.driver import UplinkDriver
from vppd_guard.drivers.machine import HostMachine
from vppd_guard.linux import captured as shape
from vppd_guard.linux.captured import CannotCaptureLink, CapturedLink
from vppd_guard.report.findings import (
    FINDING_FAILED,
    FINDING_OK,
    FINDING_WARNING,
    PreflightFinding,
    preflight_finding_of,
)
from vppd_guard.vpp import conf_tree

_KERNEL_MIN = (5, 3)  # pidfd_open, by which VPP's end is noticed
_STATE_BYTES_MIN = 1 << 20
_TRIAL_BYTES = 4096
CAPABILITIES = {"NET_ADMIN": 12, "NET_RAW": 13, "SYS_ADMIN": 21}
_RAISES_LIMITS = {"SYS_RESOURCE": 24}
_LOCKS_LITTLE = ("af_packet", "af_xdp", "none")  # drivers whose devices do not reach into VPP's memory by themselves
_HUGE = {"2M": 2 << 20, "1G": 1 << 30}  # bytes, as startup.conf writes them
_MTU_MIN, _MTU_MIN_IP6, _MTU_MAX = 68, 1280, 9216
_DATA_SIZE_DEFAULT, _XDP_OVERHEAD = 2048, 270  # bytes; measured: docs/vppsim.md
# What the guard's own intents need of VPP, apart from its drivers; a test compares it with the writer's kinds.
REQUIRED_VPP_MESSAGES = (
    "tap_create_v3",
    "sw_interface_set_flags",
    "sw_interface_add_del_address",
    "sw_interface_set_table",
    "sw_interface_set_mtu",
    "sw_interface_tag_add_del",
    "sw_interface_ip6_enable_disable",
    "ip_table_add_del",
    "ip_route_add_del",
    "ip_mroute_add_del",
    "ip_neighbor_add_del",
    "ip_neighbor_config",
    "set_punt",
    "add_del_ip_punt_redirect_v2",
    "proxy_arp_add_del",
    "proxy_arp_intfc_enable_disable",
    "feature_cnat_enable_disable",
    "feature_gso_enable_disable",
    "feature_is_enabled",
    "ip6nd_proxy_enable_disable",
    "ip_table_allocate",
    "sw_interface_get_table",
    "sw_interface_ip6nd_ra_config",
    "sw_interface_set_rx_mode",
)


def preflight_host(config: NodeConfig, machine: HostMachine, status: str) -> Iterator[PreflightFinding]:
    """Kernel, capabilities and devices of this container. `status`: text of /proc/self/status. Blocking."""
    kernel = machine.kernel_version()
    version = ".".join(map(str, kernel)) or "unknown"
    needed = ".".join(map(str, _KERNEL_MIN))
    yield preflight_finding_of(
        "kernel", "" if not kernel or kernel >= _KERNEL_MIN else f"{version}: {needed} is needed", version
    )
    missing = missing_capabilities(status, CAPABILITIES)
    yield preflight_finding_of(
        "capabilities", f"missing: {', '.join(missing)}" if missing else "", "all that are needed"
    )
    tun = machine.path("/dev/net/tun").exists()
    yield preflight_finding_of(
        "tun", "" if tun else "/dev/net/tun: no such device: VPP cannot make taps", "/dev/net/tun"
    )
    vhost = machine.has_vhost_net()
    yield preflight_finding_of(
        "vhost-net", "" if vhost else "/dev/vhost-net: no such device: load vhost_net", "/dev/vhost-net"
    )
    yield preflight_finding_of("state", state_directory_problem(config.state / "guard"), str(config.state / "guard"))


def missing_capabilities(status: str, capabilities: Mapping[str, int]) -> list[str]:
    """The capabilities (name: bit) that CapEff lacks (capabilities(7), proc(5))."""
    match = re.search(r"^CapEff:\s*([0-9a-f]+)", status, re.MULTILINE)
    effective = int(match[1], 16) if match else 0
    return [name for name, bit in capabilities.items() if not effective >> bit & 1]


def preflight_locked_memory(machine: HostMachine, status: str, drivers: Sequence[UplinkDriver]) -> PreflightFinding:
    """Memory that VPP may lock: devices of its own write into memory that must stay in place (VFIO, verbs)."""
    limit = machine.locked_memory_max()
    if limit is None or not missing_capabilities(status, _RAISES_LIMITS):
        return PreflightFinding("locked-memory", FINDING_OK, "no limit")
    text = f"VPP may lock {limit >> 10} kB, and CAP_SYS_RESOURCE, which raises that, is missing"
    needing = sorted({each.name for each in drivers} - set(_LOCKS_LITTLE))
    return (
        PreflightFinding("locked-memory", FINDING_FAILED, f"{text}: {', '.join(needing)}")
        if needing
        else PreflightFinding("locked-memory", FINDING_WARNING, text)
    )


def state_directory_problem(directory: Path) -> str:
    """Why the undo journal cannot be written and synced in that directory; "": it can."""
    trial = directory / "preflight"
    try:
        whole_files.replace_file_whole(trial, bytes(_TRIAL_BYTES))
        whole_files.remove_file_synced(trial)
        free = shutil.disk_usage(directory).free
    except OSError as error:
        return f"{whole_files.file_error_words(error)}: nothing is taken that could not be undone"
    return "" if free >= _STATE_BYTES_MIN else f"{directory}: {free} bytes free: too few for the undo journal"


def preflight_hugepages(conf: str, machine: HostMachine) -> PreflightFinding:
    """Hugepages of the sizes that startup.conf asks for. Raises BadStartupTemplate."""
    words = [word.text for word in conf_tree.parse_startup_conf(conf, "startup.conf").words()]
    sizes = {size.upper() for name, size in pairwise(words) if name.endswith("page-size")}  # of buffers, heaps, memory
    free_pages = {pages.bytes_each: pages.free for pages in machine.hugepages()}
    lacking = sorted(size for size in sizes & _HUGE.keys() if not free_pages.get(_HUGE[size]))
    free = ", ".join(f"{number} free of {each >> 10} kB" for each, number in sorted(free_pages.items())) or "none"
    return preflight_finding_of(
        "hugepages", f"none free of {', '.join(lacking)}, which startup.conf asks for" if lacking else "", free
    )


def preflight_uplink(captured: CapturedLink, spec: UplinkSpec) -> PreflightFinding:
    """Can this link be given away, and given back as it was?"""
    check = f"uplink {captured.name}"
    if captured.kind == "tun":
        return PreflightFinding(check, FINDING_FAILED, "is a tap: another VPP holds it")
    if stays := links.why_link_immovable(captured.kind):
        return PreflightFinding(check, FINDING_FAILED, stays)
    if captured.master:
        return PreflightFinding(
            check, FINDING_FAILED, f"is a port of {captured.master}: what that does with it VPP cannot carry on"
        )
    try:
        shape.check_link_usable(captured, spec.ipFamilies)
    except CannotCaptureLink as error:
        return PreflightFinding(check, FINDING_FAILED, str(error).removeprefix(f"uplink {captured.name}: "))
    size = spec.mtu or captured.mtu
    low = _MTU_MIN_IP6 if any(":" in address for address in shape.link_host_addresses(captured)) else _MTU_MIN
    if not low <= size <= _MTU_MAX:
        return PreflightFinding(check, FINDING_FAILED, f"MTU {size} is outside {low} to {_MTU_MAX}")
    return PreflightFinding(check, FINDING_OK, ", ".join(shape.link_host_addresses(captured)))


def preflight_driver(
    captured: CapturedLink, chosen: UplinkDriver | None, passed_over: Mapping[str, str]
) -> PreflightFinding:
    """The driver, or why there is none."""
    check = f"driver {captured.name}"
    rejected = "; ".join(f"{name}: {why}" for name, why in passed_over.items())
    if chosen is None:
        return PreflightFinding(check, FINDING_FAILED, f"none can take it: {rejected}")
    return PreflightFinding(check, FINDING_OK, f"{chosen.name} ({rejected})" if rejected else chosen.name)


def preflight_buffers(conf: str, uplinks: Sequence[tuple[str, int]]) -> PreflightFinding:
    """Are VPP's buffers large enough for AF_XDP's frames? Larger frames would be lost silently.

    `uplinks`: (name, MTU) each. Raises BadStartupTemplate.
    """
    tree = conf_tree.parse_startup_conf(conf, "startup.conf")
    sizes = [word.text for block in tree.blocks("buffers") for word in block.values("data-size")]
    size = int(sizes[-1]) if sizes and sizes[-1].isdecimal() else _DATA_SIZE_DEFAULT
    small = [f"{name}: MTU {mtu} needs {mtu + _XDP_OVERHEAD}" for name, mtu in uplinks if mtu + _XDP_OVERHEAD > size]
    return preflight_finding_of(
        "buffers", f"startup.conf: buffers: default data-size {size}: {', '.join(small)}" if small else "", ""
    )


def preflight_vpp(messages: frozenset[str], drivers: Sequence[UplinkDriver]) -> PreflightFinding:
    """Does this VPP have all messages of its API that the uplinks need?"""
    needed = {*REQUIRED_VPP_MESSAGES, *(message for each in drivers for message in each.messages)}
    lacking = sorted(needed - messages)
    plugins = sorted({plugin for each in drivers for plugin in each.plugins})
    why = f"lacks {', '.join(lacking)}; are the plugins there ({', '.join(plugins) or 'none of a driver'}, cnat)?"
    return preflight_finding_of("vpp", why if lacking else "", f"{len(messages)} API messages")


async def preflight_writer(peer: BusPeer) -> PreflightFinding:
    """Do the bus and the writer answer?"""
    try:
        await peer.ask("vpp-writer", PingRequest(), timeout_s=1.0)
    except BusAskFailed as failed:
        return PreflightFinding("writer", FINDING_FAILED, failed.reason)
    return PreflightFinding("writer", FINDING_OK, "bus and writer answer")


def preflight_gateways(targets: Sequence[str], answered: Sequence[str]) -> PreflightFinding:
    """Which addresses must answer through VPP: silence of one that is silent in Linux too proves nothing."""
    silent = [address for address in targets if address not in answered]
    if not targets:
        return PreflightFinding(
            "gateway", FINDING_WARNING, "no gateway and no VPPD_PROBE_ADDRESSES: nothing shows whether VPP forwards"
        )
    if silent:
        text = f"no answer to pings in Linux either, so not asked of VPP: {', '.join(silent)}"
        return PreflightFinding("gateway", FINDING_WARNING, text if answered else f"{text}; set VPPD_PROBE_ADDRESSES")
    if all(shape.is_link_local_address(address) for address in answered):
        return PreflightFinding(
            "gateway",
            FINDING_WARNING,
            f"{', '.join(answered)}: link-local: is asked beside VPP, not through it; VPPD_PROBE_ADDRESSES beyond it "
            "would show whether VPP forwards",
        )
    return PreflightFinding("gateway", FINDING_OK, f"answers: {', '.join(answered)}")
