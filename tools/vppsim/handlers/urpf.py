"""Unicast reverse path forwarding."""

from collections.abc import Iterator
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.handlers.convert import decode_family
from tools.vppsim.handlers.registry import Fields, call, dump
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.state.urpf import UrpfMode, UrpfRecord
from tools.vppsim.vpp import Vpp


@call("urpf_update_v2")
def urpf_update_v2(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Packets that leave are not looked at here: VPP's check of them is UNIMPLEMENTED."""
    interface = vpp.interfaces.find(message.sw_if_index)
    if int(message.mode) not in UrpfMode._value2member_map_:
        raise VppRefused(VnetError.INVALID_VALUE)
    family = decode_family(int(message.af))
    if not message.is_input:
        raise VppRefused(VnetError.UNIMPLEMENTED)
    is_custom = message.table_id != INDEX_INVALID
    if is_custom and (family, message.table_id) not in vpp.tables.unicast:
        raise VppRefused(VnetError.INVALID_VALUE)
    table_id = message.table_id if is_custom else interface.tables[family]
    vpp.urpf.update(family, interface.index, UrpfRecord(UrpfMode(int(message.mode)), table_id, is_custom))


@dump("urpf_interface_dump")
def urpf_interface_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    """Records of interfaces that are there; whether the feature is on does not show."""
    for (family, if_index), record in sorted(vpp.urpf.records.items(), key=lambda item: item[0][::-1]):
        is_asked = message.sw_if_index in (INDEX_INVALID, if_index) and vpp.interfaces.get(if_index) is not None
        if is_asked and (record.mode is not UrpfMode.OFF or record.custom):
            yield {
                "sw_if_index": if_index,
                "is_input": True,
                "mode": record.mode,
                "af": 0 if family == 4 else 1,
                "table_id": record.table_id,
            }
