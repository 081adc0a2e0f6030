"""While VPP goes from one state to the next, each interface has the old one or the new one, nothing between.

VPP takes policies first and then what holds on interfaces.
"""

from hypothesis import given
from hypothesis import strategies as st

from actors.policy import desired
from schemas.intents import Intent
from schemas.npol import InterfacePoliciesIntent
from tests.unit.policy.meaning import worlds
from tests.unit.policy.meaning.npol import Npol
from tests.unit.policy.meaning.worlds import POLICIES, Dice

INTERFACES = ("tun-web", "tap-eth0", "uplink-eth0")


@given(st.integers(0, 2**32))
def test_while_a_policy_changes_each_interface_has_the_old_or_the_new(seed: int) -> None:
    dice = Dice(seed)
    snapshot = dice.snapshot()
    world = worlds.world(snapshot)
    before = {each.key: each for each in desired.enforced_policies(world).intents()}
    if dice.random.random() < 0.8:
        snapshot.policies[dice.one_of(POLICIES)] = dice.policy()
    else:
        snapshot.profiles[dice.one_of(("open", "shut"))] = dice.policy()
    after = {each.key: each for each in desired.enforced_policies(world).intents()}
    old, between, new = (Npol(told.values()) for told in (before, policies_first(before, after), after))
    for flow in dice.flows():
        for interface in INTERFACES:
            for way in ("rx", "tx"):
                allowed = between.allows(interface, flow, way)
                assert allowed in (old.allows(interface, flow, way), new.allows(interface, flow, way))


def policies_first(before: dict[str, Intent], after: dict[str, Intent]) -> dict[str, Intent]:
    """The new sets and policies are there, the interfaces are as before."""
    attached = {key: each for key, each in before.items() if isinstance(each, InterfacePoliciesIntent)}
    return {**before, **after, **attached}
