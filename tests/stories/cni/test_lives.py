"""A pod that its caller gives up, deletes and asks for again, while VPP's answers are late: success is of this life."""

import asyncio
from contextlib import suppress
from pathlib import Path
from random import Random

import grpc
import pytest

from actors.cni.desired import pod_intents
from schemas.intents import TapIntent
from tests.stories.cni.world import Node, play, request

V4 = "10.1.0.5"
KEY = "default/web-0/eth0"
ROUNDS = 8
NAMESPACES = 2


def assert_it_is_so(node: Node, netns: str, host_interface: str) -> None:
    """VPP holds all of this life of the pod, and the pod has its device."""
    pod = node.manager.table.pods[KEY]
    wanted = {intent.key: intent for intent in pod_intents(pod, node.config)}
    assert pod.netns == netns
    assert {key: node.vpp.objects.get(key) for key in wanted} == wanted
    assert host_interface == f"vpp-tun-{node.vpp.sw_if_index(f'pod/{KEY}')}"
    assert node.devices(netns) == {"eth0"}


@pytest.mark.parametrize("seed", range(3))
def test_success_is_what_vpp_holds_of_this_life_of_the_pod(tmp_path: Path, seed: int) -> None:
    random = Random(seed)

    async def story(node: Node) -> None:
        namespaces = [node.namespace(f"{seed}{number}") for number in range(NAMESPACES)]
        node.vpp.takes_s = lambda: random.uniform(0.0, 0.15)
        for _ in range(ROUNDS):
            netns = random.choice(namespaces)
            with suppress(grpc.aio.AioRpcError):
                await node.add(request("web-0", netns, V4), wait_s=random.uniform(0.01, 0.08))
            if random.random() < 0.8:
                await node.delete(netns)
            await asyncio.sleep(random.uniform(0.0, 0.1))  # until the runtime asks again
            netns = random.choice((netns, *namespaces))
            reply = await node.add(request("web-0", netns, V4))
            assert reply.successful, reply.error_message
            assert_it_is_so(node, netns, reply.host_interface_name)
            if random.random() < 0.5:
                await node.delete(netns)

    play(story, tmp_path)


def test_a_pod_keeps_its_life_over_a_restart_and_when_it_is_asked_for_again(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        first = await node.add(request("web-0", netns, V4))
        writes = node.vpp.writes
        again = await node.add(request("web-0", netns, V4))
        assert again.host_interface_name == first.host_interface_name
        await node.restart()
        assert node.vpp.writes == writes
        await node.delete(netns)
        assert (await node.add(request("web-0", netns, V4))).successful
        assert node.vpp.writes > writes

    play(story, tmp_path)


def test_an_interface_of_an_earlier_life_is_another_though_all_else_is_alike(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        tags = set()
        for _ in range(3):
            await node.add(request("web-0", netns, V4))
            tags |= {intent.tag for intent in node.vpp.objects.values() if isinstance(intent, TapIntent)}
            await node.delete(netns)
        assert len(tags) == 3

    play(story, tmp_path)
