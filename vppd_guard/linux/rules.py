"""Policy rules that name the link. They outlive its absence, unless somebody removes them.

Source: linux/fib_rules.h.
"""

import errno
import struct
from collections.abc import Sequence

from vppd_guard.linux.attributes import (
    AF_INET,
    AF_INET6,
    netlink_number,
    netlink_text,
    pack_netlink_attributes,
    parse_netlink_attribute_list,
    parse_netlink_attributes,
)
from vppd_guard.linux.captured import LinuxRule
from vppd_guard.linux.netlink import NLM_F_CREATE, NLM_F_EXCL, NetlinkRequest, NetlinkSocket

_RTM_NEWRULE, _RTM_GETRULE = 32, 34
_FRA_IIFNAME, _FRA_PRIORITY, _FRA_OIFNAME, _FRA_PAD = 3, 6, 17, 18
_FIB_RULE_INVERT = 0x2  # the other flags say what became of the rule
_FAMILIES = (AF_INET, AF_INET6)
_HEAD = struct.Struct("=BBBBBxxBI")  # fib_rule_hdr: family, dst, src, tos, table, action, flags


def read_link_rules(netlink: NetlinkSocket, name: str) -> list[LinuxRule]:
    """Rules for packets into or out of the link, in the kernel's order."""
    return [
        rule
        for family in _FAMILIES
        for body in netlink.dump(_RTM_GETRULE, _HEAD.pack(family, 0, 0, 0, 0, 0, 0))
        if (rule := _decoded(body, name)) is not None
    ]


def _decoded(body: bytes, name: str) -> LinuxRule | None:
    attributes = parse_netlink_attributes(body[_HEAD.size :])
    if name not in (netlink_text(attributes.get(_FRA_IIFNAME, b"")), netlink_text(attributes.get(_FRA_OIFNAME, b""))):
        return None
    family, to, source, tos, table, action, flags = _HEAD.unpack_from(body)
    return LinuxRule(
        family=family,
        priority=netlink_number(attributes.get(_FRA_PRIORITY, b"")),
        header=_HEAD.pack(family, to, source, tos, table, action, flags & _FIB_RULE_INVERT),
        attributes=tuple(
            (kind, payload) for kind, payload in parse_netlink_attribute_list(body[_HEAD.size :]) if kind != _FRA_PAD
        ),
    )


def apply_link_rules(netlink: NetlinkSocket, rules: Sequence[LinuxRule]) -> list[str]:
    """Adds the rules that are missing. Returns what could not be done, in words."""
    requests = [
        NetlinkRequest(_RTM_NEWRULE, rule.header + pack_netlink_attributes(rule.attributes), NLM_F_CREATE | NLM_F_EXCL)
        for rule in rules
    ]
    errors = netlink.execute_all(requests)
    refused = [(r, e) for r, e in zip(rules, errors, strict=True) if e and e.errno != errno.EEXIST]
    return [f"rule {rule.priority}: {error.strerror}" for rule, error in refused]
