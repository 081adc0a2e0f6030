"""Features on the arcs of an interface.

VPP answers an error for "no such arc", "no such feature" and "no feature was ever on this arc of the interface", and
its API takes each of them for yes.
"""

from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.handlers.registry import Fields, call
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.urpf import UrpfMode
from tools.vppsim.vpp import Vpp

INPUT = {(f"ip{n}-unicast", f"cnat-{node}-ip{n}") for n in (4, 6) for node in ("lookup", "input")}
OUTPUT = {(f"ip{n}-output", f"cnat-{node}-ip{n}") for n in (4, 6) for node in ("output", "writeback")}
GSO = {(f"ip{n}-output", f"gso-ip{n}") for n in (4, 6)}
URPF = {
    (f"ip{n}-unicast", f"ip{n}-rx-urpf-{mode.name.lower()}"): (n, mode)
    for n in (4, 6)
    for mode in (UrpfMode.LOOSE, UrpfMode.STRICT)
}
NOT_ENABLED = {(f"ip{n}-unicast", f"ip{n}-not-enabled"): n for n in (4, 6)}


@call("feature_is_enabled")
def feature_is_enabled(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    interface = vpp.interfaces.find(message.sw_if_index)
    return {"is_enabled": _is_on(vpp, interface, (message.arc_name, message.feature_name))}


def _is_on(vpp: Vpp, interface: Interface, feature: tuple[str, str]) -> bool:
    if feature in NOT_ENABLED:
        return not interface.ip_enabled(NOT_ENABLED[feature])
    if feature in INPUT:
        return interface.index in vpp.cnat.features
    if feature in URPF:
        return vpp.urpf.is_on(URPF[feature], interface.index)
    if feature not in OUTPUT | GSO or _beyond(vpp, interface):
        return True
    return interface.gso_feature if feature in GSO else interface.index in vpp.cnat.features


def _beyond(vpp: Vpp, interface: Interface) -> bool:
    """Is the index above those of all interfaces that ever had a feature on the output arcs?"""
    has_gso = [each.index for each in vpp.interfaces if each.gso_feature]
    return interface.index > max([vpp.cnat.highest_if_index, *has_gso])
