"""A node in small: the real CNI server behind its real socket, real namespaces, and a stand-in for VPP and its writer.

The stand-in holds what the manager wants, and makes and deletes the tuns in the namespaces as VPP does. It can be
told to refuse an object, or to be away.
"""

import asyncio
import io
import json
import os
import subprocess
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc

from actors.cni.actor import CniManager
from actors.runtime.realised import NotRealised
from bus.log import Log
from schemas.config import NodeConfig
from schemas.intents import Intent, Tap
from schemas.proto import cnibackend_pb2 as pb
from schemas.proto.cnibackend_pb2_grpc import CniDataplaneStub
from schemas.statuses import Applied

PLUGIN_WAIT_S = 5.0


def run(command: str, check: bool = True) -> str:
    return subprocess.run(command.split(), check=check, capture_output=True, text=True).stdout


@dataclass
class Spoken:
    """What the manager's process would say of itself."""

    counters: Counter[str] = field(default_factory=Counter)

    def trace(self, what: str, *_about: object, **_fields: object) -> None:
        """No tap listens here."""


class Vpp:
    """Runtime, writer and VPP in one, as far as the CNI server sees of them."""

    def __init__(self, config: NodeConfig) -> None:
        self.config, self.peer, self.said = config, Spoken(), io.StringIO()
        self.log = Log("cni", stream=self.said)
        self.held: dict[str, Intent] = {}
        self.rejects: dict[str, str] = {}  # part of a key -> reason
        self.away = False
        self.deaf = False  # the uplink is not known yet
        self.epoch = 1
        self.writes = 0
        self.failure: BaseException | None = None
        self._actor: CniManager | None = None
        self._changed = asyncio.Condition()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._numbers: dict[str, int] = {}

    def carry(self, actor: CniManager) -> None:
        """Carries what that manager wants, from its first word on."""
        self._actor = actor
        actor.runtime = self  # type: ignore[assignment]

    def wake(self, cause: str = "") -> str:
        self.spawn(self._turn())
        return cause

    def spawn(self, work: Coroutine[Any, Any, Any]) -> asyncio.Task[Any]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception():
            self.failure = task.exception()

    async def _turn(self) -> None:
        assert self._actor
        async with self._changed:
            if not self.away:
                self.apply({i.key: i for i in self._actor.desired() if not self._rejection(i.key)})
            self._changed.notify_all()

    def apply(self, wanted: dict[str, Intent]) -> None:
        """Makes what is held what is wanted."""
        for key in [key for key, intent in self.held.items() if wanted.get(key) != intent]:
            gone = self.held.pop(key)
            self.writes += 1
            if isinstance(gone, Tap):
                run(f"ip -n {Path(gone.netns).name} link del {gone.host_interface}", check=False)
        for key in wanted.keys() - self.held.keys():
            new = self.held[key] = wanted[key]
            self.writes += 1
            self._numbers[key] = len(self._numbers) + 1
            if isinstance(new, Tap):
                run(f"ip -n {Path(new.netns).name} tuntap add mode tun name {new.host_interface}", check=False)

    def _rejection(self, key: str) -> str | None:
        return next((reason for part, reason in self.rejects.items() if part in key), None)

    async def heard(self, within_s: float) -> None:
        if self.deaf:
            await asyncio.sleep(within_s)
            raise NotRealised("not heard yet: guard: uplink")

    async def realised(self, intents: Iterable[Intent], within_s: float) -> dict[str, Applied]:
        wanted = {intent.key: intent for intent in intents}
        for key in wanted:
            if reason := self._rejection(key):
                raise NotRealised(f"{key}: rejected: {reason}")
        await self._until(lambda: self._missing(wanted), within_s, "no answer from the VPP writer")
        return {key: Applied(0, epoch=self.epoch, details={"sw_if_index": self._numbers[key]}) for key in wanted}

    async def withdrawn(self, keys: Iterable[str], within_s: float) -> None:
        wish = set(keys)
        await self._until(lambda: next(iter(sorted(wish & self.held.keys())), None), within_s, "still in VPP")

    async def _until(self, wrong: Callable[[], str | None], within_s: float, why: str) -> None:
        try:
            async with self._changed:
                await asyncio.wait_for(self._changed.wait_for(lambda: wrong() is None), within_s)
        except TimeoutError:
            raise NotRealised(f"{wrong()}: {why}") from None

    def _missing(self, wanted: dict[str, Intent]) -> str | None:
        return next((key for key, intent in wanted.items() if self.held.get(key) != intent), None)

    def sw_if_index(self, interface: str) -> int:
        """VPP's number of an interface, by its intent name."""
        return self._numbers[f"interface/{interface}"]

    async def end(self) -> None:
        """The process ends, whatever is under way."""
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def quiet(self) -> None:
        """Waits until nothing is under way."""
        while self._tasks:
            await asyncio.wait(set(self._tasks))


class Node:
    """What the stories play on."""

    def __init__(self, directory: Path) -> None:
        self.config = NodeConfig(
            node="n1",
            run=directory / "run",
            state=directory / "state",
            cni_socket=directory / "run" / "cni.sock",
            cni_deadline_s=2.0,
        )
        self.vpp = Vpp(self.config)
        self.manager = CniManager(self.config)
        self._namespaces: list[str] = []

    # --- life

    async def start(self) -> None:
        """Starts the manager as its process does: edges first, then it says what it wants."""
        self.manager = CniManager(self.config)
        self.vpp.carry(self.manager)
        await self.manager.on_start()
        self.vpp.wake()

    async def restart(self) -> None:
        """The process ends and comes back; VPP and the namespaces live on."""
        await self.manager.on_stop()
        await self.start()
        await self.vpp.quiet()

    async def stop(self) -> None:
        await self.manager.on_stop()
        await self.vpp.end()

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
            asked = pb.DelRequest(netns=netns, interface_name=interface)
            reply: pb.DelReply = await (await self._stub(stack)).Del(asked, timeout=PLUGIN_WAIT_S)
            return reply

    async def _stub(self, stack: AsyncExitStack) -> Any:
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(f"unix://{self.config.cni_socket}"))
        return CniDataplaneStub(channel)  # type: ignore[no-untyped-call]

    # --- looking at the world

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
        told = self.manager.facts()["pod-interface"]
        left = (self.vpp.held, told, *(self.devices(path) for path in namespaces))
        return not any(left) and self.records() == 0


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


def play(story: Story, directory: Path) -> None:
    """Plays a story on a fresh node, and cleans up, whatever happens."""

    async def scene() -> None:
        node = Node(directory)
        try:
            await node.start()
            await story(node)
        finally:
            await node.stop()
            node.clean_up()
        assert node.vpp.failure is None, node.vpp.failure

    asyncio.run(scene())
