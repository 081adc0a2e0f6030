"""Two real gobgpd in two namespaces, driven by our client: session, export policy, restart of one."""

import asyncio
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from actors.routing.gobgp import paths
from actors.routing.gobgp.client import Gobgp, GobgpAway, GobgpRefused
from actors.routing.gobgp.plan import AddPeer, Operation, Start, operations
from actors.routing.gobgp.state import Global, Peer, Wanted

DEADLINE_S = 40.0
ADDRESS = {"a": "10.97.0.1", "b": "10.97.0.2"}
BLOCK = {"a": "10.48.0.0/26", "b": "10.48.0.64/26"}
INSIDE_B = "10.48.0.70/32"


class Pair:
    """Two namespaces joined by a veth, a gobgpd in each."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tag = f"vppdbgp{directory.name[-6:]}"
        self.running: dict[str, subprocess.Popen[bytes]] = {}

    def make(self) -> None:
        a, b = f"{self.tag}a", f"{self.tag}b"
        for line in (f"netns add {a}", f"netns add {b}", f"-n {a} link add eth0 type veth peer name eth0 netns {b}"):
            subprocess.run(["ip", *line.split()], check=True)
        for name, address in ADDRESS.items():
            for line in (f"addr add {address}/24 dev eth0", "link set eth0 up", "link set lo up"):
                subprocess.run(["ip", "-n", f"{self.tag}{name}", *line.split()], check=True)

    def start(self, name: str) -> None:
        socket = self.socket(name)
        socket.unlink(missing_ok=True)
        with (self.directory / f"{name}.log").open("ab") as log:
            self.running[name] = subprocess.Popen(
                [
                    "ip",
                    "netns",
                    "exec",
                    f"{self.tag}{name}",
                    "gobgpd",
                    f"--api-hosts=unix://{socket}",
                    "--pprof-disable",
                ],
                stdout=log,
                stderr=log,
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
        for name in ADDRESS:
            subprocess.run(["ip", "netns", "del", f"{self.tag}{name}"], check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def pair() -> Iterator[Pair]:
    with tempfile.TemporaryDirectory(prefix="vppd-") as directory:
        made = Pair(Path(directory))
        try:
            made.make()
            for name in ADDRESS:
                made.start(name)
            yield made
        finally:
            made.remove()


def wanted(me: str, other: str) -> Wanted:
    peer = Peer(address=ADDRESS[other], asn=64512, local_address=ADDRESS[me])
    return Wanted(
        bgp=Global(asn=64512, router_id=ADDRESS[me], listen_addresses=(ADDRESS[me],)),
        peers={peer.address: peer},
        paths={BLOCK[me]: ADDRESS[me]},
        blocks=frozenset([BLOCK[me]]),
    )


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not await condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        await asyncio.sleep(0.05)


@asynccontextmanager
async def reached(pair: Pair, name: str) -> AsyncIterator[Gobgp]:
    deadline = time.monotonic() + DEADLINE_S
    while True:
        async with Gobgp(pair.socket(name)) as gobgp:
            try:
                await gobgp.observe()
            except GobgpAway:
                assert time.monotonic() < deadline, f"gobgpd {name} does not answer"
                continue
            yield gobgp
            return


async def converge(gobgp: Gobgp, state: Wanted) -> list[Operation]:
    done = operations(state, await gobgp.observe())
    for operation in done:
        await gobgp.apply(operation)
    return done


class Listener:
    """What one side learns, and every withdraw on the way."""

    def __init__(self, gobgp: Gobgp) -> None:
        self.learnt: dict[str, str] = {}
        self.withdrawn: list[str] = []
        self._task = asyncio.create_task(self._listen(gobgp))

    async def _listen(self, gobgp: Gobgp) -> None:
        async for told in gobgp.best_paths():
            self.withdrawn += [paths.prefix_of(path) for path in told if path.is_withdraw]
            paths.learn(self.learnt, told)

    async def stop(self) -> None:
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)


def test_blocks_are_learnt_addresses_inside_are_not_and_a_restart_withdraws_nothing(pair: Pair) -> None:
    async def story() -> None:
        async with reached(pair, "a") as a, reached(pair, "b") as b:
            await converge(a, wanted("a", "b"))
            state = wanted("b", "a")
            state.paths[INSIDE_B] = ADDRESS["b"]
            await converge(b, state)
            assert await converge(a, wanted("a", "b")) == [], "said twice: nothing to do"
            assert await converge(b, state) == []
            listener = Listener(a)

            async def block_learnt() -> bool:
                return listener.learnt == {BLOCK["b"]: ADDRESS["b"]}

            await until(block_learnt)

            pair.kill("b")
            pair.start("b")
            async with reached(pair, "b") as again:
                await converge(again, wanted("b", "a"))

                async def told_again() -> bool:
                    peers = await a.peers()
                    return all(p.state == "established" and p.end_of_rib for p in peers.values())

                async def down() -> bool:
                    return (await a.peers())[ADDRESS["b"]].state != "established"

                await until(down)
                assert listener.learnt == {BLOCK["b"]: ADDRESS["b"]}, "kept while the peer is away"
                await until(told_again)
                assert listener.withdrawn == []
                await converge(again, Wanted(bgp=state.bgp, peers=state.peers))

                async def gone() -> bool:
                    return listener.learnt == {}

                await until(gone)
                await listener.stop()

    asyncio.run(story())


def test_a_refused_operation_is_named_with_its_object(pair: Pair) -> None:
    async def story() -> None:
        async with reached(pair, "a") as a:
            bgp = Global(asn=64512, router_id=ADDRESS["a"], listen_addresses=("192.0.2.99",))
            with pytest.raises(GobgpRefused, match=r"start BGP, AS 64512.*192\.0\.2\.99"):
                await a.apply(Start(bgp))
            peer = Peer(address="not-an-address", asn=1)
            with pytest.raises(GobgpRefused, match="add peer not-an-address"):
                await a.apply(AddPeer(peer, restarting=False))

    asyncio.run(story())


def test_a_gobgpd_that_is_not_there_is_away(tmp_path: Path) -> None:
    async def story() -> None:
        async with Gobgp(tmp_path / "nobody.sock") as gobgp:
            with pytest.raises(GobgpAway, match="get BGP"):
                await gobgp.observe()

    asyncio.run(story())
