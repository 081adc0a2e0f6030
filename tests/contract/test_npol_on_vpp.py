"""What npol says of packets and of calls, on whatever VPP runs: the same as the model of it and as the stand-in."""

import re
from collections.abc import Callable
from ipaddress import ip_address, ip_interface
from typing import Any

import pytest

from actors.policy import desired
from schemas.cnat import CnatFeatureIntent
from schemas.intents import Intent, LoopbackIntent
from tests.contract.living import WriterLife
from tests.contract.machine import Vpp
from tests.contract.steps import index
from tests.unit.policy.meaning import test_meaning, worlds
from tests.unit.policy.meaning.reference import Flow
from tests.unit.policy.meaning.worlds import Dice

INTERFACES = ("tun-web", "tun-other", "tap-eth0", "uplink-eth0")
HELD_ON: tuple[Intent, ...] = tuple(
    intent
    for number, name in enumerate(INTERFACES, 1)
    for intent in (LoopbackIntent(name, f"02:00:00:00:00:0{number}", name), CnatFeatureIntent(name))
)
PROTOCOLS = {1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6", 132: "sctp"}
SEEDS, FLOWS = 25, 20
HOST_BITS, NO_ENTRY, NO_INTERFACE, NO_POLICY = -88, -6, -2, 1  # what VPP returns
ABSENT = 999
IP, NET = 0, 2  # npol_ipset_type


def question(vpp: Vpp, where: str, flow: Flow) -> str:
    """VPP's own question about a flow; `where`: interface and, for a pod's, whose side it is seen from."""
    interface, direction = where.split()
    received = (direction == "ingress") == (interface == "uplink-eth0")
    words = [f"sw_if_index {index(vpp, interface)}", "ip6" if ":" in flow.source else "ip4"]
    words += ["inbound" if received else "outbound", PROTOCOLS[flow.protocol]]
    return f"npol match {' '.join(words)} {flow.source};{flow.sport}->{flow.destination};{flow.dport}"


def test_verdicts_are_the_model_s_for_random_policies_and_flows(vpp: Vpp, life: Callable[[], WriterLife]) -> None:
    writer = life().want(*HELD_ON)
    questions, differ = 0, []
    for seed in range(SEEDS):
        dice = Dice(seed)
        snapshot = dice.snapshot()
        found = desired.enforced_policies(worlds.world(snapshot))
        intents = found.intents()
        writer.want(*intents, owner="policy")
        assert writer.unapplied(intents, "policy") == {}
        for flow in (dice.flow() for _ in range(FLOWS)):
            for where, _calico, expected in test_meaning.verdicts(snapshot, found, flow):
                answer = str(vpp.ask("cli_inband", cmd=question(vpp, where, flow)).reply)
                action = re.search(r"action:(\w+)", answer)
                questions += 1
                if action is None or (action[1] == "ALLOW") != expected:
                    differ.append((seed, where, flow, expected, answer))
    assert differ == []
    assert questions == SEEDS * FLOWS * len(INTERFACES) * 2


def member(address: str) -> dict[str, Any]:
    return {"val": {"address": ip_address(address)}}


def net(prefix: str) -> dict[str, Any]:
    """A prefix as it is written, its host bits kept."""
    found = ip_interface(prefix)
    return {"val": {"prefix": {"address": found.ip, "len": found.network.prefixlen}}}


def members(vpp: Vpp, number: int, *listed: dict[str, Any], is_add: bool = True) -> int:
    fields = {"set_id": number, "is_add": is_add, "len": len(listed), "members": list(listed)}
    return int(vpp.ask("npol_ipset_add_del_members", **fields).retval)


def configure(vpp: Vpp, interface: int, *policies: int) -> int:
    fields = {"num_rx_policies": 0, "num_tx_policies": len(policies), "total_ids": len(policies)}
    fields |= {"policy_ids": list(policies), "sw_if_index": interface, "invert_rx_tx": 0}
    defaults = {f"{what}_default_{way}": 0 for what in ("policy", "profile") for way in ("rx", "tx")}
    return int(vpp.ask("npol_configure_policies", **fields, **defaults).retval)


def test_a_set_takes_the_members_before_a_wrong_one(vpp: Vpp) -> None:
    number = int(vpp.ask("npol_ipset_create", type=NET).set_id)
    assert members(vpp, number, net("10.0.0.0/24"), net("10.1.0.1/24"), net("10.2.0.0/24")) == HOST_BITS
    assert "10.0.0.0/24" in vpp.show("npol ipsets")
    assert "10.2.0.0/24" not in vpp.show("npol ipsets")


@pytest.mark.parametrize("delete", ["ipset_delete set_id", "rule_delete rule_id", "policy_delete policy_id"])
def test_what_is_not_there_cannot_be_deleted(vpp: Vpp, delete: str) -> None:
    word, field = delete.split()
    assert vpp.ask(f"npol_{word}", **{field: ABSENT}).retval == NO_ENTRY


def test_a_set_that_is_not_there_takes_no_members(vpp: Vpp) -> None:
    assert members(vpp, ABSENT, member("10.0.0.1")) == NO_ENTRY


def test_a_configuration_is_refused_with_an_unknown_policy_or_interface(
    vpp: Vpp, life: Callable[[], WriterLife]
) -> None:
    life().want(*HELD_ON)
    interface = index(vpp, "tun-web")
    policy = int(vpp.ask("npol_policy_create", rules=[]).policy_id)
    assert configure(vpp, interface, policy) == 0
    before = vpp.show("npol interfaces")
    assert configure(vpp, interface, policy, ABSENT) == NO_POLICY
    assert configure(vpp, ABSENT, policy) == NO_INTERFACE
    assert vpp.show("npol interfaces") == before
