"""Which flows get a new source, which port, and what the API's calls do to the settings."""

from collections.abc import Callable

import pytest

from tests.unit.vppsim.bench import packed
from tools.vppsim.cnat.five_tuple import FiveTuple
from tools.vppsim.cnat.ports import FIRST, LAST, PortPool
from tools.vppsim.cnat.snat import HOST, INCLUDE_V4, INCLUDE_V6, POD, USE_AS_DEFAULT, Snat, SnatPolicy
from tools.vppsim.packets.headers import ICMP, TCP, UDP
from tools.vppsim.retvals import INDEX_INVALID, VnetError, VppRefused

MASQUERADED, PLAIN, UPLINK, HOST_TAP = 1, 2, 3, 4
NODE = {4: "10.0.2.1", 6: "fd02::1"}


def flow(source: str, to: str) -> FiveTuple:
    return FiveTuple(packed(source) + packed(to) + b"\x03\xe8\0\x50", TCP)


def kubernetes() -> Snat:
    snat = Snat()
    snat.set_addresses(packed(NODE[4]), packed(NODE[6]), INDEX_INVALID, USE_AS_DEFAULT)
    snat.set_policy(SnatPolicy.K8S)
    for prefix, length in (("10.0.0.0", 8), ("fd00::", 8)):
        snat.set_excluded(packed(prefix), length, True)
    for table, members in (
        (INCLUDE_V4, [MASQUERADED]),
        (INCLUDE_V6, [MASQUERADED]),
        (POD, [MASQUERADED, PLAIN, HOST_TAP]),
        (HOST, [HOST_TAP]),
    ):
        for member in members:
            snat.set_interface(member, table, True)
    return snat


@pytest.mark.parametrize(
    ("source", "to", "rx", "tx", "translated"),
    [
        # 1. towards the host: never
        ("10.0.0.9", "99.0.0.1", MASQUERADED, HOST_TAP, False),
        ("99.0.0.1", "10.0.2.1", UPLINK, HOST_TAP, False),
        # 2. a masqueraded pod: unless the destination is excluded
        ("10.0.0.9", "99.0.0.1", MASQUERADED, UPLINK, True),
        ("10.0.0.9", "99.0.0.1", MASQUERADED, PLAIN, True),
        ("10.0.0.9", "10.7.0.1", MASQUERADED, UPLINK, False),
        ("fd00::9", "2001::1", MASQUERADED, UPLINK, True),
        ("fd00::9", "fd07::1", MASQUERADED, UPLINK, False),
        ("10.0.1.9", "99.0.0.1", PLAIN, UPLINK, False),
        # 3. from outside to outside, unless it is the node itself that speaks
        ("88.0.0.1", "10.7.0.1", UPLINK, UPLINK, True),
        ("2001::1", "fd07::8", UPLINK, UPLINK, True),
        (NODE[4], "10.7.0.1", UPLINK, UPLINK, False),
        (NODE[6], "fd07::8", UPLINK, UPLINK, False),
        # 4. to oneself; else no
        ("10.0.0.9", "10.0.0.9", MASQUERADED, MASQUERADED, True),
        ("fd00::9", "fd00::9", PLAIN, PLAIN, True),
        ("88.0.0.1", "10.0.0.9", UPLINK, MASQUERADED, False),
        ("10.0.1.9", "10.0.0.9", PLAIN, MASQUERADED, False),
        # VPP compares the last four bytes of IPv6 addresses
        ("2001::9", "fd00::9", UPLINK, PLAIN, True),
    ],
)
def test_kubernetes_policy_decides_row_by_row(source: str, to: str, rx: int, tx: int, translated: bool) -> None:
    settings = kubernetes().settings_for(4 if "." in source else 6, 0)
    assert settings
    assert settings.translates(flow(source, to), rx, tx) is translated


@pytest.mark.parametrize(
    ("policy", "rx", "to", "translated"),
    [
        (SnatPolicy.NONE, PLAIN, "10.0.0.1", True),
        (SnatPolicy.IF_PFX, MASQUERADED, "99.0.0.1", True),
        (SnatPolicy.IF_PFX, MASQUERADED, "10.0.0.1", False),
        (SnatPolicy.IF_PFX, UPLINK, "99.0.0.1", False),
    ],
)
def test_the_other_policies(policy: SnatPolicy, rx: int, to: str, translated: bool) -> None:
    snat = kubernetes()
    snat.set_policy(policy)
    assert snat.current.translates(flow("10.0.0.9", to), rx, UPLINK) is translated


def test_before_the_addresses_everything_else_is_refused() -> None:
    snat = Snat()
    calls: list[Callable[[], None]] = [
        lambda: snat.set_policy(SnatPolicy.K8S),
        lambda: snat.set_excluded(bytes(4), 8, True),
        lambda: snat.set_interface(1, POD, False),
        lambda: snat.set_addresses(bytes(4), bytes(16), INDEX_INVALID, USE_AS_DEFAULT),
    ]
    for call in calls:
        with pytest.raises(VppRefused) as refusal:
            call()
        assert refusal.value.error == VnetError.FEATURE_DISABLED


def test_unknown_tables_and_policies_are_invalid() -> None:
    snat = kubernetes()
    calls: list[Callable[[], None]] = [lambda: snat.set_policy(5), lambda: snat.set_interface(1, 4, True)]
    for call in calls:
        with pytest.raises(VppRefused) as refusal:
            call()
        assert refusal.value.error == VnetError.INVALID_VALUE


def test_a_prefix_added_twice_is_gone_when_deleted_once() -> None:
    snat = kubernetes()
    snat.set_excluded(packed("99.0.0.0"), 8, True)
    snat.set_excluded(packed("99.0.0.0"), 8, True)
    snat.set_excluded(packed("99.0.0.0"), 8, False)
    assert (packed("99.0.0.0"), 8) not in snat.current.excluded


def test_prefixes_are_forgotten_when_the_last_interface_leaves_include_v4() -> None:
    snat = kubernetes()
    snat.set_interface(MASQUERADED, INCLUDE_V4, False)
    assert not snat.current.translates(flow("fd00::9", "2001::1"), MASQUERADED, UPLINK)
    snat.set_interface(MASQUERADED, INCLUDE_V4, True)
    assert not snat.current.excluded
    assert snat.current.translates(flow("10.0.0.9", "10.7.0.1"), MASQUERADED, UPLINK)


def test_a_family_without_address_keeps_the_other_ones_settings() -> None:
    snat = Snat()
    snat.set_addresses(packed(NODE[4]), bytes(16), INDEX_INVALID, USE_AS_DEFAULT)
    snat.set_addresses(bytes(4), packed(NODE[6]), INDEX_INVALID, 0)
    assert snat.current.addresses == {4: packed(NODE[4]), 6: packed(NODE[6])}
    assert snat.settings_for(6, 7) is snat.settings_for(4, 0)


def test_without_use_as_default_other_tables_have_no_source_nat() -> None:
    snat = Snat()
    snat.set_addresses(packed(NODE[4]), bytes(16), INDEX_INVALID, 0)
    assert snat.settings_for(4, 0)
    assert snat.settings_for(4, 7) is snat.settings_for(6, 0) is None


def test_deleted_settings_go_on_without_ports() -> None:
    snat = kubernetes()
    snat.set_addresses(bytes(4), bytes(16), INDEX_INVALID, 0)
    assert not snat.current.listed
    assert snat.current.ports is None
    assert snat.current.addresses[4] == packed(NODE[4])


def test_ports_rise_from_49152_for_each_protocol_until_none_is_left() -> None:
    ports = PortPool()
    numbers = [ports.take(UDP) for _ in range(LAST - FIRST + 1)]
    assert numbers == list(range(FIRST, LAST + 1))
    assert len(numbers) == 16383
    assert ports.take(UDP) is None
    assert ports.take(ICMP) == FIRST
    assert ports.take(132) is None


def test_a_port_given_back_is_not_given_out_again_but_another_is_as_in_vpp() -> None:
    ports = PortPool()
    for _ in range(LAST - FIRST + 1):
        ports.take(TCP)
    ports.free(TCP, 0xC001)
    assert ports.take(TCP) is None
    ports.free(TCP, 0xC1C2)
    assert ports.take(TCP) == 0xC2C1
    assert ports.in_use(TCP) == 16383
