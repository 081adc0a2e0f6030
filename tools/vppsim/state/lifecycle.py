"""Adding and deleting interfaces, admin and link state, with the routes, neighbours and events that depend on them."""

from dataclasses import replace

from tools.vppsim.fib.paths import FibPath
from tools.vppsim.fib.table import FibContribution
from tools.vppsim.retvals import INDEX_INVALID
from tools.vppsim.state import addressing
from tools.vppsim.state.interfaces import Interface
from tools.vppsim.state.state import VppState


def add(state: VppState, interface: Interface) -> Interface:
    """Give an interface its index."""
    state.interfaces.add(interface)
    state.invalidate_forwarding()
    return interface


def delete(state: VppState, interface: Interface) -> None:
    """Take an interface out of everything that mentions it, then away."""
    set_admin(state, interface, False)
    addressing.remove_all(state, interface)
    if interface.ip6_enable_count:
        interface.ip6_enable_count = 1
        addressing.disable_ip6(state, interface)
    state.neighbours.flush(interface.index, keep_static=False)
    _orphan_paths(state, interface.index)
    if interface.device is not None:
        interface.device.close()
    _forget_index(state, interface.index)
    state.interfaces.remove(interface.index)
    state.tables.collect()
    _announce(state, interface, deleted=True)


def set_admin(state: VppState, interface: Interface, up: bool) -> None:
    """Set the admin state, and with it routes of addresses and learnt neighbours; announce it."""
    if interface.admin_up == up:
        return
    interface.admin_up = up
    if interface.link_follows_admin:
        interface.link_up = up
    if not up:
        state.neighbours.flush(interface.index, keep_static=True)
    addressing.refresh_routes(state, interface)
    _announce(state, interface)


def set_link(state: VppState, interface: Interface, up: bool) -> None:
    """Set the state of the link behind an interface; announce it."""
    interface.link_up = up
    state.invalidate_forwarding()
    _announce(state, interface)


def _forget_index(state: VppState, index: int) -> None:
    """Drop all settings by sw_if_index: the next interface with this index starts without any."""
    state.device_records.pop(index, None)
    state.cnat.forget_interface(index)
    state.npol.forget_interface(index)
    state.punts.forget_interface(index)
    state.urpf.forget_interface(index)
    state.ttl_exempt = {pair for pair in state.ttl_exempt if index not in pair}
    for borrower in state.interfaces:
        if borrower.unnumbered == index:
            borrower.unnumbered = None


def _announce(state: VppState, interface: Interface, deleted: bool = False) -> None:
    flags = (1 if interface.admin_up else 0) | (2 if interface.link_up else 0)
    event = {"sw_if_index": interface.index, "flags": 0 if deleted else flags, "deleted": deleted}
    for client, pid in list(state.subscribers.items()):
        state.send_event(client, "sw_interface_event", {**event, "pid": pid})


def _orphan_paths(state: VppState, if_index: int) -> None:
    for table in state.tables.unicast.values():
        for entry in table.entries():
            for source, contribution in entry.sources.items():
                if any(path.if_index == if_index for path in contribution.paths):
                    paths = tuple(_orphaned(path, if_index) for path in contribution.paths)
                    entry.sources[source] = FibContribution(paths, contribution.flags)
    for multicast in state.tables.multicast.values():
        multicast.forget_interface(if_index)


def _orphaned(path: FibPath, if_index: int) -> FibPath:
    return replace(path, interface_deleted=True) if path.if_index == if_index != INDEX_INVALID else path
