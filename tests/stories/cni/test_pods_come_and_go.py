"""What Calico's plugin sees, and what is left in VPP, on disk and in the namespaces."""

import asyncio
from pathlib import Path

import grpc
import pytest

from schemas.intents import RouteIntent
from tests.stories.cni.world import Node, play, request
from tests.waiting import until_async

V4, V6 = "10.1.0.5", "fd10::5"
CONTAINER_MAC = "02:00:00:00:00:00"


def main_routes(node: Node) -> set[str]:
    return {i.prefix for i in node.vpp.objects.values() if isinstance(i, RouteIntent) and i.table == "default"}


def test_an_added_pod_is_in_vpp_on_disk_and_in_its_namespace(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        reply = await node.add(request("web-0", netns, V4, V6))
        assert (reply.successful, reply.error_message) == (True, "")
        assert reply.container_mac == CONTAINER_MAC
        assert reply.host_interface_name == f"vpp-tun-{node.vpp.sw_if_index('pod/default/web-0/eth0')}"
        assert main_routes(node) == {f"{V4}/32", f"{V6}/128"}
        assert node.addresses(netns) == {V4, V6}
        assert node.records() == 1
        assert set(node.interfaces()) == {"default/web-0/eth0"}

    play(story, tmp_path)


def test_a_deleted_pod_leaves_nothing_and_may_be_deleted_again(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4, V6))
        assert (await node.delete(netns)).successful
        assert node.holds_nothing(netns)
        assert (await node.delete(netns)).successful

    play(story, tmp_path)


def test_a_pod_whose_namespace_has_gone_is_deleted_from_vpp_all_the_same(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4))
        node.end_namespace(netns)
        assert (await node.delete(netns)).successful
        assert node.holds_nothing()

    play(story, tmp_path)


def test_a_repeated_add_gives_the_same_answer_and_writes_nothing(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        requested = request("web-0", node.namespace("a"), V4, V6)
        first = await node.add(requested)
        writes = node.vpp.writes
        assert await node.add(requested) == first
        assert node.vpp.writes == writes

    play(story, tmp_path)


def test_a_pod_in_a_new_sandbox_takes_the_place_of_the_old(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        old, new = node.namespace("old"), node.namespace("new")
        await node.add(request("web-0", old, V4))
        assert (await node.add(request("web-0", new, V4))).successful
        assert node.devices(old) == set()
        assert node.addresses(new) == {V4}
        assert node.records() == 1
        assert (await node.delete(old)).successful  # late, of the sandbox that is no more
        assert node.addresses(new) == {V4}
        assert main_routes(node) == {f"{V4}/32"}

    play(story, tmp_path)


def test_an_address_of_a_living_pod_is_refused_by_name(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        first, second = node.namespace("a"), node.namespace("b")
        await node.add(request("web-0", first, V4))
        reply = await node.add(request("web-1", second, "10.1.0.6", V4))
        assert not reply.successful
        assert V4 in reply.error_message
        assert "default/web-0/eth0" in reply.error_message
        assert node.addresses(first) == {V4}
        assert node.devices(second) == set()
        assert node.records() == 1

    play(story, tmp_path)


def test_an_address_of_a_vanished_pod_is_free(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        first, second = node.namespace("a"), node.namespace("b")
        await node.add(request("web-0", first, V4))
        node.end_namespace(first)
        assert (await node.add(request("web-1", second, V4))).successful
        assert set(node.interfaces()) == {"default/web-1/eth0"}
        assert node.records() == 1

    play(story, tmp_path)


@pytest.mark.parametrize(
    ("address", "field"), [("10.1.0.300", "container_ips"), ("0.0.0.0", "container_ips"), ("", "container_ips")]
)
def test_an_impossible_address_is_an_answer_that_names_the_field(tmp_path: Path, address: str, field: str) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        reply = await node.add(request("web-0", netns, address))
        assert not reply.successful
        assert field in reply.error_message
        assert node.holds_nothing(netns)
        assert node.vpp.counters["failed_adds"] == 1

    play(story, tmp_path)


def test_a_missing_namespace_is_an_answer_that_names_it(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        (tmp_path / "file").touch()
        for path in ("/var/run/netns/nowhere", str(tmp_path / "file")[:63]):
            reply = await node.add(request("web-0", path, V4))
            assert not reply.successful
            assert path in reply.error_message
        assert node.holds_nothing()

    play(story, tmp_path)


def test_without_a_namespace_nothing_is_done_and_the_plugin_is_content(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        reply = await node.add(request("web-0", "", V4))
        assert (reply.successful, reply.container_mac) == (True, CONTAINER_MAC)
        assert (await node.delete("")).successful
        assert node.holds_nothing()

    play(story, tmp_path)


def test_an_unknown_pod_is_deleted_with_success_and_counted(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        assert (await node.delete("/var/run/netns/nowhere")).successful
        assert node.vpp.counters["unknown_dels"] == 1

    play(story, tmp_path)


KINDS = ["table/", "interface/pod-loop", "interface/pod/", "address/", "unnumbered/", "route/default/"]


@pytest.mark.parametrize("part", KINDS)
def test_a_pod_of_which_vpp_refuses_one_object_leaves_nothing(tmp_path: Path, part: str) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        node.vpp.rejects[part] = "no more of these"
        reply = await node.add(request("web-0", netns, V4, V6))
        assert not reply.successful
        assert "no more of these" in reply.error_message
        assert part in reply.error_message
        assert node.holds_nothing(netns)

    play(story, tmp_path)


def test_a_pod_refused_once_may_be_added_later(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        node.vpp.rejects["route/default/"] = "not yet"
        assert not (await node.add(request("web-0", netns, V4))).successful
        node.vpp.rejects.clear()
        assert (await node.add(request("web-0", netns, V4))).successful
        assert node.addresses(netns) == {V4}

    play(story, tmp_path)


def test_while_vpp_is_away_an_add_is_answered_in_time_and_leaves_nothing(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        node.vpp.away = True
        started = asyncio.get_running_loop().time()
        reply = await node.add(request("web-0", netns, V4))
        assert asyncio.get_running_loop().time() - started < node.config.cni_deadline_s + 0.5
        assert not reply.successful
        assert "VPP writer" in reply.error_message
        node.vpp.away = False
        node.vpp.wake()
        await node.vpp.quiet()
        assert node.holds_nothing(netns)

    play(story, tmp_path)


def test_before_the_uplink_is_known_an_add_waits_and_says_for_what(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        reply = await node.add(request("web-0", netns, V4))
        assert not reply.successful
        assert "not heard yet: guard: uplink" in reply.error_message
        assert node.holds_nothing(netns)
        node.vpp.hear_uplinks()
        assert (await node.add(request("web-0", netns, V4))).successful

    play(story, tmp_path, uplinks_heard=False)


def test_an_add_whose_caller_has_gone_leaves_nothing(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        node.vpp.away = True
        with pytest.raises(grpc.aio.AioRpcError):
            await node.add(request("web-0", netns, V4), wait_s=0.3)
        await until_async(lambda: node.holds_nothing(netns))
        node.vpp.away = False
        node.vpp.wake()
        await node.vpp.quiet()
        assert node.holds_nothing(netns)

    play(story, tmp_path)


def test_pods_are_added_side_by_side(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        paths = [node.namespace(str(n)) for n in range(8)]
        requested = [request(f"web-{n}", path, f"10.1.0.{n + 1}") for n, path in enumerate(paths)]
        replies = await asyncio.gather(*map(node.add, requested))
        assert all(reply.successful for reply in replies)
        assert len({reply.host_interface_name for reply in replies}) == 8
        assert [node.addresses(path) for path in paths] == [{f"10.1.0.{n + 1}"} for n in range(8)]
        assert all([(await reply).successful for reply in map(node.delete, paths)])
        assert node.holds_nothing(*paths)

    play(story, tmp_path)


def test_one_address_for_two_pods_at_once_goes_to_one_of_them(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        requested = [request(name, node.namespace(name), V4) for name in ("a", "b")]
        replies = await asyncio.gather(*map(node.add, requested))
        assert sorted(reply.successful for reply in replies) == [False, True]
        assert node.records() == 1

    play(story, tmp_path)


def test_a_delete_never_overtakes_its_add(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        node.vpp.away = True
        adding = asyncio.create_task(node.add(request("web-0", netns, V4)))
        await until_async(lambda: node.records() == 1)
        deleting = asyncio.create_task(node.delete(netns))
        node.vpp.away = False
        node.vpp.wake()
        assert (await adding).successful
        assert (await deleting).successful
        assert node.holds_nothing(netns)

    play(story, tmp_path)
