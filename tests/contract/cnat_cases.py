"""Cases of translation and source NAT (VPP: cnat plugin)."""

import re
from typing import Any

from schemas.cnat import (
    CnatFeatureIntent,
    SnatAddressesIntent,
    SnatExclusionIntent,
    SnatMemberIntent,
    TranslationBackend,
    TranslationIntent,
)
from tests.contract.machine import Vpp
from tests.contract.steps import LOOP, OTHER_LOOP, Case, Step, index

INDEX_INVALID = 0xFFFFFFFF
ADDRESSES = SnatAddressesIntent("192.0.2.7", "2001:db8::7")
FIRST_BACKEND, SECOND_BACKEND, IPV6_BACKEND = (
    TranslationBackend("10.0.0.4", 8080),
    TranslationBackend("10.0.0.5", 0),
    TranslationBackend("fd00::4", 53, source="2001:db8::7"),
)


def translations(vpp: Vpp) -> dict[tuple[str, int, int], Any]:
    """By (address, port, protocol): balancer and paths, whose internal flags are left out."""
    rows = [row.translation for row in vpp.ask("cnat_translation_dump")]
    return {
        (str(row.vip.addr), row.vip.port, int(row.ip_proto)): (
            int(row.lb_type),
            {(str(p.dst_ep.addr), p.dst_ep.port, str(p.src_ep.addr), int(p.flags) & 2) for p in row.paths},
        )
        for row in rows
    }


def addresses(vpp: Vpp) -> list[tuple[str, str]]:
    """The addresses of source NAT."""
    return [(str(row.snat_ip4), str(row.snat_ip6)) for row in vpp.ask("cnat_snat_addresses_dump")]


def prefixes(vpp: Vpp) -> set[str]:
    return set(re.findall(r"[0-9a-f:.]+/\d+", vpp.show("cnat snat-policy")))


def members(vpp: Vpp) -> list[tuple[str, ...]]:
    """The tags of the interfaces of each table: included v4, included v6, pod, host; without the writer's own."""
    tables = re.findall(r"interfaces:((?:\s+\S+\b(?! \w* ?interfaces))*)", vpp.show("cnat snat-policy"))
    tags = {row.interface_name: row.tag for row in vpp.ask("sw_interface_dump")}
    tagged_tables = [[tags.get(name, "") for name in table.split()] for table in tables]
    return [tuple(tag for tag in table if tag.startswith("loop-")) for table in tagged_tables]


def has_feature(vpp: Vpp) -> tuple[bool, ...]:
    pairs = (("ip4-unicast", "cnat-lookup-ip4"), ("ip6-unicast", "cnat-input-ip6"))
    number = index(vpp)
    return tuple(
        bool(vpp.ask("feature_is_enabled", arc_name=arc, feature_name=name, sw_if_index=number).is_enabled)
        for arc, name in pairs
    )


def cnat_state(vpp: Vpp) -> Any:
    """All that must not be left behind."""
    return translations(vpp), prefixes(vpp), [names for names in members(vpp) if names]


def service(*backends: TranslationBackend, vip: str = "10.96.0.10", **more: Any) -> TranslationIntent:
    return TranslationIntent(vip=vip, port=53, protocol=17, backends=backends, **more)


KEY, KEY6 = ("10.96.0.10", 53, 17), ("fd00:96::a", 53, 17)
FIRST, SECOND, THIRD = ("10.0.0.4", 8080, "::", 0), ("10.0.0.5", 0, "::", 0), ("fd00::4", 53, "2001:db8::7", 0)
CASES: dict[str, Case] = {
    "cnat on an interface": (
        CnatFeatureIntent,
        (LOOP,),
        has_feature,
        (Step((), (False,) * 2), Step((CnatFeatureIntent("loop/a"),), (True,) * 2), Step((), (False,) * 2)),
    ),
    "addresses of source NAT": (
        SnatAddressesIntent,
        (),
        addresses,
        (
            Step((), []),
            Step((SnatAddressesIntent("192.0.2.7"),), [("192.0.2.7", "::")]),
            Step((ADDRESSES,), [("192.0.2.7", "2001:db8::7")]),
            Step((SnatAddressesIntent("192.0.2.8", "2001:db8::7"),), [("192.0.2.8", "2001:db8::7")]),
            Step((), [("192.0.2.8", "2001:db8::7")]),  # they stay
            Step((SnatAddressesIntent("192.0.2.9", "2001:db8::9"),), [("192.0.2.9", "2001:db8::9")]),
        ),
    ),
    "prefixes without source NAT": (
        SnatExclusionIntent,
        (ADDRESSES,),
        prefixes,
        (
            Step((), set()),
            Step((SnatExclusionIntent("10.0.0.0/16"), SnatExclusionIntent("fd00::/48")), {"10.0.0.0/16", "fd00::/48"}),
            Step((SnatExclusionIntent("10.0.0.0/16"),), {"10.0.0.0/16"}),
        ),
    ),
    "interfaces in source NAT": (
        SnatMemberIntent,
        (ADDRESSES, LOOP, OTHER_LOOP),
        members,
        (
            Step((), [(), (), (), ()]),
            Step(
                (SnatMemberIntent("loop/a", "pod"), SnatMemberIntent("loop/b", "host")),
                [(), (), ("loop-a",), ("loop-b",)],
            ),
            Step(
                (SnatMemberIntent("loop/a", "pod"), SnatMemberIntent("loop/a", "include-v4")),
                [("loop-a",), (), ("loop-a",), ()],
            ),
            Step((SnatMemberIntent("loop/b", "include-v6"),), [(), ("loop-b",), (), ()]),
        ),
    ),
    "prefixes without source NAT, when the last pod leaves": (
        SnatExclusionIntent,
        (ADDRESSES, LOOP),
        lambda vpp: (prefixes(vpp), members(vpp)[0]),
        (
            Step(
                (SnatExclusionIntent("10.0.0.0/16"), SnatMemberIntent("loop/a", "include-v4")),
                ({"10.0.0.0/16"}, ("loop-a",)),
            ),
            Step((SnatExclusionIntent("10.0.0.0/16"),), ({"10.0.0.0/16"}, ())),
            Step(
                (SnatExclusionIntent("10.0.0.0/16"), SnatMemberIntent("loop/a", "include-v4")),
                ({"10.0.0.0/16"}, ("loop-a",)),
            ),
        ),
    ),
    "translations": (
        TranslationIntent,
        (),
        translations,
        (
            Step((), {}),
            Step((service(FIRST_BACKEND),), {KEY: (0, {FIRST})}),
            Step((service(FIRST_BACKEND, SECOND_BACKEND),), {KEY: (0, {FIRST, SECOND})}),
            Step((service(SECOND_BACKEND),), {KEY: (0, {SECOND})}),
            Step((service(SECOND_BACKEND, load_balancer="maglev", hash_bits=1),), {KEY: (1, {SECOND})}),
            Step(
                (service(FIRST_BACKEND), service(IPV6_BACKEND, vip="fd00:96::a")),
                {KEY: (0, {FIRST}), KEY6: (0, {THIRD})},
            ),
            Step((service(TranslationBackend("10.0.0.4", 8080, no_nat=True)),), {KEY: (0, {(*FIRST[:3], 2)})}),
        ),
    ),
}
