"""Addresses of interfaces, borrowed addresses, static neighbours."""

from actors.vpp_writer.kinds.accepted_retvals import add_del_call
from actors.vpp_writer.kinds.call import VppCall, VppRefusalCheck
from actors.vpp_writer.kinds.checks import check_intent_mac, checked_address_version, checked_interface_address
from actors.vpp_writer.kinds.indices import VppIndices
from actors.vpp_writer.kinds.kind import (
    RANK_ADDRESS,
    RANK_NEIGHBOUR,
    RANK_UNNUMBERED,
    AddDelKind,
    ObjectDetails,
    VppCallSequence,
)
from actors.vpp_writer.kinds.retvals import vpp_retvals_named
from schemas.intents import AddressIntent, NeighbourIntent, UnnumberedIntent, admin_up_intent_key, interface_intent_key
from schemas.npol import interface_policies_intent_key

_STATIC = 1  # ip_neighbor_flags
# Which of these VPP answers does not tell whether the address is this interface's or another's.
_IN_USE = vpp_retvals_named("DUPLICATE_IF_ADDRESS", "ADDRESS_IN_USE", "ADDRESS_FOUND_FOR_INTERFACE", "VALUE_EXIST")


class AddressKind(AddDelKind[AddressIntent]):
    """An address of an interface (sw_interface_add_del_address)."""

    intent = AddressIntent
    rank = RANK_ADDRESS
    messages = ("sw_interface_add_del_address",)

    def check(self, intent: AddressIntent) -> None:
        checked_interface_address("address", intent.address)

    def needs(self, intent: AddressIntent) -> set[str]:
        up = {admin_up_intent_key(intent.interface)} if intent.when_up else set()
        return {interface_intent_key(intent.interface)} | up

    def after(self, intent: AddressIntent) -> set[str]:
        version = checked_interface_address("address", intent.address).version
        return {f"interface-table/{intent.interface}/ip{version}"}

    def can_update(self, old: AddressIntent, new: AddressIntent) -> bool:
        return True

    def update(
        self, old: AddressIntent, new: AddressIntent, indices: VppIndices, details: ObjectDetails
    ) -> VppCallSequence:
        yield from ()  # they differ in what they wait for
        return None

    def call(self, intent: AddressIntent, indices: VppIndices, add: bool) -> VppCall:
        address = checked_interface_address("address", intent.address)
        number = indices.interface(intent.interface)
        on_it = {"sw_if_index": number, "is_ipv6": address.version == 6}
        return add_del_call(
            "sw_interface_add_del_address",
            add,
            {"sw_if_index": number, "is_add": add, "prefix": str(address)},
            confirm_on=_IN_USE if add else frozenset(),
            confirm=VppRefusalCheck("ip_address_dump", on_it, lambda row: str(row.prefix) == str(address)),
        )


class UnnumberedKind(AddDelKind[UnnumberedIntent]):
    """Borrowing: the message's field names are the wrong way round, `sw_if_index` is the lender's."""

    intent = UnnumberedIntent
    rank = RANK_UNNUMBERED
    messages = ("sw_interface_set_unnumbered",)

    def needs(self, intent: UnnumberedIntent) -> set[str]:
        policed = {interface_policies_intent_key(intent.interface)} if intent.when_policed else set()
        return {interface_intent_key(intent.interface), interface_intent_key(intent.lender)} | policed

    def after(self, intent: UnnumberedIntent) -> set[str]:
        pair = (intent.interface, intent.lender)
        return {f"interface-table/{name}/ip{version}" for name in pair for version in (4, 6)}

    def can_update(self, old: UnnumberedIntent, new: UnnumberedIntent) -> bool:
        return old.lender == new.lender

    def update(
        self, old: UnnumberedIntent, new: UnnumberedIntent, indices: VppIndices, details: ObjectDetails
    ) -> VppCallSequence:
        yield from ()  # they differ in what they wait for
        return None

    def call(self, intent: UnnumberedIntent, indices: VppIndices, add: bool) -> VppCall:
        fields = {
            "sw_if_index": indices.interface(intent.lender),
            "unnumbered_sw_if_index": indices.interface(intent.interface),
            "is_add": add,
        }
        return add_del_call("sw_interface_set_unnumbered", add, fields)


class NeighbourKind(AddDelKind[NeighbourIntent]):
    """A static neighbour (ip_neighbor_add_del)."""

    intent = NeighbourIntent
    rank = RANK_NEIGHBOUR
    messages = ("ip_neighbor_add_del",)

    def check(self, intent: NeighbourIntent) -> None:
        checked_address_version("address", intent.address)
        check_intent_mac("mac", intent.mac)

    def needs(self, intent: NeighbourIntent) -> set[str]:
        return {interface_intent_key(intent.interface)}

    def after(self, intent: NeighbourIntent) -> set[str]:
        version = checked_address_version("address", intent.address)
        return {f"interface-table/{intent.interface}/ip{version}"}

    def call(self, intent: NeighbourIntent, indices: VppIndices, add: bool) -> VppCall:
        neighbour = {
            "sw_if_index": indices.interface(intent.interface),
            "flags": _STATIC,
            "mac_address": intent.mac,
            "ip_address": intent.address,
        }
        return add_del_call("ip_neighbor_add_del", add, {"is_add": add, "neighbor": neighbour})
