"""A node in small: the real CNI server behind its real socket, real namespaces, and a stand-in for VPP and its writer.

The stand-in holds what the manager wants, and makes and deletes the tuns in the namespaces as VPP does. It can be
told to refuse an object, or to be away.
"""

import asyncio
import io
import json
import os
import subprocess
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import grpc

from actors.cni.actor import CniManager
from actors.runtime.context import ActorContext
from bus.log import ProcessLog
from bus.peer import BusPeer
from bus.subscriptions import StreamChange
from schemas.codec import value_fingerprint
from schemas.config import NodeConfig
from schemas.facts import PodInterfaceFact, VppEpochFact
from schemas.intents import Intent, TapIntent
from schemas.proto import cnibackend_pb2 as pb
from schemas.proto.cnibackend_pb2_grpc import CniDataplaneStub
from schemas.statuses import AppliedStatus, IntentStatus, RejectedStatus
from schemas.words import intent_status_word

PLUGIN_WAIT_S = 5.0


def run(command: str, check: bool = True) -> str:
    return subprocess.run(command.split(), check=check, capture_output=True, text=True).stdout


class Vpp(ActorContext):
    """The process, the writer and VPP in one, as far as the CNI server sees of them."""

    def __init__(self, config: NodeConfig) -> None:
        self.log_text = io.StringIO()
        super().__init__(config, BusPeer("cni", config.bus), ProcessLog("cni", stream=self.log_text), asyncio.Event())
        self.objects: dict[str, Intent] = {}
        self.rejects: dict[str, str] = {}  # part of a key -> reason
        self.away = False
        self.epoch = 1
        self.writes = 0
        self.takes_s: Callable[[], float] = lambda: 0.0  # until VPP is told, and again until its answers are here
        self._answers = asyncio.Lock()  # they come one after another
        self._actor: CniManager | None = None
        self._turns: set[asyncio.Task[Any]] = set()
        self._numbers: dict[str, int] = {}

    def carry(self, actor: CniManager) -> None:
        """Carries what that manager decides, from its first word on."""
        self._actor = actor

    def hear_uplinks(self) -> None:
        """The bus has told all that the manager hears."""
        self.set_waiting((), heard_all=True)

    def wake(self, cause: str = "") -> str:
        self.spawn(self._turn())
        return super().wake(cause)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = super().spawn(work)
        self._turns.add(task)
        task.add_done_callback(self._turns.discard)
        return task

    async def _turn(self) -> None:
        assert self._actor
        await self._pause()
        if self.away:
            return
        intents = self._actor.decide().intents
        assert intents is not None
        self.apply({key: intent for key, intent in intents.items() if not self._rejection(key)})
        statuses = {key: self._status(intent) for key, intent in intents.items()}
        async with self._answers:
            await self._pause()
            keys = {*statuses, *self._statuses}
            word = intent_status_word("cni")
            await self.take_statuses(StreamChange(word, "vpp-writer", key, statuses.get(key)) for key in keys)

    async def _pause(self) -> None:
        if (seconds := self.takes_s()) > 0:
            await asyncio.sleep(seconds)

    def _status(self, intent: Intent) -> IntentStatus | None:
        """None: VPP has not answered."""
        if reason := self._rejection(intent.key):
            return RejectedStatus(value_fingerprint(intent), reason)
        if self.objects.get(intent.key) != intent:
            return None
        return AppliedStatus(value_fingerprint(intent), self.epoch, {"sw_if_index": self._numbers[intent.key]})

    def apply(self, intents: dict[str, Intent]) -> None:
        """Makes VPP hold these, and nothing else."""
        for key in [key for key, intent in self.objects.items() if intents.get(key) != intent]:
            removed = self.objects.pop(key)
            self.writes += 1
            if isinstance(removed, TapIntent):
                run(f"ip -n {Path(removed.netns).name} link del {removed.host_interface}", check=False)
        for key in intents.keys() - self.objects.keys():
            new = self.objects[key] = intents[key]
            self.writes += 1
            self._numbers[key] = self.writes
            if isinstance(new, TapIntent):
                run(f"ip -n {Path(new.netns).name} tuntap add mode tun name {new.host_interface}", check=False)

    def _rejection(self, key: str) -> str | None:
        return next((reason for part, reason in self.rejects.items() if part in key), None)

    def sw_if_index(self, interface: str) -> int:
        """VPP's number of an interface, by its intent name."""
        return self._numbers[f"interface/{interface}"]

    def has_started(self) -> None:
        """What runs now runs for the manager's whole life: `quiet` does not wait for it."""
        self._turns.clear()

    async def quiet(self) -> None:
        """Waits until nothing is under way."""
        while self._turns:
            await asyncio.wait(set(self._turns))


class Node:
    """What the stories play on."""

    def __init__(self, directory: Path) -> None:
        self.config = NodeConfig(
            node="n1",
            run=directory / "run",
            state=directory / "state",
            cni_socket=directory / "run" / "cni.sock",
            cni_deadline_s=2.0,
            policy_source="none",
        )
        self.vpp = Vpp(self.config)
        self.manager = CniManager(self.vpp)
        self._namespaces: list[str] = []

    # --- life

    async def start(self) -> None:
        """Starts the manager as its process does: edges first, then it says what it wants."""
        self.manager = CniManager(self.vpp)
        self.vpp.carry(self.manager)
        self.vpp.set_waiting(("guard: uplink",), heard_all=False)
        await self.manager.on_start()
        self.vpp.has_started()
        self.vpp.wake()

    async def restart(self) -> None:
        """The process ends and comes back; VPP and the namespaces live on."""
        await self.manager.on_stop()
        await self.start()
        await self.vpp.quiet()

    async def stop(self) -> None:
        await self.manager.on_stop()
        await self.vpp.cancel_tasks()

    def new_vpp(self, epoch: int = 2) -> None:
        """VPP is another; the writer has given it all that it held."""
        self.vpp.epoch = epoch
        self.vpp.wake()
        self.manager.epoch("vpp", VppEpochFact(connected=True, epoch=epoch))

    def namespace(self, name: str) -> str:
        """Makes a namespace; returns its path."""
        full = f"cni-story-{os.getpid()}-{name}"
        run(f"ip netns add {full}")
        self._namespaces.append(full)
        return f"/var/run/netns/{full}"

    def end_namespace(self, path: str) -> None:
        run(f"ip netns del {Path(path).name}")
        self._namespaces.remove(Path(path).name)

    def clean_up(self) -> None:
        for name in list(self._namespaces):
            run(f"ip netns del {name}", check=False)

    # --- what Calico's plugin does: a connection for a call

    async def add(self, request: pb.AddRequest, wait_s: float = PLUGIN_WAIT_S) -> pb.AddReply:
        async with AsyncExitStack() as stack:
            reply: pb.AddReply = await (await self._stub(stack)).Add(request, timeout=wait_s)
            return reply

    async def delete(self, netns: str, interface: str = "eth0") -> pb.DelReply:
        async with AsyncExitStack() as stack:
            requested = pb.DelRequest(netns=netns, interface_name=interface)
            reply: pb.DelReply = await (await self._stub(stack)).Del(requested, timeout=PLUGIN_WAIT_S)
            return reply

    async def _stub(self, stack: AsyncExitStack) -> Any:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"unix://{self.config.cni_socket}"))
        return CniDataplaneStub(channel)  # type: ignore[no-untyped-call]

    # --- looking at the world

    def interfaces(self) -> dict[str, PodInterfaceFact]:
        """What is said of pods' interfaces, by key."""
        facts = self.manager.decide().facts["pod-interface"]
        return {key: fact for key, fact in facts.items() if isinstance(fact, PodInterfaceFact)}

    def records(self) -> int:
        directory = self.config.state / "cni" / "pods"
        return len(list(directory.iterdir())) if directory.exists() else 0

    def devices(self, netns: str) -> set[str]:
        """Devices in a namespace, without lo."""
        links = json.loads(run(f"ip -n {Path(netns).name} -json link show"))
        return {link["ifname"] for link in links} - {"lo"}

    def addresses(self, netns: str, interface: str = "eth0") -> set[str]:
        (link,) = json.loads(run(f"ip -n {Path(netns).name} -json address show dev {interface}"))
        return {a["local"] for a in link["addr_info"] if a["scope"] == "global"}

    def holds_nothing(self, *namespaces: str) -> bool:
        """Is there nothing of any pod in VPP, on disk, in the facts and in these namespaces?"""
        remains = (self.vpp.objects, self.interfaces(), *(self.devices(path) for path in namespaces))
        return not any(remains) and self.records() == 0


def request(pod: str, netns: str, *addresses: str, namespace: str = "default") -> pb.AddRequest:
    """The ADD of a pod as Calico's plugin makes it."""
    return pb.AddRequest(
        interface_name="eth0",
        netns=netns,
        desired_host_interface_name="cali0123456789a",
        settings=pb.ContainerSettings(),
        container_ips=[pb.IPConfig(address=address, gateway="<nil>") for address in addresses],
        container_routes=["0.0.0.0/0", "::/0"],
        workload=pb.WorkloadIDs(namespace=namespace, pod=pod, endpoint="eth0", orchestrator="k8s"),
        dataplane_options={"type": "grpc"},
    )


Story = Callable[[Node], Awaitable[None]]


def play(story: Story, directory: Path, *, uplinks_heard: bool = True) -> None:
    """Plays a story on a fresh node, and cleans up, whatever happens."""

    async def scene() -> None:
        node = Node(directory)
        try:
            await node.start()
            if uplinks_heard:
                node.vpp.hear_uplinks()
            await story(node)
        finally:
            await node.stop()
            node.clean_up()
        assert not node.vpp.failed, node.vpp.log_text.getvalue()

    asyncio.run(scene())
