"""Taps: what of one can be changed while it is held."""

from msgspec.structs import replace

from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.interfaces import TapKind
from schemas.intents import TapIntent

TAP = TapIntent(name="host/eth0", host_interface="eth0", netns="pid:1", tag="host-eth0", tun=False, mtu=1500)


def test_another_mtu_leaves_a_tap_where_it_is() -> None:
    """VPP gives Linux's side its MTU once; to make the tap anew would take the host off the network."""
    kind, lower = TapKind(), replace(TAP, mtu=1400)
    assert kind.can_update(TAP, lower)
    assert list(kind.update(TAP, lower, VppIndices({}), {"sw_if_index": 7})) == []
    assert not kind.can_update(TAP, replace(lower, netns="pid:2"))
