"""Return values that are as good as 0, message by message, and why.

All others mean that VPP refused: the object is tried again with backoff, and its status says VPP's name of the value.
Refusals that may mean either are not here: `VppCall.confirm_on` names those, and reading VPP back decides.
"""

from collections.abc import Mapping
from typing import Any

from actors.vpp_writer.kinds.call import VppCall
from actors.vpp_writer.kinds.retvals import vpp_retvals_named

_Reasons = Mapping[str, str]  # name of a return value: why it is as good as 0

_NO_INTERFACE = {"INVALID_SW_IF_INDEX": "its interface has gone, and it with it"}
_NOT_THERE = {"NO_SUCH_ENTRY": "it is not there"}
_NO_TABLE = {"NO_SUCH_FIB": "its table has gone, and it with it"}
_NO_DEVICE = {
    "INVALID_SW_IF_INDEX": "the interface is not there",
    "NO_MATCHING_INTERFACE": "the interface is not there",
    "NO_SUCH_ENTRY": "the interface is not there",
}

_ADDING: Mapping[str, _Reasons] = {
    "sw_interface_ip6_enable_disable": {"VALUE_EXIST": "IPv6 is on already: an address has switched it on"},
    "sw_interface_set_mac_address": {"UNIMPLEMENTED": "the device keeps its own, which is the one that is asked for"},
}

_DELETING: Mapping[str, _Reasons] = {
    "add_del_ip_punt_redirect_v2": _NOT_THERE | _NO_TABLE | _NO_INTERFACE,
    "af_packet_delete": _NO_DEVICE
    | {"SYSCALL_ERROR_1": "the host's interface has gone", "INVALID_INTERFACE": "VPP does not carry it"},
    "af_xdp_delete": _NO_DEVICE | {"INVALID_INTERFACE": "no AF_XDP interface has that index"},
    "cli_inband": {"UNSPECIFIED": "so it says that the device to be detached is not attached"},
    "cnat_snat_policy_add_del_exclude_pfx": _NOT_THERE | {"FEATURE_DISABLED": "there is no source NAT, and no prefix"},
    "cnat_snat_policy_add_del_if": _NOT_THERE | {"FEATURE_DISABLED": "there is no source NAT, and no member"},
    "cnat_translation_del": _NOT_THERE,
    "delete_loopback": _NO_DEVICE,
    "dev_remove_port_if": {"DEVICE_UNKNOWN_INTERFACE": "no port of a device has that index"},
    "feature_gso_enable_disable": _NO_INTERFACE,
    "ip6nd_proxy_enable_disable": _NOT_THERE | _NO_TABLE | _NO_INTERFACE,
    "ip_mroute_add_del": _NOT_THERE | _NO_TABLE,
    "ip_neighbor_add_del": _NOT_THERE | _NO_INTERFACE,
    "ip_route_add_del": _NOT_THERE | _NO_TABLE,
    "npol_configure_policies": _NO_INTERFACE,
    "npol_ipset_delete": _NOT_THERE,
    "npol_policy_delete": _NOT_THERE,
    "npol_rule_delete": _NOT_THERE,
    "proxy_arp_add_del": _NOT_THERE | _NO_TABLE | _NO_INTERFACE,
    "proxy_arp_intfc_enable_disable": _NOT_THERE | _NO_TABLE | _NO_INTERFACE,
    "rdma_delete": _NO_DEVICE | {"INVALID_INTERFACE": "no RDMA interface has that index"},
    "set_punt": _NOT_THERE | _NO_TABLE | _NO_INTERFACE,
    "sw_interface_add_del_address": _NO_INTERFACE
    | {
        "ADDRESS_NOT_FOUND_FOR_INTERFACE": "it is not there",
        "ADDRESS_NOT_DELETABLE": "it is a link-local address, which goes with IPv6",
    },
    "sw_interface_ip6_enable_disable": _NOT_THERE
    | _NO_INTERFACE
    | {
        "VALUE_EXIST": "IPv6 is off already",
        "IP6_NOT_ENABLED": "IPv6 is off already",
        "ADDRESS_NOT_DELETABLE": "the link-local address goes with the interface",
    },
    "sw_interface_set_flags": _NO_INTERFACE,
    "sw_interface_set_table": _NO_INTERFACE,
    "sw_interface_set_unnumbered": _NO_INTERFACE,
    "tap_delete_v2": _NO_DEVICE,
    "urpf_update_v2": _NO_INTERFACE,
    "virtio_pci_delete": _NO_DEVICE,
    "vmxnet3_delete": _NO_DEVICE,
}


def accepted_vpp_retvals(message: str, add: bool) -> frozenset[int]:
    """The values as good as 0 for this message when it adds its object, or deletes it."""
    return vpp_retvals_named(*(_ADDING if add else _DELETING).get(message, ()))


def add_del_call(message: str, add: bool, fields: Mapping[str, Any], **further: Any) -> VppCall:
    """The call of this message that adds its object, or deletes it, with what it may return. `further`: for it."""
    return VppCall(message, fields, accepted_vpp_retvals(message, add), **further)
