"""Edge: asks gateways of the uplinks on the wire, past VPP, from the namespace that VPP runs in."""

import asyncio
import time
from collections.abc import Collection
from functools import partial

from bus.shortage import raise_shortage
from vppd_guard.linux import namespaces
from vppd_guard.linux.captured import link_default_gateway, uplink_wire_source
from vppd_guard.probes import arp_nd
from vppd_guard.uplink.uplinks import DrivenUplink

_WIRE_ANSWER_S_MAX = 0.6


async def uplink_gateways_answer(vpp_netns: str, uplink: DrivenUplink, addresses: Collection[str]) -> bool | None:
    """Does one of the uplink's gateways, if it is among `addresses`, tell its MAC? None: none can be asked.

    Raises OSError: the guard cannot ask just now, for want of descriptors or memory.
    """
    return await asyncio.to_thread(_gateways_answer, vpp_netns, uplink, addresses)


def _gateways_answer(vpp_netns: str, uplink: DrivenUplink, addresses: Collection[str]) -> bool | None:
    if not uplink.driver.linux_hears_wire:
        return None
    captured = uplink.captured
    for version in (4, 6):
        gateway, source = link_default_gateway(captured, version), uplink_wire_source(captured, version)
        if gateway in addresses and gateway and source:
            ask = partial(
                arp_nd.gateway_answers_arp_or_nd, captured.name, captured.mac, source, gateway, _WIRE_ANSWER_S_MAX
            )
            try:
                return namespaces.run_inside_netns(vpp_netns, ask)
            except OSError as error:
                raise_shortage(error)
                return None
    return None


async def silent_uplink_gateways(vpp_netns: str, uplink: DrivenUplink, within_s: float) -> list[str]:
    """Link-local gateways that answered in Linux and, within that time, do not on the wire. Unknown: no silence."""
    deadline = time.monotonic() + within_s
    while await uplink_gateways_answer(vpp_netns, uplink, uplink.answered_beside_vpp) is False:
        if time.monotonic() >= deadline:
            return list(uplink.answered_beside_vpp)
    return []
