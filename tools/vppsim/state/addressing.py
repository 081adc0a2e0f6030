"""Interface addresses and the routes they bring (VPP: ip4_forward.c, ip6_forward.c).

The routes exist while the interface is up: the prefix itself (resolve any address in it), the own address
(for VPP itself), and for IPv4 the network's and the broadcast address (dropped).
"""

from collections.abc import Iterator

from tools.vppsim.fib.multicast import SPECIALS, MfibBranch, MfibItfFlag
from tools.vppsim.fib.paths import DROP, FibEntryFlag, FibPath, FibSource, PathType
from tools.vppsim.fib.table import BITS, masked
from tools.vppsim.packets.headers import eui64_link_local, is_link_local6
from tools.vppsim.retvals import VnetError, VppRefused
from tools.vppsim.state.interfaces import LOCAL0, Interface
from tools.vppsim.state.state import VppState

AddressRoute = tuple[bytes, int, FibPath, FibEntryFlag]


def routes_of(interface: Interface, family: int, address: bytes, length: int) -> Iterator[AddressRoute]:
    """(prefix, length, path, flags) of everything one address brings."""
    bits = BITS[family]
    local_path = FibPath(type=PathType.LOCAL, if_index=interface.index, next_hop=address, proto=family)
    yield address, bits, local_path, FibEntryFlag.CONNECTED | FibEntryFlag.LOCAL
    if length == bits:
        return
    yield (
        address,
        length,
        FibPath(if_index=interface.index, proto=family),
        FibEntryFlag.CONNECTED | FibEntryFlag.ATTACHED,
    )
    if family == 4 and length <= 30:
        broadcast = (int.from_bytes(address) | (1 << bits - length) - 1).to_bytes(4)
        yield from ((a, 32, DROP, FibEntryFlag.DROP) for a in (masked(address, length), broadcast) if a != address)
    elif family == 4:
        peer = (int.from_bytes(address) ^ 1).to_bytes(4)
        yield peer, 32, FibPath(if_index=interface.index, next_hop=peer), FibEntryFlag.ATTACHED


def refresh_routes(state: VppState, interface: Interface) -> None:
    """Make the tables agree with an interface's addresses, state and tables."""
    for family, table_id, address, length in interface.routes:
        table = state.tables.unicast.get((family, table_id))
        if table is not None:
            table.clear_source(address, length, FibSource.INTERFACE)
    interface.routes = list(_install(state, interface)) if interface.admin_up else []
    state.invalidate_forwarding()


def _install(state: VppState, interface: Interface) -> Iterator[tuple[int, int, bytes, int]]:
    for family, addresses in interface.addresses.items():
        table = state.tables.unicast[family, interface.tables[family]]
        for own_address, own_length in addresses:
            for address, length, path, flags in routes_of(interface, family, own_address, own_length):
                table.set_source(address, length, FibSource.INTERFACE, (path,), flags)
                yield family, table.table_id, address, length


def add(state: VppState, interface: Interface, family: int, address: bytes, length: int) -> None:
    """Add an address; raises VppRefused with VPP's reasons."""
    if interface.index == LOCAL0:
        raise VppRefused(VnetError.UNSUPPORTED)
    if family == 6 and is_link_local6(address):
        set_link_local(state, interface, address, length)
        return
    _refuse_overlap(state, interface, family, address, min(length, BITS[family]))
    if not 0 < length <= BITS[family]:
        raise VppRefused(VnetError.ADDRESS_LENGTH_MISMATCH)
    was_enabled = interface.ip_enabled(family)
    interface.addresses[family].append((address, length))
    if family == 6:
        enable_ip6(state, interface)
    elif not was_enabled:
        listen_to_groups(state, interface, 4, True)
    refresh_routes(state, interface)


def remove(state: VppState, interface: Interface, family: int, address: bytes, length: int) -> None:
    """Remove an address; raises VppRefused with VPP's reasons."""
    if family == 6 and is_link_local6(address):
        is_own = address == interface.link_local
        raise VppRefused(VnetError.ADDRESS_NOT_DELETABLE if is_own else VnetError.ADDRESS_NOT_FOUND_FOR_INTERFACE)
    if (address, length) not in interface.addresses[family]:
        raise VppRefused(VnetError.ADDRESS_NOT_FOUND_FOR_INTERFACE)
    interface.addresses[family].remove((address, length))
    if family == 6:
        disable_ip6(state, interface)
    elif not interface.ip_enabled(4):
        listen_to_groups(state, interface, 4, False)
    refresh_routes(state, interface)


def remove_all(state: VppState, interface: Interface) -> None:
    for family in (4, 6):
        for address, length in list(interface.addresses[family]):
            remove(state, interface, family, address, length)


def set_link_local(state: VppState, interface: Interface, address: bytes, length: int = 128) -> None:
    """Use `address` as the interface's link-local one; switches IPv6 on if it was off."""
    if length != BITS[6]:
        raise VppRefused(VnetError.ADDRESS_LENGTH_MISMATCH)
    interface.link_local = address
    if not interface.ip6_enable_count:
        enable_ip6(state, interface)
    state.invalidate_forwarding()


def enable_ip6(state: VppState, interface: Interface) -> bool:
    """Count one more reason for IPv6 on the interface. False: it was on already."""
    interface.ip6_enable_count += 1
    if interface.ip6_enable_count > 1:
        return False
    if not interface.link_local:
        random_id = state.random_bytes(8)
        random_address = b"\xfe\x80" + bytes(6) + bytes([random_id[0] & 0xFD]) + random_id[1:]
        interface.link_local = eui64_link_local(interface.mac) if interface.ethernet else random_address
    listen_to_groups(state, interface, 6, True)
    return True


def disable_ip6(state: VppState, interface: Interface) -> None:
    """Count one reason less; without any, IPv6 is off."""
    interface.ip6_enable_count -= 1
    if not interface.ip6_enable_count:
        interface.link_local = b""
        listen_to_groups(state, interface, 6, False)


def listen_to_groups(state: VppState, interface: Interface, family: int, on: bool) -> None:
    """Accept the groups every host listens to (all nodes, solicited nodes, ...) from the interface, or stop."""
    table = state.tables.multicast[family, interface.tables[family]]
    path = FibPath(if_index=interface.index, proto=family)
    for address, length in SPECIALS[family]:
        group = (address, length, bytes(len(address)))
        if on:
            table.add(group, FibSource.SPECIAL, [MfibBranch(path, MfibItfFlag.ACCEPT)])
        else:
            table.remove(group, FibSource.SPECIAL, [path])


def _refuse_overlap(state: VppState, interface: Interface, family: int, address: bytes, length: int) -> None:
    """No overlapping prefixes in one table, but several addresses of one prefix on one interface."""
    for configured in state.interfaces:
        if configured.tables[family] != interface.tables[family]:
            continue
        for used_address, used_length in configured.addresses[family]:
            shorter = min(length, used_length)
            sibling = configured is interface and used_length == length and used_address != address
            if masked(used_address, shorter) == masked(address, shorter) and not sibling:
                raise VppRefused(VnetError.ADDRESS_IN_USE if family == 4 else VnetError.DUPLICATE_IF_ADDRESS)
