"""A pod that comes, goes and comes again in another namespace, while VPP refuses calls at random.

Whatever is called applied is so in VPP, on the interface that is there now; and in the end nothing is left behind.
"""

from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.vpp_writer.kinds.call import VppCallRetriedLater
from schemas.intents import AdminUpIntent, CnatFeatureIntent, Intent, MtuIntent, TapIntent
from tests.contract import worlds
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp
from tests.contract.test_restarts import vpp_state

NAMESPACES = 2
CALLS_OF_A_POD = 40
TRIES_MAX = 4
TUN = "pod/default/web-1/eth0/tun"


class Step(NamedTuple):
    """The pod comes into a namespace, or goes (None); VPP refuses calls of these numbers."""

    place: int | None
    refused: frozenset[int] = frozenset()
    waits: bool = True  # until what has failed is tried again


refusals = st.frozensets(st.integers(0, CALLS_OF_A_POD), max_size=4)
steps = st.lists(
    st.builds(Step, st.none() | st.integers(0, NAMESPACES - 1), refusals, st.booleans()), min_size=1, max_size=6
)


def pod(netns: str, life: int) -> list[Intent]:
    """All that a pod wants; the tag tells its lives apart, as the CNI server's do."""
    intents = [*worlds.pod(1, netns), CnatFeatureIntent(TUN)]
    return [_tagged(intent, f"tun-{life}") if isinstance(intent, TapIntent) else intent for intent in intents]


def _tagged(tap: TapIntent, tag: str) -> TapIntent:
    return TapIntent(name=tap.name, host_interface=tap.host_interface, netns=tap.netns, tag=tag, gso=tap.gso)


def refusing(writer: WriterLife, refused: frozenset[int]) -> Callable[[], None]:
    """VPP refuses the calls of these numbers. Returns what ends that.

    It deletes a loopback whose tag it has refused: nobody could know such a loopback afterwards.
    """
    api = writer.api
    assert api is not None
    post, numbers = api.post, count()

    refused_before = ""

    def post_or_refuse(message: str, fields: Any, take: Any) -> None:
        nonlocal refused_before
        before, refused_before = refused_before, ""
        if next(numbers) in refused and (before, message) != ("sw_interface_tag_add_del", "delete_loopback"):
            refused_before = message
            take(VppCallRetriedLater(f"{message}: UNSPECIFIED"))
        else:
            post(message, fields, take)

    def end() -> None:
        api.post = post  # type: ignore[method-assign]

    api.post = post_or_refuse  # type: ignore[method-assign]
    return end


def untrue(vpp: Vpp, writer: WriterLife, wanted: Sequence[Intent]) -> list[str]:
    """What is said to be applied, and is not."""
    unapplied = writer.unapplied(wanted, "cni")
    taps = {tag: row for tag, row in vpp.interfaces().items() if tag.startswith("tun-")}
    row = next(iter(taps.values()), None)
    lies = [f"{sorted(taps)}: more than one"] if len(taps) > 1 else []
    for intent in wanted:
        if intent.key in unapplied:
            continue
        match intent:
            case TapIntent(tag=tag) if tag not in taps:
                lies.append(f"{intent.key}: is that of another life")
            case CnatFeatureIntent() | AdminUpIntent() | MtuIntent() if row is None:
                lies.append(f"{intent.key}: there is no interface")
            case CnatFeatureIntent():
                names = {"arc_name": "ip4-unicast", "feature_name": "cnat-lookup-ip4"}
                if not vpp.ask("feature_is_enabled", sw_if_index=row.sw_if_index, **names).is_enabled:
                    lies.append(f"{intent.key}: is off")
            case AdminUpIntent() if not int(row.flags) & 1:
                lies.append(f"{intent.key}: is down")
            case MtuIntent(mtu=mtu) if row.mtu[0] != mtu:
                lies.append(f"{intent.key}: is {row.mtu[0]}")
    return lies


def try_again(writer: WriterLife) -> None:
    """All that has failed is due."""
    writer.objects.queue.add([*writer.objects.retries.keys])
    writer.objects.retries.clear()
    writer.turn()


class PodsLives:
    """What a pod goes through, each time from an empty VPP to an empty VPP."""

    def __init__(self, vpp: Vpp, writer: WriterLife, namespaces: Sequence[str]) -> None:
        self._vpp, self._writer, self._namespaces = vpp, writer, namespaces
        self._empty = vpp_state(vpp)
        self._lives = count()

    def go_through(self, steps: Sequence[Step]) -> None:
        """After each step what is called applied is so; in the end all is, and then nothing is left."""
        wanted: list[Intent] = []
        for step in steps:
            wanted = [] if step.place is None else pod(self._namespaces[step.place], next(self._lives))
            end = refusing(self._writer, step.refused)
            self._writer.want(*wanted, owner="cni")
            end()
            assert untrue(self._vpp, self._writer, wanted) == []
            if step.waits:
                try_again(self._writer)
                assert untrue(self._vpp, self._writer, wanted) == []
        for _ in range(TRIES_MAX):
            try_again(self._writer)
        assert not self._writer.objects.failing
        assert self._writer.unapplied(wanted, "cni") == {}
        assert untrue(self._vpp, self._writer, wanted) == []
        self._writer.want(owner="cni")
        assert vpp_state(self._vpp) == self._empty


@pytest.fixture
def lives(vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]) -> PodsLives:
    writer = life().want(*worlds.tables())
    return PodsLives(vpp, writer, [namespace(f"pod{number}").name for number in range(NAMESPACES)])


def test_each_call_of_a_move_to_another_namespace_may_be_refused(lives: PodsLives) -> None:
    for number in range(CALLS_OF_A_POD):
        lives.go_through([Step(0), Step(1, frozenset([number]))])


def test_each_call_of_a_withdrawal_may_be_refused_and_the_pod_come_again_at_once(lives: PodsLives) -> None:
    for number in range(CALLS_OF_A_POD):
        lives.go_through([Step(0), Step(None, frozenset([number]), waits=False), Step(1)])


def test_whatever_a_pod_goes_through_what_is_called_applied_is_so(lives: PodsLives) -> None:
    given(steps)(lives.go_through)()
