"""Writes the info file (`VPPD_INFO_FILE`), by which scripts know of the uplinks."""

import asyncio
import socket

from bus import whole_files
from schemas.intents import interface_key, table_key
from schemas.statuses import Applied
from schemas.words import status_word
from vppd_guard.drivers.names import uplink_name
from vppd_guard.linux.captured import host_addresses, vpp_next_hop
from vppd_guard.report import info_file
from vppd_guard.report.info_file import InfoFileNetwork, UplinkInfo
from vppd_guard.states.context import GuardContext
from vppd_guard.states.holding import Holding
from vppd_guard.uplink.desired import tap_name
from vppd_guard.uplink.uplinks import DrivenUplink

_FIXED_TABLES = {"default": 0, "pods": 2}


async def write_starting(context: GuardContext) -> None:
    """VPP is about to start, or has ended."""
    await _write(context, info_file.info_json("starting"))


async def write_ready(context: GuardContext, holding: Holding) -> None:
    """VPP carries the uplinks."""
    networks = {
        uplink.target.spec.physicalNetworkName: InfoFileNetwork(
            vrf=_table(context, uplink.target.table), pod_vrf=_table(context, uplink.target.pods_table)
        )
        for uplink in holding.uplinks
    }
    uplinks = [_info(context, uplink, main=uplink is holding.uplinks[0]) for uplink in holding.uplinks]
    await _write(context, info_file.info_json("ready", uplinks, networks))


async def _write(context: GuardContext, content: bytes) -> None:
    path = context.config.info_file
    if path is None:
        return
    try:
        await asyncio.to_thread(info_file.write_info, path, content)
    except OSError as error:
        context.warn_once(f"VPPD_INFO_FILE: {whole_files.why_not(error)}")


def _info(context: GuardContext, uplink: DrivenUplink, *, main: bool) -> UplinkInfo:
    captured = uplink.captured
    return UplinkInfo(
        name=uplink.name,
        main=main,
        sw_if_index=_detail(context, interface_key(uplink_name(uplink.name)), "sw_if_index"),
        tap_sw_if_index=_detail(context, interface_key(tap_name(uplink.name)), "sw_if_index"),
        link_index=socket.if_nametoindex(uplink.name),
        mtu=uplink.target.mtu,
        physical_network=uplink.target.spec.physicalNetworkName,
        next_hop4=vpp_next_hop(captured, 4),
        next_hop6=vpp_next_hop(captured, 6),
        addresses=tuple(host_addresses(captured)),
    )


def _table(context: GuardContext, name: str) -> int:
    return _FIXED_TABLES[name] if name in _FIXED_TABLES else _detail(context, table_key(name, 4), "table_id")


def _detail(context: GuardContext, key: str, name: str) -> int:
    """VPP's number for an object of the guard's, from the writer's status; 0: unknown."""
    status = context.peer.rows(status_word("guard")).get(key)
    return int(status.details[name]) if isinstance(status, Applied) and name in status.details else 0
