"""The server comes back and knows its pods; nothing in VPP changes."""

from pathlib import Path

from schemas.facts import UplinkFact
from tests.stories.cni.world import Node, play, request, run
from tests.waiting import until_async

V4 = "10.1.0.5"


def test_a_restart_keeps_the_pods_and_writes_nothing(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        paths = [node.namespace(str(n)) for n in range(3)]
        for n, path in enumerate(paths):
            await node.add(request(f"web-{n}", path, f"10.1.0.{n + 1}"))
        writes = node.vpp.writes
        await node.restart()
        assert node.vpp.writes == writes
        assert len(node.interfaces()) == 3
        assert (await node.delete(paths[0])).successful
        assert node.devices(paths[0]) == set()
        assert node.addresses(paths[1]) == {"10.1.0.2"}

    play(story, tmp_path)


def test_an_add_repeated_after_a_restart_changes_nothing(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        requested = request("web-0", node.namespace("a"), V4)
        first = await node.add(requested)
        await node.restart()
        writes = node.vpp.writes
        assert await node.add(requested) == first
        assert node.vpp.writes == writes

    play(story, tmp_path)


def test_a_pod_whose_namespace_went_meanwhile_is_withdrawn(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4))
        node.end_namespace(netns)
        await node.restart()
        assert node.holds_nothing()
        assert netns in node.vpp.log_text.getvalue()

    play(story, tmp_path)


def test_a_damaged_record_costs_one_pod_and_is_told(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await node.add(request("web-0", node.namespace("a"), V4))
        (record,) = (node.config.state / "cni" / "pods").iterdir()
        second = node.namespace("b")
        await node.add(request("web-1", second, "10.1.0.6"))
        record.write_bytes(b"nonsense")
        await node.restart()
        assert set(node.interfaces()) == {"default/web-1/eth0"}
        assert node.vpp.counters["damaged_records"] == 1
        assert record.name in node.vpp.log_text.getvalue()

    play(story, tmp_path)


def test_a_stale_socket_is_replaced_and_only_root_may_call(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        await node.manager.on_stop()
        node.config.cni_socket.unlink(missing_ok=True)
        node.config.cni_socket.touch()
        await node.start()
        assert node.config.cni_socket.stat().st_mode & 0o007 == 0
        assert (await node.delete("/var/run/netns/nowhere")).successful

    play(story, tmp_path)


def test_after_a_new_vpp_a_bare_device_is_mended(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4))
        name = Path(netns).name
        run(f"ip -n {name} link del eth0")
        run(f"ip -n {name} tuntap add mode tun name eth0")
        node.new_vpp()
        await until_async(lambda: node.addresses(netns) == {V4})

    play(story, tmp_path)


def test_a_living_pod_keeps_its_device_when_the_uplinks_mtu_changes(tmp_path: Path) -> None:
    async def story(node: Node) -> None:
        node.manager.uplink("eth0", UplinkFact(state="running", mtu=9000))
        netns = node.namespace("a")
        await node.add(request("web-0", netns, V4))
        writes = node.vpp.writes
        node.manager.uplink("eth0", None)
        node.vpp.wake()
        await node.restart()
        assert node.vpp.writes == writes
        assert node.addresses(netns) == {V4}

    play(story, tmp_path)
