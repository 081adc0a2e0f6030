"""A pod sends from what its table of sources holds, and from nothing else; both families, and after what may happen."""

from collections.abc import Callable

import pytest

from schemas.intents import AdminUpIntent, CnatFeatureIntent, Intent, RouteIntent, RoutePath, TableIntent, UrpfIntent
from schemas.statuses import PendingStatus
from tests.contract import worlds
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp
from tests.contract.steps import LOOP, index
from tests.contract.test_packets import attach
from tests.spoofing import heard_sources
from tests.waiting import until

TUN = "pod/default/web-1/eth0/tun"
OWN = {4: "10.1.0.1", 6: "fd00:1::1"}
TARGET = {4: "10.1.0.2", 6: "fd00:1::2"}
SPOOFED = {4: ("10.1.0.3", "192.0.2.1", "8.8.8.8"), 6: ("fd00:1::3", "2001:db8:2::1", "2001:db8:8::8")}
FURTHER = {4: "203.0.113.0/24", 6: "2001:db8:113::/64"}
FROM_FURTHER = {4: "203.0.113.9", 6: "2001:db8:113::9"}


def checked_pod(further: bool = False) -> list[Intent]:
    """What pod 1 may send from."""
    intents: list[Intent] = []
    for version, address in OWN.items():
        prefixes = [f"{address}/{32 if version == 4 else 128}", *([FURTHER[version]] if further else [])]
        intents += [
            TableIntent(name="sources", ip_version=version),
            UrpfIntent(interface=TUN, ip_version=version, table="sources"),
            *(RouteIntent(table="sources", prefix=prefix, paths=(RoutePath(interface=TUN),)) for prefix in prefixes),
        ]
    return intents


class TwoPods:
    """CniPod 1 sends, pod 2 says what it hears_fact."""

    def __init__(self, sender: Namespace, target: Namespace, writer: WriterLife) -> None:
        self.sender, self.target, self.writer = sender, target, writer
        self.intents = [*worlds.tables(), *worlds.pod(1, sender.name), *worlds.pod(2, target.name)]

    def want(self, *more: Intent) -> None:
        self.writer.want(*self.intents, *more)
        assert self.writer.unapplied([*self.intents, *more]) == {}

    def attach(self) -> None:
        attach(self.sender, 1)
        attach(self.target, 2)

    def heard(self, version: int) -> list[str]:
        """Sources of the packets that pod 2 got; the pod's own comes last and gets through."""
        until(lambda: self.sender.pings(TARGET[version]), "the pod's own packets pass")
        sources = (*SPOOFED[version], FROM_FURTHER[version], OWN[version])
        return heard_sources(self.sender.name, self.target.name, TARGET[version], sources)


@pytest.fixture
def pods(life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]) -> TwoPods:
    return TwoPods(namespace("sender"), namespace("target"), life())


@pytest.mark.parametrize("version", [4, 6])
def test_without_a_check_everything_passes_and_with_it_only_what_the_table_holds(pods: TwoPods, version: int) -> None:
    pods.want()
    pods.attach()
    assert pods.heard(version) == [*SPOOFED[version], FROM_FURTHER[version], OWN[version]]
    pods.want(*checked_pod())
    assert pods.heard(version) == [OWN[version]]
    pods.want(*checked_pod(further=True))
    assert pods.heard(version) == [FROM_FURTHER[version], OWN[version]]
    pods.want(*checked_pod())
    assert pods.heard(version) == [OWN[version]]


@pytest.mark.parametrize("version", [4, 6])
def test_a_family_whose_table_is_empty_sends_nothing(pods: TwoPods, version: int) -> None:
    pods.want()
    pods.attach()
    until(lambda: pods.sender.pings(TARGET[version]), "the pod's packets pass")
    empty = [i for i in checked_pod() if not isinstance(i, RouteIntent)]
    pods.want(*empty)
    assert not pods.sender.pings(TARGET[version])


def test_an_interface_that_takes_over_the_number_of_a_checked_one_is_checked(
    vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    """VPP keeps its record of a check beyond the interface, and would take the next one for checked already."""
    red = TableIntent(name="red", ip_version=4, table_id=77)
    # VPP tells whether a feature is on only of an interface that has some feature.
    intents = [
        LOOP,
        red,
        UrpfIntent(interface="loop/a", ip_version=4, table="red"),
        CnatFeatureIntent(interface="loop/a"),
    ]
    writer = life().want(*intents)
    assert is_checked(vpp)
    number = index(vpp)
    assert vpp.ask("delete_loopback", sw_if_index=number).retval == 0
    assert LOOP.key in writer.look()
    until(lambda: not writer.turn().unapplied(intents), "the loopback is there again")
    assert index(vpp) == number
    assert is_checked(vpp)
    writer.want(*intents[:2], intents[3])
    assert not is_checked(vpp)


def is_checked(vpp: Vpp) -> bool:
    """Is the check of IPv4 sources among the features of the loopback?"""
    feature = {"arc_name": "ip4-unicast", "feature_name": "ip4-rx-urpf-loose", "sw_if_index": index(vpp)}
    return bool(vpp.ask("feature_is_enabled", **feature).is_enabled)


def test_a_new_life_of_the_writer_writes_nothing_and_one_of_vpp_checks_again(
    pods: TwoPods, life: Callable[[], WriterLife], vpp: Vpp
) -> None:
    pods.want(*checked_pod())
    pods.attach()
    pods.writer.stop()
    pods.writer = life()
    pods.want(*checked_pod())
    assert pods.writer.writes == 0
    assert pods.heard(4) == [OWN[4]]
    vpp.kill()
    vpp.start()
    pods.writer.connect()
    pods.want(*checked_pod())
    assert pods.heard(6) == [OWN[6]]


def test_an_interface_stays_down_until_its_sources_are_checked(pods: TwoPods) -> None:
    up = AdminUpIntent(interface=TUN, when_checked=True)
    pods.intents = [
        up if isinstance(intent, AdminUpIntent) and intent.interface == TUN else intent for intent in pods.intents
    ]
    pods.writer.want(*pods.intents)
    status = pods.writer.status(up)
    assert isinstance(status, PendingStatus)
    assert status.needs == (f"urpf/{TUN}/ip4", f"urpf/{TUN}/ip6")
    pods.want(*checked_pod())
    pods.attach()
    assert pods.heard(4) == [OWN[4]]
