"""What real gobgpd tell one another over sessions that are up: blocks, paths inside and outside, no transit."""

import asyncio
from dataclasses import replace

from actors.routing.gobgp.plan import AnnouncePaths, WithdrawPath
from actors.routing.gobgp.state import BgpGlobal, BgpPeerConfig, DesiredBgp
from tests.processes.gobgp.speakers import (
    ADDRESS,
    ADDRESS6,
    AS,
    AS_OF_C,
    BLOCK,
    BLOCK6,
    INSIDE_B,
    OUTSIDE,
    Speakers,
    converge,
    listening,
    reached,
)
from tests.processes.gobgp.speakers import desired_of_both_families as desired

V6 = {BLOCK6["b"]: ADDRESS6["b"]}
BLOCKS = {BLOCK["b"]: ADDRESS["b"], **V6}


def test_a_path_inside_a_block_is_told_only_while_the_block_is_not_ours(joined: Speakers) -> None:
    async def story() -> None:
        async with reached(joined, "a") as a, reached(joined, "b") as b, listening(a) as listener:
            whole = desired("b", "a")
            whole.paths |= {INSIDE_B: ADDRESS["b"], OUTSIDE: ADDRESS["b"]}
            hosts = desired("b", "a")
            hosts.paths = {INSIDE_B: ADDRESS["b"], OUTSIDE: ADDRESS["b"]}
            hosts.blocks = frozenset()
            outside_and_inside = {OUTSIDE: ADDRESS["b"], INSIDE_B: ADDRESS["b"]}
            for _ in range(2):
                await converge(b, hosts)
                await listener.learns(outside_and_inside)
                await converge(b, whole)
                await listener.learns({OUTSIDE: ADDRESS["b"], **BLOCKS})
            await converge(b, desired("b", "a"))
            await listener.learns(BLOCKS)

    asyncio.run(story())


def test_a_path_of_a_peer_that_ours_has_hidden_is_not_kept_when_both_are_gone(joined: Speakers) -> None:
    async def story() -> None:
        async with reached(joined, "a") as a, reached(joined, "b") as b, listening(a) as listener:
            await listener.learns(BLOCKS)
            await a.apply(AnnouncePaths(((BLOCK["b"], ADDRESS["a"]),)))
            await listener.learns(V6)
            await a.apply(WithdrawPath(BLOCK["b"], ADDRESS["a"]))
            await listener.learns(BLOCKS)
            await a.apply(AnnouncePaths(((BLOCK["b"], ADDRESS["a"]),)))
            await listener.learns(V6)
            await b.apply(WithdrawPath(BLOCK["b"], ADDRESS["b"]))
            await a.apply(WithdrawPath(BLOCK["b"], ADDRESS["a"]))
            await b.apply(AnnouncePaths(((OUTSIDE, ADDRESS["b"]),)))
            await listener.learns({OUTSIDE: ADDRESS["b"], **V6})
            await converge(b, desired("b", "a"))
            await listener.learns(BLOCKS)

    asyncio.run(story())


def test_what_was_learnt_from_one_peer_is_not_told_to_another(joined: Speakers) -> None:
    async def story() -> None:
        joined.start("c")
        async with reached(joined, "a") as a, reached(joined, "b") as b, reached(joined, "c") as c:
            between = desired("b", "a")
            between.peers[ADDRESS["c"]] = BgpPeerConfig(address=ADDRESS["c"], asn=AS_OF_C, local_address=ADDRESS["b"])
            to_b = BgpPeerConfig(address=ADDRESS["b"], asn=AS, local_address=ADDRESS["c"])
            bgp = BgpGlobal(asn=AS_OF_C, router_id=ADDRESS["c"], listen_addresses=(ADDRESS["c"],))
            await converge(b, between)
            await converge(c, DesiredBgp(bgp=bgp, peers={to_b.address: to_b}))
            async with listening(b) as at_b, listening(c) as at_c:
                await at_c.learns({BLOCK["b"]: ADDRESS["b"]})
                state = desired("a", "b")
                state.paths["10.5.0.0/24"] = ADDRESS["a"]
                await converge(a, state)
                learnt_by_b = {BLOCK["a"]: ADDRESS["a"], BLOCK6["a"]: ADDRESS6["a"], "10.5.0.0/24": ADDRESS["a"]}
                await at_b.learns(learnt_by_b)
                # What b tells c comes in order: with the last path, all that went before has arrived.
                between.paths[OUTSIDE] = ADDRESS["b"]
                await converge(b, between)
                await at_c.learns({BLOCK["b"]: ADDRESS["b"], OUTSIDE: ADDRESS["b"]})
            await converge(a, desired("a", "b"))
            await converge(b, desired("b", "a"))

    asyncio.run(story())


def test_bgp_that_starts_anew_with_another_as_forgets_what_it_had_learnt(joined: Speakers) -> None:
    async def story() -> None:
        async with reached(joined, "a") as a, listening(a) as listener:
            await listener.learns(BLOCKS)
            state = desired("a", "b")
            state.bgp = replace(state.bgp, asn=65001)
            await converge(a, state)
            await listener.learns({})

    asyncio.run(story())
