"""Two real gobgpd driven by our client: restart of one, refusals, and what is left alone."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from actors.routing.gobgp.client import GobgpAway, GobgpClient, GobgpRefused
from actors.routing.gobgp.plan import AddBgpPeer, AnnouncePaths, DeleteBgpPeer, StartBgp, WithdrawPath
from actors.routing.gobgp.state import BgpGlobal, BgpPeerConfig, BgpTimers, DesiredBgp
from tests.processes.gobgp.speakers import (
    ADDRESS,
    AS,
    BLOCK,
    INSIDE_B,
    Speakers,
    converge,
    desired_of_ip4,
    listening,
    reached,
)
from tests.waiting import until_async


def test_a_killed_gobgpd_comes_back_and_no_route_is_withdrawn(pair: Speakers) -> None:
    async def story() -> None:
        async with reached(pair, "a") as a, reached(pair, "b") as b, listening(a) as listener:
            await converge(a, desired_of_ip4("a", "b"))
            state = desired_of_ip4("b", "a")
            state.paths[INSIDE_B] = ADDRESS["b"]
            await converge(b, state)
            assert await converge(a, desired_of_ip4("a", "b")) == [], "said twice: nothing to do"
            assert await converge(b, state) == []
            await listener.learns({BLOCK["b"]: ADDRESS["b"]})

            pair.kill("b")
            pair.start("b")
            async with reached(pair, "b") as again:
                await converge(again, desired_of_ip4("b", "a"))

                async def told_again() -> bool:
                    peers = await a.peers()
                    return all(p.state == "established" and p.end_of_rib for p in peers.values())

                async def down() -> bool:
                    return (await a.peers())[ADDRESS["b"]].state != "established"

                await until_async(down)
                assert listener.learnt == {BLOCK["b"]: ADDRESS["b"]}, "kept while the peer is away"
                await until_async(told_again)
                assert listener.withdrawn == []
                await converge(again, DesiredBgp(bgp=state.bgp, peers=state.peers))
                await listener.learns({})

    asyncio.run(story())


def test_a_refused_operation_is_named_with_its_object(pair: Speakers) -> None:
    async def story() -> None:
        async with reached(pair, "a") as a:
            bgp = BgpGlobal(asn=AS, router_id=ADDRESS["a"], listen_addresses=("192.0.2.99",))
            with pytest.raises(GobgpRefused, match=r"start BGP, AS 64512.*192\.0\.2\.99"):
                await a.apply(StartBgp(bgp))
            peer = BgpPeerConfig(address="not-an-address", asn=1)
            with pytest.raises(GobgpRefused, match="add peer not-an-address"):
                await a.apply(AddBgpPeer(peer, restarting=False))

    asyncio.run(story())


def test_a_start_that_was_refused_at_one_address_is_not_in_the_way_of_the_next(pair: Speakers) -> None:
    async def story() -> None:
        async with reached(pair, "a") as a:
            good = BgpGlobal(asn=AS, router_id=ADDRESS["a"], listen_addresses=(ADDRESS["a"],))
            with pytest.raises(GobgpRefused, match="assign requested address"):
                await a.apply(StartBgp(replace(good, listen_addresses=(ADDRESS["a"], "192.0.2.99"))))
            await a.apply(StartBgp(good))
            with pytest.raises(GobgpRefused, match="address already in use"):
                await a.apply(StartBgp(good))
            assert (await a.observe()).bgp == good, "a second start changes nothing"

    asyncio.run(story())


def test_a_malformed_path_is_named_and_the_others_are_announced(pair: Speakers) -> None:
    async def story() -> None:
        async with reached(pair, "a") as a:
            await converge(a, DesiredBgp(bgp=desired_of_ip4("a", "b").bgp))
            three = (("10.1.0.0/24", ADDRESS["a"]), ("10.2.0.0/24", "nowhere"), ("10.3.0.0/24", ADDRESS["a"]))
            with pytest.raises(GobgpRefused, match=r"path 10\.2\.0\.0/24 by nowhere"):
                await a.apply(AnnouncePaths(three))
            assert (await a.observe()).paths == {"10.1.0.0/24": ADDRESS["a"], "10.3.0.0/24": ADDRESS["a"]}

    asyncio.run(story())


def test_a_path_that_somebody_injected_by_hand_is_seen_and_taken_back(pair: Speakers) -> None:
    async def story() -> None:
        async with reached(pair, "a") as a:
            state = DesiredBgp(bgp=desired_of_ip4("a", "b").bgp)
            await converge(a, state)
            await a.apply(AnnouncePaths((("10.1.0.0/24", "0.0.0.0"), ("fd01::/64", "::"))))
            taken_back = [WithdrawPath("10.1.0.0/24", "0.0.0.0"), WithdrawPath("fd01::/64", "::")]
            assert await converge(a, state) == taken_back
            assert await converge(a, state) == []

    asyncio.run(story())


PLAIN = BgpPeerConfig(address=ADDRESS["b"], asn=AS)


@pytest.mark.parametrize(
    "peer",
    [
        PLAIN,
        replace(PLAIN, local_address=ADDRESS["a"], port=1179),
        replace(PLAIN, restart_s=0, timers=BgpTimers(hold_s=9)),
        replace(PLAIN, restart_s=60, timers=BgpTimers(hold_s=10, keepalive_s=2, connect_retry_s=0)),
    ],
)
def test_a_peer_is_left_alone_as_long_as_it_is_as_wanted(pair: Speakers, peer: BgpPeerConfig) -> None:
    async def story() -> None:
        async with reached(pair, "a") as a:
            state = DesiredBgp(bgp=desired_of_ip4("a", "b").bgp, peers={peer.address: peer})
            await converge(a, state)
            assert await converge(a, state) == []
            for change in ({"port": 1180}, {"restart_s": 30}, {"timers": BgpTimers(hold_s=12)}):
                changed = replace(peer, **change)
                state.peers = {peer.address: changed}
                assert await converge(a, state) == [DeleteBgpPeer(peer.address), AddBgpPeer(changed, restarting=False)]
                assert await converge(a, state) == []

    asyncio.run(story())


def test_a_gobgpd_that_is_not_there_is_away(tmp_path: Path) -> None:
    async def story() -> None:
        async with GobgpClient(tmp_path / "nobody.sock") as gobgp:
            with pytest.raises(GobgpAway, match="get BGP"):
                await gobgp.observe()

    asyncio.run(story())
