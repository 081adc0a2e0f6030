"""Felix, a real bus, and the manager as a process: what is said on the bus of what Felix says on the socket."""

import asyncio
import contextlib
import os
import signal
import struct
import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from bus.peer import BusPeer
from schemas import facts
from schemas.codec import value_fingerprint
from schemas.facts import PodInterfaceFact, UplinkFact
from schemas.intents import Intent
from schemas.npol import InterfacePoliciesIntent, PolicyIntent
from schemas.proto import felixbackend_pb2 as pb
from schemas.statuses import AppliedStatus
from schemas.words import INTENT_WORD, intent_status_word
from tests.waiting import until_async

PATIENCE_S = 15.0
TUN = "pod/d/web/eth0"
LENGTH = struct.Struct("<Q")
ID = pb.WorkloadEndpointID(orchestrator_id="k8s", workload_id="d/web", endpoint_id="eth0")


class Felix:
    """A connection to the manager's socket."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def say(self, **payload: Any) -> None:
        await self.send(pb.ToDataplane(**payload).SerializeToString())

    async def send(self, data: bytes) -> None:
        self.writer.write(LENGTH.pack(len(data)) + data)
        await self.writer.drain()

    async def snapshot(self, port: int = 80, *, sync: bool = True) -> None:
        """A pod with one policy that opens one port."""
        await self.say(config_update=pb.ConfigUpdate(config={"CalicoVersion": "v3.32.0"}))
        await self.policy(port)
        tier = pb.TierInfo(name="default", ingress_policies=[policy_id()], default_action="Deny")
        endpoint = pb.WorkloadEndpoint(state="active", tiers=[tier])
        await self.say(workload_endpoint_update=pb.WorkloadEndpointUpdate(id=ID, endpoint=endpoint))
        if sync:
            await self.say(in_sync=pb.InSync())

    async def policy(self, port: int) -> None:
        rule = pb.Rule(
            action="allow", protocol=pb.Protocol(name="tcp"), dst_ports=[pb.PortRange(first=port, last=port)]
        )
        update = pb.ActivePolicyUpdate(id=policy_id(), policy=pb.Policy(inbound_rules=[rule]))
        await self.say(active_policy_update=update)

    async def hears(self, kind: str) -> Any:
        """The next message of that kind."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                (length,) = LENGTH.unpack(await self.reader.readexactly(LENGTH.size))
                message = pb.FromDataplane.FromString(await self.reader.readexactly(length))
                if message.WhichOneof("payload") == kind:
                    return getattr(message, kind)


def policy_id() -> pb.PolicyID:
    return pb.PolicyID(name="open", namespace="d", kind="NetworkPolicy")


class Node:
    """A bus, the manager, and peers in place of CNI, guard and writer. The writer applies everything it hears."""

    def __init__(self, directory: Path, **environment: str) -> None:
        self.directory = directory
        self.socket = directory / "felix.sock"
        self.environment = {
            **os.environ,
            "NODENAME": "n1",
            "VPPD_RUN": str(directory / "run"),
            "VPPD_STATE": str(directory / "state"),
            "VPPD_FELIX_DRIVER": "none",
            "VPPD_FELIX_SOCKET": str(self.socket),
            **environment,
        }
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        self.intent_changes = 0
        self.connections: list[Felix] = []
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, module: str) -> None:
        with (self.directory / f"{module}.log").open("ab") as log:
            command = [sys.executable, "-m", module]
            self.processes[module] = subprocess.Popen(command, env=self.environment, stdout=log, stderr=log)

    def kill(self, module: str) -> None:
        process = self.processes.pop(module)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def peer(self, name: str) -> BusPeer:
        return BusPeer(name, self.directory / "run" / "bus")

    async def __aenter__(self) -> "Node":
        (self.directory / "run").mkdir()
        self.start("bus")
        self.start("actors.policy")
        self.cni, self.guard, self.writer = self.peer("cni"), self.peer("guard"), self.peer("vpp-writer")
        self.writer.subscribe(INTENT_WORD, "policy")
        for word in ("policy-status", "node", "ip-pool"):
            self.writer.subscribe(word, "policy")
        for peer in (self.cni, self.guard, self.writer):
            await peer.__aenter__()
        self.cni.publish("pod-interface", {"d/web/eth0": PodInterfaceFact(TUN, "", ("10.0.0.1",))})
        self.guard.publish("uplink", {"eth0": UplinkFact("running", addresses=("192.0.2.1/24",))})
        self._tasks.append(asyncio.create_task(self._apply()))
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for felix in self.connections:
            felix.writer.close()
            with contextlib.suppress(OSError):
                await felix.writer.wait_closed()
        for peer in (self.cni, self.guard, self.writer):
            await peer.__aexit__()
        for module in list(self.processes):
            self.kill(module)

    async def _apply(self) -> None:
        while True:
            self.intent_changes += len([e for e in await self.writer.changes(1.0) if e.word == INTENT_WORD])
            rows = self.intents()
            applied = {key: AppliedStatus(value_fingerprint(intent), 1) for key, intent in rows.items()}
            self.writer.publish(intent_status_word("policy"), applied)

    def intents(self) -> dict[str, Intent]:
        return self.writer.rows(INTENT_WORD, "policy")

    def ports(self) -> set[int]:
        """The ports that the pod's policy opens; none while it is closed."""
        interface_policies = self.intents().get(f"interface-policies/{TUN}")
        assert interface_policies is None or isinstance(interface_policies, InterfacePoliciesIntent)
        policies = [
            self.intents().get(f"policy/{name}") for name in (interface_policies.tx if interface_policies else ())
        ]
        rules = [rule for policy in policies if isinstance(policy, PolicyIntent) for rule in policy.tx]
        return {port for rule in rules for port, _ in rule.destination.ports}

    def closed(self) -> bool:
        interface_policies = self.intents().get(f"interface-policies/{TUN}")
        assert interface_policies is None or isinstance(interface_policies, InterfacePoliciesIntent)
        return (
            interface_policies is not None
            and interface_policies.tx == ("vppd/from-host",)
            and interface_policies.tx_default == "deny"
        )

    def problems(self) -> str:
        status = self.writer.rows("policy-status", "policy").get("felix")
        return " ".join(status.problems) if status else ""

    async def felix(self) -> Felix:
        await until_async(self.socket.exists, "the manager listens")
        await until_async(self._connects, "the manager accepts")
        return self.connections[-1]

    async def _connects(self) -> bool:
        try:
            self.connections.append(Felix(*await asyncio.open_unix_connection(self.socket)))
        except OSError:
            return False
        return True


def play(story: Callable[[Node], Awaitable[None]], **environment: str) -> None:
    async def tell() -> None:
        with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
            async with Node(Path(directory), **environment) as node:
                await story(node)

    asyncio.run(tell())


def test_a_pod_is_closed_until_felix_is_in_sync_and_then_as_felix_says() -> None:
    async def story(node: Node) -> None:
        await until_async(node.closed, "the pod is closed")
        felix = await node.felix()
        await felix.snapshot(sync=False)
        status = await felix.hears("process_status_update")
        assert status.uptime >= 0
        assert node.closed()
        await felix.say(in_sync=pb.InSync())
        await until_async(lambda: node.ports() == {80}, "the policy holds")
        while (update := await felix.hears("workload_endpoint_status_update")).status.status != "up":
            assert update.status.status == "down"  # VPP does not hold it yet
        assert update.id.workload_id == "d/web"
        await felix.hears("dataplane_in_sync")

    play(story)


def test_a_restarted_felix_that_says_the_same_changes_nothing() -> None:
    async def story(node: Node) -> None:
        felix = await node.felix()
        await felix.snapshot()
        await until_async(lambda: node.ports() == {80}, "the policy holds")
        await felix.hears("dataplane_in_sync")
        before, changes_before = node.intents(), node.intent_changes
        felix.writer.close()
        again = await node.felix()
        await again.snapshot()
        await again.hears("dataplane_in_sync")
        assert (node.intents(), node.intent_changes) == (before, changes_before)

    play(story)


def test_what_a_restarted_felix_does_not_say_any_more_goes_only_when_it_is_in_sync() -> None:
    async def story(node: Node) -> None:
        felix = await node.felix()
        await felix.snapshot()
        await until_async(lambda: node.ports() == {80}, "the policy holds")
        felix.writer.close()
        again = await node.felix()
        await again.say(config_update=pb.ConfigUpdate(config={"CalicoVersion": "v3.32.0"}))
        assert node.ports() == {80}
        await again.say(in_sync=pb.InSync())
        await until_async(node.closed, "the pod without an endpoint is closed")

    play(story)


def test_a_restarted_manager_keeps_what_it_had_said_until_felix_is_in_sync() -> None:
    async def story(node: Node) -> None:
        felix = await node.felix()
        await felix.snapshot()
        await until_async(lambda: node.ports() == {80}, "the policy holds")
        await felix.hears("dataplane_in_sync")
        before, changes_before = node.intents(), node.intent_changes
        node.socket.unlink()
        node.kill("actors.policy")
        node.start("actors.policy")
        again = await node.felix()
        await again.snapshot(sync=False)
        assert node.intents() == before
        await again.say(in_sync=pb.InSync())
        await again.hears("dataplane_in_sync")
        assert (node.intents(), node.intent_changes - changes_before) == (before, 0)
        await again.policy(81)
        await until_async(lambda: node.ports() == {81}, "the changed policy holds")

    play(story)


def test_a_pod_that_comes_again_while_felix_is_silent_gets_nothing_of_an_earlier_life() -> None:
    async def story(node: Node) -> None:
        felix = await node.felix()
        await felix.snapshot()
        await until_async(lambda: node.ports() == {80}, "the policy holds")
        node.kill("actors.policy")
        node.start("actors.policy")
        pod = PodInterfaceFact(TUN, "", ("10.0.0.2",), coming=True)
        node.cni.publish("pod-interface", {"d/web/eth0": pod})
        await until_async(node.closed, "the pod that is coming is closed")
        set_up, second_pod = replace(pod, coming=False), PodInterfaceFact("pod/d/other/eth0", "", ("10.0.0.3",))
        node.cni.publish("pod-interface", {"d/web/eth0": set_up, "d/other/eth0": second_pod})
        await until_async(
            lambda: "interface-policies/pod/d/other/eth0" in node.intents(), "what CNI said last is heard"
        )
        assert node.closed()

    play(story)


def test_messages_that_are_wrong_are_named_and_lose_nothing_else() -> None:
    async def story(node: Node) -> None:
        felix = await node.felix()
        await felix.snapshot()
        await felix.send(b"\xff\xff\xff\xff")
        await felix.say(ipset_delta_update=pb.IPSetDeltaUpdate(id="unknown", added_members=["10.0.0.1"]))
        await felix.say(active_policy_remove=pb.ActivePolicyRemove(id=pb.PolicyID(name="unknown")))
        await felix.policy(82)
        await until_async(lambda: node.ports() == {82}, "what came after holds")
        for part in ("cannot be read", "ip_sets: unknown", "policies: unknown"):
            await until_async(lambda part=part: part in node.problems(), f"{part} is named")

    play(story)


def test_an_endpoint_before_its_policy_is_closed_and_opens_when_that_comes() -> None:
    async def story(node: Node) -> None:
        felix = await node.felix()
        await felix.say(config_update=pb.ConfigUpdate(config={"CalicoVersion": "v3.32.0"}))
        tier = pb.TierInfo(name="default", ingress_policies=[policy_id()], default_action="Deny")
        endpoint = pb.WorkloadEndpoint(state="active", tiers=[tier])
        await felix.say(workload_endpoint_update=pb.WorkloadEndpointUpdate(id=ID, endpoint=endpoint))
        await felix.say(in_sync=pb.InSync())
        update = await felix.hears("workload_endpoint_status_update")
        assert update.status.status == "error"
        assert node.ports() == set()
        await felix.policy(80)
        await until_async(lambda: node.ports() == {80}, "the policy holds")

    play(story)


def test_a_length_that_no_message_has_ends_the_connection_and_nothing_else() -> None:
    async def story(node: Node) -> None:
        felix = await node.felix()
        await felix.snapshot()
        await until_async(lambda: node.ports() == {80}, "the policy holds")
        felix.writer.write(LENGTH.pack(1 << 30))
        async with asyncio.timeout(PATIENCE_S):
            while await felix.reader.read(1 << 16):
                continue
        assert node.ports() == {80}
        again = await node.felix()
        await again.snapshot(83)
        await until_async(lambda: node.ports() == {83}, "the next connection counts")

    play(story)


def test_a_truncated_message_waits_for_its_end_and_a_lost_connection_changes_nothing() -> None:
    async def story(node: Node) -> None:
        felix = await node.felix()
        await felix.snapshot()
        await until_async(lambda: node.ports() == {80}, "the policy holds")
        felix.writer.write(LENGTH.pack(50) + b"half")
        await felix.writer.drain()
        felix.writer.close()
        again = await node.felix()
        await again.say(config_update=pb.ConfigUpdate(config={"CalicoVersion": "v3.32.0"}))
        assert node.ports() == {80}

    play(story)


def test_where_felix_is_their_source_nodes_and_pools_are_said_as_felix_tells_them() -> None:
    async def story(node: Node) -> None:
        felix = await node.felix()
        host = pb.HostMetadataV4V6Update(hostname="n2", ipv4_addr="192.0.2.2/24", labels={"zone": "a"})
        pool = pb.IPAMPool(cidr="10.0.0.0/16", masquerade=True)
        await felix.say(config_update=pb.ConfigUpdate(config={"CalicoVersion": "v3.32.0"}))
        await felix.say(host_metadata_v4v6_update=host)
        await felix.say(ipam_pool_update=pb.IPAMPoolUpdate(id="10.0.0.0-16", pool=pool))
        await felix.say(in_sync=pb.InSync())

        def rows(word: str) -> dict[str, Any]:
            return node.writer.rows(word, "policy")

        nodes = {"n2": facts.NodeFact("192.0.2.2/24", labels={"zone": "a"})}
        await until_async(lambda: rows("node") == nodes, "the node is told")
        pools = {"10.0.0.0-16": facts.IpPoolFact("10.0.0.0/16", nat_outgoing=True)}
        await until_async(lambda: rows("ip-pool") == pools, "the pool is told")
        await felix.say(ipam_pool_remove=pb.IPAMPoolRemove(id="10.0.0.0-16"))
        await until_async(lambda: rows("ip-pool") == {}, "the pool is gone")

    play(story, VPPD_NODE_SOURCE="felix")


def test_where_policies_are_off_it_is_said_and_nobody_listens() -> None:
    async def story(node: Node) -> None:
        await until_async(lambda: "pods are open" in node.problems(), "it is said")
        assert node.intents() == {}
        assert not node.socket.exists()

    play(story, VPPD_POLICY="none")


def test_a_driver_that_cannot_be_installed_is_named_for_felix_cannot_start_without_it() -> None:
    async def story(node: Node) -> None:
        await until_async(lambda: "/nowhere/felix-proxy" in node.problems(), "it is said")
        assert node.problems().startswith("Felix cannot start: its driver is not installed")
        await until_async(node.closed, "the pod is closed")

    play(story, VPPD_FELIX_PROXY="/nowhere/felix-proxy", VPPD_FELIX_DRIVER="/nowhere/driver")
