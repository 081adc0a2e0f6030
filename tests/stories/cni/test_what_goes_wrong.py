"""Things that go wrong: late answers of VPP, late calls of the runtime, pods that spoil their own side, odd files."""

import asyncio
from pathlib import Path

import pytest

from actors.cni import netns as side
from actors.cni import repair
from actors.cni.pods import parse_pod_request
from schemas.intents import Intent
from tests.stories.cni.world import Node, play, request, run
from tests.waiting import until_async

V4, V6 = "10.1.0.5", "fd10::5"


def goes_away_in_the_middle(node: Node) -> None:
    """VPP takes all but the routes of the next pod, then answers no more."""
    whole = node.vpp.apply

    def apply(intents: dict[str, Intent]) -> None:
        whole({key: intent for key, intent in intents.items() if not key.startswith("route/")})
        node.vpp.away = bool(intents)

    node.vpp.apply = apply  # type: ignore[method-assign]


async def comes_back(node: Node) -> None:
    node.vpp.away = False
    node.vpp.wake()
    await node.vpp.quiet()


def test_a_pod_whose_delete_failed_stays_withdrawn_and_its_record_until_it_is(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4))
        node.vpp.away = True
        reply = await node.delete(netns)
        assert not reply.successful
        assert "default/web-0/eth0" in reply.error_message
        assert node.records() == 1
        await comes_back(node)
        assert (await node.delete(netns)).successful
        assert node.holds_nothing(netns)

    play(story, tmp_path)


def test_a_rollback_that_vpp_was_late_for_is_told_with_its_reason_and_finished(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        goes_away_in_the_middle(node)
        reply = await node.add(request("web-0", netns, V4))
        assert not reply.successful
        assert "route/" in reply.error_message
        assert node.records() == 1
        await comes_back(node)
        assert node.holds_nothing(netns)

    play(story, tmp_path)


def test_a_late_delete_of_the_old_sandbox_spares_the_new_one(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        old, new = node.namespace("old"), node.namespace("new")
        await node.add(request("web-0", old, V4))
        node.vpp.away = True
        adding = asyncio.create_task(node.add(request("web-0", new, V4)))
        await until_async(lambda: not node.interfaces())
        deleting = asyncio.create_task(node.delete(old))
        await comes_back(node)
        assert (await adding).successful
        assert (await deleting).successful
        assert node.addresses(new) == {V4}
        assert node.records() == 1

    play(story, tmp_path)


def test_a_pod_is_told_of_as_coming_until_it_is_set_up(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        node.vpp.away = True
        adding = asyncio.create_task(node.add(request("web-0", node.namespace("a"), V4)))
        await until_async(lambda: node.records() == 1)
        fact = node.interfaces()["default/web-0/eth0"]
        assert fact.coming
        await comes_back(node)
        assert (await adding).successful
        fact = node.interfaces()["default/web-0/eth0"]
        assert not fact.coming

    play(story, tmp_path)


def test_a_device_that_cannot_have_its_addresses_is_an_answer(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4, V6))
        run(f"ip -n {Path(netns).name} link set eth0 mtu 1000")  # too small for IPv6
        reply = await node.add(request("web-0", netns, V4, V6))
        assert not reply.successful
        assert netns in reply.error_message

    play(story, tmp_path)


def test_a_pod_that_spoils_its_device_does_not_end_the_server(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns, second = node.namespace("a"), node.namespace("b")
        await node.add(request("web-0", netns, V4, V6))
        await node.add(request("web-1", second, "10.1.0.6"))
        run(f"ip -n {Path(netns).name} link set eth0 mtu 1000")
        run(f"ip -n {Path(second).name} address flush dev eth0")
        node.new_vpp()
        await until_async(lambda: any("default/web-0/eth0" in reason for reason in node.manager.unwell()))
        await until_async(lambda: node.addresses(second) == {"10.1.0.6"})
        assert not node.vpp.failed

    play(story, tmp_path)


def test_a_deleted_pod_is_no_reason_for_being_unwell(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4))
        run(f"ip -n {Path(netns).name} link del eth0")
        node.new_vpp()
        await until_async(node.manager.unwell)
        await node.delete(netns)
        assert not node.manager.unwell()

    play(story, tmp_path)


def test_a_pods_side_that_could_not_be_mended_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repair, "PODS_SIDE_AGAIN_S", 0.05)

    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4))
        run(f"ip -n {Path(netns).name} link del eth0")
        node.new_vpp()
        await until_async(node.manager.unwell)
        run(f"ip -n {Path(netns).name} tuntap add mode tun name eth0")
        await until_async(lambda: not node.manager.unwell())
        assert node.addresses(netns) == {V4}

    play(story, tmp_path)


def test_a_record_that_cannot_be_read_does_not_keep_the_server_from_starting(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        (node.config.state / "cni" / "pods" / "odd.pod").mkdir(parents=True)
        await node.restart()
        assert node.vpp.counters["damaged_records"] == 1

    play(story, tmp_path)


def test_a_pod_is_kept_while_its_namespace_is_only_not_mounted_here(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4))
        run(f"umount {netns}")
        await node.restart()
        assert node.records() == 1

    play(story, tmp_path)


def test_an_address_with_a_wrong_length_is_replaced(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        run(f"ip -n {Path(netns).name} tuntap add mode tun name eth0")
        run(f"ip -n {Path(netns).name} address add {V4}/24 dev eth0")
        await asyncio.to_thread(side.configure_pod_side, parse_pod_request(request("web-0", netns, V4)))
        addresses = run(f"ip -n {Path(netns).name} -4 address show dev eth0")
        assert f"{V4}/32" in addresses
        assert "/24" not in addresses

    play(story, tmp_path)


@pytest.mark.parametrize("address", ["255.255.255.255"])
def test_the_limited_broadcast_is_no_pods_address(tmp_path: Path, address: str) -> None:
    async def story(node: Node) -> None:
        assert "container_ips" in (await node.add(request("web-0", node.namespace("a"), address))).error_message

    play(story, tmp_path)
