"""Edge: tells scripts what they need to know of the uplinks, in the reference's info file (`VPPD_INFO_FILE`)."""

import asyncio
import socket

from schemas.intents import interface_key, table_key
from schemas.statuses import Applied
from schemas.words import status_word
from vppd_guard.drivers.names import uplink_name
from vppd_guard.linux import captured as shape
from vppd_guard.report import info_file
from vppd_guard.report.info_file import PhysicalNetwork, UplinkInfo
from vppd_guard.states.context import GuardContext
from vppd_guard.uplink.desired import tap_name
from vppd_guard.uplink.uplinks import DrivenUplink

FIXED = {"default": 0, "pods": 2}


async def starting(scene: GuardContext) -> None:
    """VPP is on its way, or has gone."""
    await _write(scene, info_file.info_json("starting"))


async def ready(scene: GuardContext) -> None:
    """VPP carries the uplinks."""
    networks = {
        each.target.spec.physicalNetworkName: PhysicalNetwork(
            vrf=_table(scene, each.target.table), pod_vrf=_table(scene, each.target.pods_table)
        )
        for each in scene.uplinks
    }
    await _write(scene, info_file.info_json("ready", [_info(scene, each) for each in scene.uplinks], networks))


async def _write(scene: GuardContext, content: bytes) -> None:
    path = scene.config.info_file
    if path is None:
        return
    try:
        await asyncio.to_thread(info_file.write_info, path, content)
    except OSError as error:
        scene.warn_once(f"VPPD_INFO_FILE: {path}: {error.strerror}")


def _info(scene: GuardContext, each: DrivenUplink) -> UplinkInfo:
    captured = each.captured
    return UplinkInfo(
        name=each.name,
        main=each is scene.uplinks[0],
        sw_if_index=_detail(scene, interface_key(uplink_name(each.name)), "sw_if_index"),
        tap_sw_if_index=_detail(scene, interface_key(tap_name(each.name)), "sw_if_index"),
        link_index=socket.if_nametoindex(each.name),
        mtu=each.target.mtu,
        physical_network=each.target.spec.physicalNetworkName,
        next_hop4=shape.vpp_next_hop(captured, 4),
        next_hop6=shape.vpp_next_hop(captured, 6),
        addresses=tuple(shape.host_addresses(captured)),
    )


def _table(scene: GuardContext, name: str) -> int:
    return FIXED[name] if name in FIXED else _detail(scene, table_key(name, 4), "table_id")


def _detail(scene: GuardContext, key: str, name: str) -> int:
    """What VPP calls an object of ours, as the writer has learnt it."""
    status = scene.peer.rows(status_word("guard")).get(key)
    return int(status.details[name]) if isinstance(status, Applied) and name in status.details else 0
