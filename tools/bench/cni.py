"""How long the CNI server takes for an ADD: pods that come at a steady rate, and whether later ones take longer."""

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from bus.peer import BusPeer
from schemas.facts import UplinkFact
from schemas.intents import (
    DEFAULT_TABLE,
    PODS_TABLE,
    AdminUpIntent,
    Intent,
    LoopbackIntent,
    RouteIntent,
    RoutePath,
    TableIntent,
)
from schemas.proto import cnibackend_pb2 as pb
from schemas.proto.cnibackend_pb2_grpc import CniDataplaneStub
from schemas.words import INTENT_WORD
from tools.bench.rig import BenchFailed, Rig, quantiles_ms, running_rig

INTERFACE, UPLINK = "eth0", "uplink/eth0"
RING = 256  # descriptors, so that hundreds of pods need no gigabytes of buffers
BUFFERS_EACH = 2 * RING
BUFFERS_BESIDE = 8192
SETTINGS = {
    "VPPD_POLICY": "none",
    "CALICOVPP_INTERFACES": f'{{"defaultPodIfSpec": {{"rxqsz": {RING}, "txqsz": {RING}}}}}',
}


async def run(pods: int, rate: int, rounds: int, vpp: str) -> dict[str, Any]:
    """`pods` ADDs at `rate` a second, then their DELs; so often. Raises BenchFailed."""
    buffers = pods * BUFFERS_EACH + BUFFERS_BESIDE
    async with running_rig("cni", vpp, "guard", settings=SETTINGS, buffers=buffers) as (rig, peers):
        _say_node(peers["guard"])
        await rig.wait_until(lambda: rig.ready("cni"), "the CNI server is ready", 30.0)
        figures = []
        async with _namespaces(rig, pods) as paths, grpc.aio.insecure_channel(f"unix://{_socket(rig)}") as channel:
            stub = CniDataplaneStub(channel)  # type: ignore[no-untyped-call]
            for _ in range(rounds):
                adds = await _paced(stub.Add, [_add(number, path) for number, path in enumerate(paths)], rate)
                dels = await _paced(stub.Del, [_del(path) for path in paths], rate)
                figures.append((adds, dels))
        last_adds = figures[-1][0]
        return {
            "pods": pods,
            "rate": rate,
            "vpp": vpp,
            "add": quantiles_ms([took for adds, _ in figures for took in adds]),
            "del": quantiles_ms([took for _, dels in figures for took in dels]),
            "add_slope_ms_per_100_pods": round(slope(last_adds) * 100_000, 3),
            "rounds": {str(number): quantiles_ms(adds) for number, (adds, _) in enumerate(figures, 1)},
            "peak_memory_mb": rig.peak_mb(),
        }


def slope(values: list[float]) -> float:
    """By how much a value grows from one to the next, by least squares; 0 for fewer than two."""
    if len(values) < 2:
        return 0.0
    middle, mean = (len(values) - 1) / 2, sum(values) / len(values)
    spread = sum((at - middle) ** 2 for at in range(len(values)))
    return sum((at - middle) * (value - mean) for at, value in enumerate(values)) / spread


def _say_node(guard: BusPeer) -> None:
    """The tables that pods lead to, and an uplink."""
    intents: list[Intent] = [
        intent
        for version, default in ((4, "0.0.0.0/0"), (6, "::/0"))
        for intent in (
            TableIntent(PODS_TABLE, version, 2),
            RouteIntent(PODS_TABLE, default, (RoutePath(table=DEFAULT_TABLE),)),
        )
    ]
    # VPP lets packets in when the uplink's interface may go up as well; a loopback does.
    intents += [LoopbackIntent(UPLINK, "02:00:00:00:00:0b", "bench"), AdminUpIntent(UPLINK, gated=True)]
    guard.publish(INTENT_WORD, {intent.key: intent for intent in intents})
    guard.publish("uplink", {"eth0": UplinkFact("running", addresses=("192.0.2.1/24",))})


def _socket(rig: Rig) -> str:
    return rig.environment["VPPD_CNI_SOCKET"]


@asynccontextmanager
async def _namespaces(rig: Rig, count: int) -> AsyncIterator[list[str]]:
    """Network namespaces for pods; removed in the end."""
    names = [f"{rig.directory.name}-{number}" for number in range(count)]
    try:
        await asyncio.to_thread(_ip, [f"netns add {name}" for name in names])
        yield [f"/var/run/netns/{name}" for name in names]
    finally:
        await asyncio.to_thread(_ip, [f"netns del {name}" for name in names])


def _ip(commands: list[str]) -> None:
    done = subprocess.run(
        ["ip", "-force", "-batch", "-"], input="\n".join(commands), text=True, capture_output=True, check=False
    )
    if done.returncode and "add" in commands[0]:
        raise BenchFailed(f"ip: {done.stderr.strip()[:200]} (namespaces need root)")


def _add(number: int, netns: str) -> pb.AddRequest:
    high, low = divmod(number, 250)
    return pb.AddRequest(
        interface_name=INTERFACE,
        netns=netns,
        container_ips=[
            pb.IPConfig(address=f"10.1.{high}.{low + 1}/32"),
            pb.IPConfig(address=f"fd10::{high:x}:{low + 1:x}/128"),
        ],
        container_routes=["0.0.0.0/0", "::/0"],
        workload=pb.WorkloadIDs(namespace="bench", pod=f"p{number}", endpoint=INTERFACE),
    )


def _del(netns: str) -> pb.DelRequest:
    return pb.DelRequest(interface_name=INTERFACE, netns=netns)


async def _paced(call: Any, requests: list[Any], rate: int) -> list[float]:
    """Calls at that rate a second, whether earlier ones are answered or not. Returns seconds of each."""
    began = time.monotonic()

    async def one(number: int, request: Any) -> float:
        await asyncio.sleep(max(0.0, began + number / rate - time.monotonic()))
        started = time.monotonic()
        try:
            reply = await call(request, timeout=10)
        except grpc.aio.AioRpcError as error:
            raise BenchFailed(f"the CNI server does not answer: {error.details()}") from None
        if not reply.successful:
            raise BenchFailed(reply.error_message)
        return time.monotonic() - started

    return list(await asyncio.gather(*(one(number, request) for number, request in enumerate(requests))))
