"""Addresses of interfaces, borrowed addresses, static neighbours."""

from actors.vpp_writer.kinds.accepted_retvals import add_del
from actors.vpp_writer.kinds.call import RefusalCheck, VppCall
from actors.vpp_writer.kinds.checks import check_mac, interface_address, version_of_address
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import ADDRESS, BORROW, NEIGHBOUR, AddDelKind
from actors.vpp_writer.kinds.retvals import retvals_named
from schemas.intents import Address, Neighbour, Unnumbered, interface_key

_STATIC = 1  # ip_neighbor_flags
# Which of these VPP answers does not tell whether the address is this interface's or another's.
_IN_USE = retvals_named("DUPLICATE_IF_ADDRESS", "ADDRESS_IN_USE", "ADDRESS_FOUND_FOR_INTERFACE", "VALUE_EXIST")


class AddressKind(AddDelKind[Address]):
    """An address of an interface (sw_interface_add_del_address)."""

    intent = Address
    rank = ADDRESS
    messages = ("sw_interface_add_del_address",)

    def check(self, intent: Address) -> None:
        interface_address("address", intent.address)

    def needs(self, intent: Address) -> set[str]:
        up = {f"admin-up/{intent.interface}"} if intent.when_up else set()
        return {interface_key(intent.interface)} | up

    def after(self, intent: Address) -> set[str]:
        version = interface_address("address", intent.address).version
        return {f"interface-table/{intent.interface}/ip{version}"}

    def call(self, intent: Address, indices: VppIndices, add: bool) -> VppCall:
        address = interface_address("address", intent.address)
        number = indices.interface(intent.interface)
        on_it = {"sw_if_index": number, "is_ipv6": address.version == 6}
        return add_del(
            "sw_interface_add_del_address",
            add,
            {"sw_if_index": number, "is_add": add, "prefix": str(address)},
            confirm_on=_IN_USE if add else frozenset(),
            confirm=RefusalCheck("ip_address_dump", on_it, lambda row: str(row.prefix) == str(address)),
        )


class UnnumberedKind(AddDelKind[Unnumbered]):
    """Borrowing: the message's field names are the wrong way round, `sw_if_index` is the lender's."""

    intent = Unnumbered
    rank = BORROW
    messages = ("sw_interface_set_unnumbered",)

    def needs(self, intent: Unnumbered) -> set[str]:
        return {interface_key(intent.interface), interface_key(intent.lender)}

    def after(self, intent: Unnumbered) -> set[str]:
        pair = (intent.interface, intent.lender)
        return {f"interface-table/{name}/ip{version}" for name in pair for version in (4, 6)}

    def call(self, intent: Unnumbered, indices: VppIndices, add: bool) -> VppCall:
        fields = {
            "sw_if_index": indices.interface(intent.lender),
            "unnumbered_sw_if_index": indices.interface(intent.interface),
            "is_add": add,
        }
        return add_del("sw_interface_set_unnumbered", add, fields)


class NeighbourKind(AddDelKind[Neighbour]):
    """A static neighbour (ip_neighbor_add_del)."""

    intent = Neighbour
    rank = NEIGHBOUR
    messages = ("ip_neighbor_add_del",)

    def check(self, intent: Neighbour) -> None:
        version_of_address("address", intent.address)
        check_mac("mac", intent.mac)

    def needs(self, intent: Neighbour) -> set[str]:
        return {interface_key(intent.interface)}

    def after(self, intent: Neighbour) -> set[str]:
        version = version_of_address("address", intent.address)
        return {f"interface-table/{intent.interface}/ip{version}"}

    def call(self, intent: Neighbour, indices: VppIndices, add: bool) -> VppCall:
        neighbour = {
            "sw_if_index": indices.interface(intent.interface),
            "flags": _STATIC,
            "mac_address": intent.mac,
            "ip_address": intent.address,
        }
        return add_del("ip_neighbor_add_del", add, {"is_add": add, "neighbor": neighbour})
