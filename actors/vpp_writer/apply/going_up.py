"""Interfaces that go up at one moment: VPP forwards no packet between two commands of one cli_inband.

Were they set up one after another, a packet that comes in by the first would find the way out by the last not there.
"""

from collections.abc import Iterable

from actors.vpp_writer.vpp.client import VppApiClient


async def go_up_together(api: VppApiClient, numbers: Iterable[int]) -> bool:
    """Sets the interfaces of these sw_if_index up; False: VPP has refused one. Raises VppApiGone, NoVppAnswer."""
    names = {int(row.sw_if_index): str(row.interface_name) for row in await api.dump("sw_interface_dump")}
    commands = [f"set interface state {names[number]} up" for number in numbers if number in names]
    reply = await api.request("cli_inband", {"cmd": "".join(f"{command}\n" for command in commands)})
    return bool(reply.retval == 0)
