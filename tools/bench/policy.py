"""How long it takes until Felix's policies hold in VPP: all of them at once, one changed rule, one added member."""

import asyncio
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bus.peer import BusPeer
from schemas.cnat import CnatFeatureIntent
from schemas.facts import PodInterfaceFact, UplinkFact
from schemas.intents import LoopbackIntent
from schemas.npol import interface_policies_intent_key, ip_set_intent_key, policy_intent_key
from schemas.proto import felixbackend_pb2 as pb
from schemas.words import INTENT_WORD
from tools.bench.rig import Rig, quantiles_ms, running_rig

LENGTH = struct.Struct("<Q")  # before each of Felix's messages: its bytes
POD, TUN = "bench/pod/eth0", "pod/bench/pod/eth0"
SET = "members"
CHANGES = 50


async def run(policies: int, members: int, vpp: str) -> dict[str, Any]:
    """The measurement. Raises BenchFailed."""
    async with running_rig("policy", vpp, "guard", "cni") as (rig, peers):
        _interface(peers)
        felix = await _connect(rig)
        began = time.monotonic()
        for message in _snapshot(policies, members):
            felix.send(message)
        keys = {policy_intent_key(f"calico/{_name(number)}") for number in range(policies)}
        keys |= {interface_policies_intent_key(TUN), ip_set_intent_key(f"s:{SET}")}
        before = rig.applied.get(interface_policies_intent_key(TUN), 0)
        await rig.wait_until(
            lambda: keys <= rig.applied.keys() and rig.applied[interface_policies_intent_key(TUN)] != before,
            "every policy holds",
        )
        cold_s = time.monotonic() - began
        cold = await rig.counter("vpp-writer", "vpp_writes_total")
        rules = [
            await _changed(rig, felix, _rule_change(n), policy_intent_key(f"calico/{_name(n)}")) for n in range(CHANGES)
        ]
        after_rules = await rig.counter("vpp-writer", "vpp_writes_total")
        grown = [await _changed(rig, felix, _member(n), ip_set_intent_key(f"s:{SET}")) for n in range(CHANGES)]
        after_members = await rig.counter("vpp-writer", "vpp_writes_total")
        return {
            "policies": policies,
            "members": members,
            "vpp": vpp,
            "cold": {"seconds": round(cold_s, 2), "messages": cold},
            "one_changed_rule": {**quantiles_ms(rules), "messages_each": (after_rules - cold) / CHANGES},
            "one_added_member": {**quantiles_ms(grown), "messages_each": (after_members - after_rules) / CHANGES},
            "peak_memory_mb": rig.peak_mb(),
        }


class FelixConnection:
    """Felix's side of the socket; the manager's messages are read and dropped."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writer = writer
        self._sequence = 0
        self._reading = asyncio.create_task(self._read(reader))

    async def _read(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(1 << 16):
            continue

    def send(self, message: pb.ToDataplane) -> None:
        message.sequence_number = self._sequence
        self._sequence += 1
        data = message.SerializeToString()
        self._writer.write(LENGTH.pack(len(data)) + data)


async def _connect(rig: Rig) -> FelixConnection:
    path = Path(rig.environment["VPPD_FELIX_SOCKET"])
    key = interface_policies_intent_key(TUN)
    await rig.wait_until(lambda: path.exists() and key in rig.applied, "the pod is closed, Felix is waited for", 30.0)
    return FelixConnection(*await asyncio.open_unix_connection(path))


def _interface(peers: dict[str, BusPeer]) -> None:
    """A pod's interface in VPP: for policies a loopback does."""
    loop, feature = LoopbackIntent(TUN, "02:00:00:00:00:0a", "bench"), CnatFeatureIntent(TUN)
    peers["cni"].publish(INTENT_WORD, {loop.key: loop, feature.key: feature})
    peers["cni"].publish("pod-interface", {POD: PodInterfaceFact(TUN, "", ("10.0.0.1",))})
    uplink = UplinkFact("running", addresses=("192.0.2.1/24",))
    peers["guard"].publish("uplink", {"eth0": uplink})


def _name(number: int) -> str:
    return f"NetworkPolicy/bench/{number}"


def _id(number: int) -> pb.PolicyID:
    return pb.PolicyID(name=str(number), namespace="bench", kind="NetworkPolicy")


def _policy(number: int, port: int) -> pb.ToDataplane:
    rules = [
        pb.Rule(
            action="allow",
            protocol=pb.Protocol(name="tcp"),
            src_ip_set_ids=[SET],
            dst_ports=[pb.PortRange(first=port, last=port)],
        ),
        pb.Rule(action="allow", src_net=[f"172.{16 + (number >> 8 & 15)}.{number & 255}.0/24"]),
    ]
    update = pb.ActivePolicyUpdate(id=_id(number), policy=pb.Policy(inbound_rules=rules))
    return pb.ToDataplane(active_policy_update=update)


def _snapshot(policies: int, members: int) -> Iterator[pb.ToDataplane]:
    yield pb.ToDataplane(config_update=pb.ConfigUpdate(config={"CalicoVersion": "v3.32.0"}))
    prefixes = [f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}/32" for n in range(members)]
    yield pb.ToDataplane(ipset_update=pb.IPSetUpdate(id=SET, members=prefixes, type=pb.IPSetUpdate.NET))
    for number in range(policies):
        yield _policy(number, 1000 + number % 1000)
    tier = pb.TierInfo(name="default", ingress_policies=map(_id, range(policies)), default_action="Deny")
    update = pb.WorkloadEndpointUpdate(
        id=pb.WorkloadEndpointID(orchestrator_id="k8s", workload_id="bench/pod", endpoint_id="eth0"),
        endpoint=pb.WorkloadEndpoint(state="active", tiers=[tier]),
    )
    yield pb.ToDataplane(workload_endpoint_update=update)
    yield pb.ToDataplane(in_sync=pb.InSync())


def _rule_change(number: int) -> pb.ToDataplane:
    return _policy(number, 20000 + number)


def _member(number: int) -> pb.ToDataplane:
    update = pb.IPSetDeltaUpdate(id=SET, added_members=[f"198.51.{number >> 8}.{number & 255}/32"])
    return pb.ToDataplane(ipset_delta_update=update)


async def _changed(rig: Rig, felix: FelixConnection, message: pb.ToDataplane, key: str) -> float:
    """Seconds until VPP holds what the message changes."""
    before = rig.applied[key]
    began = time.monotonic()
    felix.send(message)
    await rig.wait_until(lambda: rig.applied.get(key, before) != before, f"the change of {key}")
    return time.monotonic() - began
