"""Real gobgpd processes in two namespaces joined by a veth, and how stories drive and watch them.

`a` and `b` have a namespace each; `c` is a third speaker, of another AS, in the namespace of `b`.
"""

import asyncio
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from actors.routing.gobgp import paths
from actors.routing.gobgp.client import GobgpAway, GobgpClient
from actors.routing.gobgp.plan import GobgpOperation, gobgp_operations
from actors.routing.gobgp.state import BgpGlobal, BgpPeerConfig, DesiredBgp
from tests.waiting import until_async

DEADLINE_S = 40.0
AS, AS_OF_C = 64512, 65003
ADDRESS = {"a": "10.97.0.1", "b": "10.97.0.2", "c": "10.97.0.3"}
ADDRESS6 = {"a": "fd97::1", "b": "fd97::2", "c": "fd97::3"}
BLOCK = {"a": "10.48.0.0/26", "b": "10.48.0.64/26"}
BLOCK6 = {"a": "fd48::/122", "b": "fd48::40/122"}
INSIDE_B = "10.48.0.70/32"
OUTSIDE = "10.96.0.10/32"
HOME = {"a": "a", "b": "b", "c": "b"}  # speaker -> namespace


class Speakers:
    """The namespaces, and the gobgpd that run in them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tag = f"vppdbgp{directory.name[-6:]}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def make(self) -> None:
        a, b = f"{self.tag}a", f"{self.tag}b"
        ip(f"netns add {a}")
        ip(f"netns add {b}")
        ip(f"-n {a} link add eth0 type veth peer name eth0 netns {b}")
        for name, home in HOME.items():
            ip(f"-n {self.tag}{home} addr add {ADDRESS[name]}/24 dev eth0")
            ip(f"-n {self.tag}{home} addr add {ADDRESS6[name]}/64 dev eth0 nodad")
        for home in ("a", "b"):
            ip(f"-n {self.tag}{home} link set eth0 up")
            ip(f"-n {self.tag}{home} link set lo up")

    def start(self, name: str) -> None:
        socket = self.socket(name)
        socket.unlink(missing_ok=True)
        enter = ["ip", "netns", "exec", f"{self.tag}{HOME[name]}"]
        with (self.directory / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*enter, "gobgpd", f"--api-hosts=unix://{socket}", "--pprof-disable"], stdout=log, stderr=log
            )

    def kill(self, name: str) -> None:
        process = self.running.pop(name)
        process.kill()
        process.wait()

    def socket(self, name: str) -> Path:
        return self.directory / f"{name}.sock"

    def remove(self) -> None:
        for name in list(self.running):
            self.kill(name)
        for home in ("a", "b"):
            subprocess.run(["ip", "netns", "del", f"{self.tag}{home}"], check=False, stderr=subprocess.DEVNULL)


def ip(line: str) -> None:
    subprocess.run(["ip", *line.split()], check=True)


def desired_of_ip4(me: str, neighbour: str) -> DesiredBgp:
    """One session, of IPv4, and our block."""
    peer = BgpPeerConfig(address=ADDRESS[neighbour], asn=AS, local_address=ADDRESS[me])
    return DesiredBgp(
        bgp=BgpGlobal(asn=AS, router_id=ADDRESS[me], listen_addresses=(ADDRESS6[me], ADDRESS[me])),
        peers={peer.address: peer},
        paths={BLOCK[me]: ADDRESS[me]},
        blocks=frozenset([BLOCK[me]]),
    )


def desired_of_both_families(me: str, neighbour: str) -> DesiredBgp:
    """A session and a block for each family."""
    state = desired_of_ip4(me, neighbour)
    state.peers[ADDRESS6[neighbour]] = BgpPeerConfig(address=ADDRESS6[neighbour], asn=AS, local_address=ADDRESS6[me])
    state.paths[BLOCK6[me]] = ADDRESS6[me]
    state.blocks |= {BLOCK6[me]}
    return state


@asynccontextmanager
async def reached(speakers: Speakers, name: str) -> AsyncIterator[GobgpClient]:
    """The gobgpd of that name, as soon as it answers."""
    async with GobgpClient(speakers.socket(name)) as gobgp:

        async def answers() -> bool:
            with suppress(GobgpAway):
                await gobgp.observe()
                return True
            return False

        await until_async(answers, f"gobgpd {name} answers", DEADLINE_S)
        yield gobgp


async def converge(gobgp: GobgpClient, state: DesiredBgp) -> list[GobgpOperation]:
    """Brings a gobgpd to that state. Returns what had to be done."""
    plan = gobgp_operations(state, await gobgp.observe())
    for operation in plan:
        await gobgp.apply(operation)
    return plan


class Listener:
    """What one side learns, and every learnt prefix that is withdrawn on the way."""

    def __init__(self, gobgp: GobgpClient) -> None:
        self.learnt: dict[str, str] = {}
        self.withdrawn: list[str] = []
        self._task = asyncio.create_task(self._listen(gobgp))

    async def _listen(self, gobgp: GobgpClient) -> None:
        async for best_paths in gobgp.best_paths():
            before = set(self.learnt)
            paths.update_learnt_bgp_paths(self.learnt, best_paths)
            self.withdrawn += before - set(self.learnt)

    async def learns(self, expected: dict[str, str]) -> None:
        """Waits until exactly that is learnt."""
        try:
            await until_async(lambda: self.learnt == expected)
        except AssertionError:
            raise AssertionError(f"learnt {self.learnt}, not {expected}") from None

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


@asynccontextmanager
async def listening(gobgp: GobgpClient) -> AsyncIterator[Listener]:
    listener = Listener(gobgp)
    try:
        yield listener
    finally:
        await listener.stop()
