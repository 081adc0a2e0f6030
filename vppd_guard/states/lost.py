"""The action of LOST: waits for the devices of uplinks that are gone."""

import asyncio

from vppd_guard.linux.captured import CapturedLink
from vppd_guard.linux.moving import is_captured_link_here, is_captured_link_in_netns
from vppd_guard.states.context import GuardContext
from vppd_guard.undo.records import moved_links, uplinks_in_undo_records

_LOOK_EVERY_S = 0.5


async def run_guard_state(context: GuardContext) -> None:
    """Waits until the devices of all uplinks are there again, by their names or their MAC addresses.

    Here, or in VPP's namespace, from where a restore takes them home. Raises OSError.
    """
    records = context.journal.read()
    links, moved = [record.uplink for record in uplinks_in_undo_records(records)], moved_links(records)
    while True:
        if all([await asyncio.to_thread(_is_anywhere, link, moved.get(link.name, "")) for link in links]):
            return
        await asyncio.sleep(_LOOK_EVERY_S)


def _is_anywhere(link: CapturedLink, netns: str) -> bool:
    """Is the link here, or in the namespace into which it was moved ("": it was not)?"""
    return is_captured_link_here(link) or (bool(netns) and is_captured_link_in_netns(netns, link))
