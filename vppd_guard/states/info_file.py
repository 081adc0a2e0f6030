"""Writes the info file (`VPPD_INFO_FILE`), by which scripts know of the uplinks."""

import asyncio
import socket

from bus import whole_files
from schemas.intents import interface_intent_key, table_intent_key
from schemas.statuses import AppliedStatus
from schemas.words import intent_status_word
from vppd_guard.drivers.names import uplink_intent_name
from vppd_guard.linux.captured import host_next_hop_to_vpp, link_host_addresses
from vppd_guard.report import info_file
from vppd_guard.report.info_file import InfoFileNetwork, InfoFileUplink
from vppd_guard.states.context import GuardContext
from vppd_guard.states.holding import GuardHolding
from vppd_guard.uplink.desired import host_tap_name
from vppd_guard.uplink.uplinks import DrivenUplink

_FIXED_TABLES = {"default": 0, "pods": 2}


async def write_info_file_starting(context: GuardContext) -> None:
    """VPP is about to start, or has ended."""
    await _write(context, info_file.info_file_json("starting"))


async def write_info_file_ready(context: GuardContext, holding: GuardHolding) -> None:
    """VPP carries the uplinks."""
    networks = {
        uplink.target.spec.physicalNetworkName: InfoFileNetwork(
            vrf=_table(context, uplink.target.table), pod_vrf=_table(context, uplink.target.pods_table)
        )
        for uplink in holding.uplinks
    }
    uplinks = [_info(context, uplink, main=uplink is holding.uplinks[0]) for uplink in holding.uplinks]
    await _write(context, info_file.info_file_json("ready", uplinks, networks))


async def _write(context: GuardContext, content: bytes) -> None:
    path = context.config.info_file
    if path is None:
        return
    try:
        await asyncio.to_thread(info_file.write_info_file, path, content)
    except OSError as error:
        context.warn_once(f"VPPD_INFO_FILE: {whole_files.file_error_words(error)}")


def _info(context: GuardContext, uplink: DrivenUplink, *, main: bool) -> InfoFileUplink:
    captured = uplink.captured
    return InfoFileUplink(
        name=uplink.name,
        main=main,
        sw_if_index=_detail(context, interface_intent_key(uplink_intent_name(uplink.name)), "sw_if_index"),
        tap_sw_if_index=_detail(context, interface_intent_key(host_tap_name(uplink.name)), "sw_if_index"),
        link_index=socket.if_nametoindex(uplink.name),
        mtu=uplink.target.mtu,
        physical_network=uplink.target.spec.physicalNetworkName,
        next_hop4=host_next_hop_to_vpp(captured, 4),
        next_hop6=host_next_hop_to_vpp(captured, 6),
        addresses=tuple(link_host_addresses(captured)),
    )


def _table(context: GuardContext, name: str) -> int:
    return _FIXED_TABLES[name] if name in _FIXED_TABLES else _detail(context, table_intent_key(name, 4), "table_id")


def _detail(context: GuardContext, key: str, name: str) -> int:
    """VPP's number for an object of the guard's, from the writer's status; 0: unknown."""
    status = context.peer.rows(intent_status_word("guard")).get(key)
    return int(status.details[name]) if isinstance(status, AppliedStatus) and name in status.details else 0
