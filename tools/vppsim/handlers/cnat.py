"""Services and source NAT.

A translation without paths ends this process as it ends VPP. Endpoints that are
interfaces, and SNAT addresses of another FIB than 0, are refused as unimplemented. Translations without the flag
NO_CLIENT, which VPP finds by routes, are like those with it.
"""

import os
import signal
from collections.abc import Iterator
from typing import Any

from tools.vppsim.api.client import ApiConnection
from tools.vppsim.cnat.sessions import IS_RETURN
from tools.vppsim.cnat.translations import CnatEndpoint, EndpointTuple
from tools.vppsim.fib.table import BITS
from tools.vppsim.handlers.convert import address, address_fields
from tools.vppsim.handlers.registry import Fields, call, dump
from tools.vppsim.packets.headers import family_of
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused
from tools.vppsim.vpp import Vpp


@call("feature_cnat_enable_disable")
def feature_cnat_enable_disable(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Enabling is counted: twice enabled, twice to be disabled."""
    vpp.cnat.enable(vpp.interfaces.find(message.sw_if_index).index, message.enable_disable)


@call("cnat_translation_update")
def cnat_translation_update(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    update = message.translation
    if not update.n_paths:
        vpp.log.error("deadly", message="cnat_translation_update", reason="n_paths 0 ends VPP")
        os.kill(os.getpid(), signal.SIGABRT)
    paths = [(EndpointTuple(_endpoint(p.dst_ep), _endpoint(p.src_ep)), int(p.flags)) for p in update.paths]
    mask = int(update.flow_hash_config)
    translation = vpp.cnat.translations.update(
        _endpoint(update.vip), int(update.ip_proto), paths, int(update.flags), int(update.lb_type), mask
    )
    return {"id": translation.index}


def _endpoint(message: Any) -> CnatEndpoint:
    if message.sw_if_index != INDEX_INVALID:
        raise VppRefused(VnetError.UNIMPLEMENTED, id=INDEX_INVALID)
    return CnatEndpoint(address(message.addr), message.port)


def _endpoint_fields(value: CnatEndpoint) -> Fields:
    fields = address_fields(value.address)
    return {"addr": fields, "sw_if_index": INDEX_INVALID, "if_af": fields["af"], "port": value.port}


@call("cnat_translation_del")
def cnat_translation_del(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    vpp.cnat.translations.delete(message.id)


@dump("cnat_translation_dump")
def cnat_translation_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    """VPP leaves is_real_ip, flags and hash at zero; flags of paths include VPP's internal ones."""
    for index, translation in sorted(vpp.cnat.translations.by_index.items()):
        paths = [
            {
                "dst_ep": _endpoint_fields(tracker.backend.destination),
                "src_ep": _endpoint_fields(tracker.backend.source),
                "flags": tracker.flags,
            }
            for tracker in translation.trackers
        ]
        fields = {"vip": _endpoint_fields(translation.vip), "id": index, "ip_proto": translation.protocol}
        yield {"translation": {**fields, "lb_type": translation.lb_type, "n_paths": len(paths), "paths": paths}}


@call("cnat_session_purge")
def cnat_session_purge(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    """Ends sessions and, against its name, translations."""
    vpp.cnat.purge()


@dump("cnat_session_dump")
def cnat_session_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    """Ports are dumped with their bytes swapped, as in VPP."""
    for (five, _), session, answers in vpp.cnat.sessions.entries():
        flow = five.flow()
        five_tuple = {
            "addr": [address_fields(flow.source), address_fields(flow.destination)],
            "port": [int.from_bytes(port, "little") for port in (five.source_port, five.destination_port)],
            "ip_proto": flow.protocol,
        }
        yield {"session": {"tuple": five_tuple, "ts_index": session.index, "flags": IS_RETURN if answers else 0}}


@call("cnat_set_snat_addresses")
def cnat_set_snat_addresses(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    _set_addresses(vpp, message, 0)


@call("cnat_set_snat_addresses_v2")
def cnat_set_snat_addresses_v2(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    if message.fwd_fib_index or message.ret_fib_index:
        raise VppRefused(VnetError.UNIMPLEMENTED)
    _set_addresses(vpp, message, int(message.flags))


def _set_addresses(vpp: Vpp, message: Any, flags: int) -> None:
    if message.sw_if_index != INDEX_INVALID:
        raise VppRefused(VnetError.UNIMPLEMENTED)
    vpp.cnat.snat.set_addresses(bytes(message.snat_ip4), bytes(message.snat_ip6), message.sw_if_index, flags)


@call("cnat_get_snat_addresses")
def cnat_get_snat_addresses(vpp: Vpp, message: Any, client: ApiConnection) -> Fields:
    try:
        return _address_fields(vpp)
    except VppRefused as refusal:
        raise VppRefused(refusal.error, sw_if_index=0) from None


def _address_fields(vpp: Vpp) -> Fields:
    settings = vpp.cnat.snat.current
    addresses = settings.addresses
    return {"snat_ip4": addresses[4], "snat_ip6": addresses[6], "sw_if_index": settings.interfaces[6]}


@dump("cnat_snat_addresses_dump")
def cnat_snat_addresses_dump(vpp: Vpp, message: Any, client: ApiConnection) -> Iterator[Fields]:
    settings = vpp.cnat.snat.settings
    if settings is not None and settings.listed:
        yield _address_fields(vpp)


@call("cnat_set_snat_policy")
def cnat_set_snat_policy(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    vpp.cnat.snat.set_policy(int(message.policy))


@call("cnat_snat_policy_add_del_if")
def cnat_snat_policy_add_del_if(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    interface = vpp.interfaces.find(message.sw_if_index)
    vpp.cnat.snat.set_interface(interface.index, int(message.table), bool(message.is_add))


@call("cnat_snat_policy_add_del_exclude_pfx")
def cnat_snat_policy_add_del_exclude_pfx(vpp: Vpp, message: Any, client: ApiConnection) -> None:
    prefix, length = address(message.prefix.address), message.prefix.len
    vpp.cnat.snat.set_excluded(prefix, min(length, BITS[family_of(prefix)]), bool(message.is_add))
