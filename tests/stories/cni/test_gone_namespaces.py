"""A pod whose namespace has gone leaves nothing, whatever the runtime tells of it, and whether it tells or not."""

from pathlib import Path

import pytest

from actors.cni import gone_pods
from tests.stories.cni.world import Node, play, request
from tests.waiting import until_async

V4 = "10.1.0.5"
NO_NAMESPACE = "system call error (-12)"


async def with_a_pod_that_vanishes_and_one_that_stays(node: Node) -> None:
    gone, stays = node.namespace("a"), node.namespace("b")
    assert (await node.add(request("web-0", gone, V4))).successful
    assert (await node.add(request("web-1", stays, "10.1.0.6"))).successful
    node.end_namespace(gone)


def only_the_living_is_left(node: Node) -> bool:
    """Objects, records and facts are of the pod that stays."""
    objects = {key for key in node.vpp.objects if "web-0" in key or V4 in key}
    return not objects and node.records() == 1 and set(node.interfaces()) == {"default/web-1/eth0"}


@pytest.mark.parametrize("path", ["", "/var/run/netns/another-that-was-never-here"])
def test_a_del_that_does_not_name_the_namespace_withdraws_those_that_have_gone(tmp_path: Path, path: str) -> None:
    async def story(node: Node) -> None:
        await with_a_pod_that_vanishes_and_one_that_stays(node)
        assert (await node.delete(path)).successful
        assert only_the_living_is_left(node)
        assert node.vpp.counters["gone_pods"] == 1

    play(story, tmp_path)


def test_a_namespace_that_vanishes_without_a_del_is_found_by_looking(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gone_pods, "LOOK_EVERY_S", 0.05)

    async def story(node: Node) -> None:
        await with_a_pod_that_vanishes_and_one_that_stays(node)
        await until_async(lambda: only_the_living_is_left(node))

    play(story, tmp_path)


def test_after_a_new_vpp_a_pod_that_has_gone_meanwhile_is_no_reason_for_being_unwell(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await with_a_pod_that_vanishes_and_one_that_stays(node)
        node.vpp.objects.clear()
        node.vpp.rejects["interface/pod/default/web-0"] = NO_NAMESPACE
        node.new_vpp()
        await until_async(lambda: only_the_living_is_left(node))
        await node.vpp.quiet()
        assert not node.manager.unwell()

    play(story, tmp_path)


def test_a_del_that_vpp_is_late_for_succeeds_and_the_withdrawal_goes_on(tmp_path: Path) -> None:
    """A DEL without a path may be of any pod: those of others do not wait for one that VPP is late for."""

    async def story(node: Node) -> None:
        await with_a_pod_that_vanishes_and_one_that_stays(node)
        node.vpp.away = True
        assert (await node.delete("")).successful
        assert node.records() == 2
        node.vpp.away = False
        node.vpp.wake()
        await until_async(lambda: only_the_living_is_left(node))

    play(story, tmp_path)


def test_a_namespaces_path_that_is_used_again_is_the_new_pods(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4))
        node.end_namespace(netns)
        assert node.namespace("a") == netns
        assert (await node.add(request("web-1", netns, "10.1.0.6"))).successful
        assert only_the_living_is_left(node)
        assert node.addresses(netns) == {"10.1.0.6"}
        assert (await node.delete(netns)).successful
        assert node.holds_nothing(netns)

    play(story, tmp_path)
