"""What the cases of all kinds are made of."""

from collections.abc import Callable
from typing import Any, NamedTuple

from schemas.intents import AdminUpIntent, Intent, LoopbackIntent
from tests.contract.machine import Vpp

MAC, OTHER_MAC = "02:00:00:00:00:0a", "02:00:00:00:00:0b"
LOOP = LoopbackIntent(name="loop/a", mac=MAC, tag="loop-a")
OTHER_LOOP = LoopbackIntent(name="loop/b", mac=OTHER_MAC, tag="loop-b")
UP = AdminUpIntent(interface="loop/a")
Reading = Callable[[Vpp], Any]


class Step(NamedTuple):
    """What is wanted of the kind at a time, and what VPP then shows."""

    intents: tuple[Intent, ...]
    reading: Any


Case = tuple[type[Intent], tuple[Intent, ...], Reading, tuple[Step, ...]]


def index(vpp: Vpp, tag: str = "loop-a") -> int:
    """VPP's number of the interface with that tag."""
    return int(vpp.interfaces()[tag].sw_if_index)
