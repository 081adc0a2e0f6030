"""A disk that is full or read-only: what cannot be remembered is not wired, and what is forgotten late goes at last."""

from pathlib import Path

from tests.file_systems import small_file_system
from tests.stories.cni.world import Node, play, request
from tests.waiting import until_async

V4, OTHER_V4 = "10.1.0.5", "10.1.0.6"


def test_a_pod_that_cannot_be_remembered_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        with small_file_system(node.config.state / "cni") as disk:
            netns, other = node.namespace("a"), node.namespace("b")
            assert (await node.add(request("web-0", netns, V4))).successful
            disk.fill()
            reply = await node.add(request("web-1", other, OTHER_V4))
            assert not reply.successful
            assert "No space left on device" in reply.error_message
            assert node.devices(other) == set()
            assert node.records() == 1
            assert node.interfaces().keys() == {"default/web-0/eth0"}
            disk.empty()
            assert (await node.add(request("web-1", other, OTHER_V4))).successful
            assert node.records() == 2
            await node.manager.on_stop()

    play(story, tmp_path)


def test_a_read_only_disk_refuses_pods_by_name_and_a_deleted_one_goes_when_it_can(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        with small_file_system(node.config.state / "cni") as disk:
            netns, other = node.namespace("a"), node.namespace("b")
            assert (await node.add(request("web-0", netns, V4))).successful
            with disk.read_only():
                added, deleted = await node.add(request("web-1", other, OTHER_V4)), await node.delete(netns)
            for reply in (added, deleted):
                assert not reply.successful
                assert "Read-only file system" in reply.error_message
            assert not node.vpp.objects, "both are out of VPP all the same"
            await until_async(lambda: node.records() == 0, "the record goes as soon as it can")
            assert (await node.delete(netns)).successful
            await node.manager.on_stop()

    play(story, tmp_path)


def test_the_server_starts_on_a_read_only_disk_that_still_has_records_of_pods_that_have_gone(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        with small_file_system(node.config.state / "cni") as disk:
            netns, other = node.namespace("a"), node.namespace("b")
            assert (await node.add(request("web-0", netns, V4))).successful
            assert (await node.add(request("web-1", other, OTHER_V4))).successful
            await node.manager.on_stop()
            node.end_namespace(netns)
            (node.config.state / "cni" / "pods" / "0.pod").write_text("not a record")
            with disk.read_only():
                await node.start()
                node.vpp.hear_uplinks()
                await node.vpp.quiet()
                assert node.interfaces().keys() == {"default/web-1/eth0"}
                await node.manager.on_stop()

    play(story, tmp_path)
