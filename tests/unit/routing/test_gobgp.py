"""Operations on gobgpd, and its paths, as data."""

import pytest

from actors.routing.gobgp import messages, paths
from actors.routing.gobgp.plan import (
    AddBgpPeer,
    AnnouncePaths,
    DeleteBgpPeer,
    SetBgpPolicies,
    StartBgp,
    StopBgp,
    WithdrawPath,
    gobgp_operations,
)
from actors.routing.gobgp.state import BgpGlobal, BgpPeerConfig, BgpPeerState, DesiredBgp, ObservedBgp
from schemas.proto import gobgp_pb2 as pb

BGP = BgpGlobal(asn=64512, router_id="192.0.2.1", listen_addresses=("2001:db8::1", "192.0.2.1"))
PEER = BgpPeerConfig(address="192.0.2.2", asn=64512, local_address="192.0.2.1")
PRESENT = BgpPeerState(address="192.0.2.2", asn=64512, local_address="192.0.2.1", state="established")
BLOCK = "10.48.0.0/26"
DESIRED = DesiredBgp(bgp=BGP, peers={PEER.address: PEER}, paths={BLOCK: "192.0.2.1"}, blocks=frozenset([BLOCK]))
OBSERVED = ObservedBgp(bgp=BGP, peers={PRESENT.address: PRESENT}, paths={BLOCK: "192.0.2.1"}, blocks=frozenset([BLOCK]))


def test_a_gobgpd_that_holds_what_is_wanted_is_left_alone() -> None:
    assert gobgp_operations(DESIRED, OBSERVED) == []


def test_an_empty_gobgpd_gets_policies_before_paths_and_paths_before_peers() -> None:
    assert gobgp_operations(DESIRED, ObservedBgp()) == [
        StartBgp(BGP),
        SetBgpPolicies(frozenset([BLOCK])),
        AnnouncePaths(((BLOCK, "192.0.2.1"),)),
        AddBgpPeer(PEER, restarting=True),
    ]


def test_another_as_number_starts_bgp_anew() -> None:
    observed = ObservedBgp(bgp=BgpGlobal(asn=1, router_id="192.0.2.1"), peers={PRESENT.address: PRESENT})
    kinds = [type(operation) for operation in gobgp_operations(DESIRED, observed)]
    assert kinds == [StopBgp, StartBgp, SetBgpPolicies, AnnouncePaths, AddBgpPeer]


def test_the_order_of_listen_addresses_is_no_difference() -> None:
    observed = ObservedBgp(
        bgp=BgpGlobal(asn=64512, router_id="192.0.2.1", listen_addresses=("192.0.2.1", "2001:db8::1")),
        peers=OBSERVED.peers,
        paths=OBSERVED.paths,
        blocks=OBSERVED.blocks,
    )
    assert gobgp_operations(DESIRED, observed) == []


def test_a_peer_is_replaced_only_when_it_must_differ() -> None:
    renumbered = BgpPeerState(address="192.0.2.2", asn=65002, local_address="192.0.2.1")
    observed = ObservedBgp(bgp=BGP, peers={"192.0.2.2": renumbered}, paths=OBSERVED.paths, blocks=OBSERVED.blocks)
    assert gobgp_operations(DESIRED, observed) == [DeleteBgpPeer("192.0.2.2"), AddBgpPeer(PEER, restarting=False)]
    without_peer = DesiredBgp(bgp=BGP, paths=DESIRED.paths, blocks=DESIRED.blocks)
    assert gobgp_operations(without_peer, OBSERVED) == [DeleteBgpPeer("192.0.2.2")]


def test_a_block_that_is_not_ours_any_more_is_withdrawn() -> None:
    desired = DesiredBgp(bgp=BGP, peers=DESIRED.peers)
    assert gobgp_operations(desired, OBSERVED) == [SetBgpPolicies(frozenset()), WithdrawPath(BLOCK, "192.0.2.1")]


@pytest.mark.parametrize(
    ("prefix", "hop"), [("10.48.0.0/26", "192.0.2.1"), ("fd48::/122", "2001:db8::1"), ("0.0.0.0/0", "192.0.2.1")]
)
def test_paths_survive_the_way_to_protobuf_and_back(prefix: str, hop: str) -> None:
    path = pb.Path.FromString(paths.gobgp_path_message(prefix, hop).SerializeToString())
    assert (paths.bgp_path_prefix(path), paths.bgp_next_hop(path)) == (prefix, hop)


def test_a_withdraw_forgets_and_a_new_best_path_replaces() -> None:
    learnt: dict[str, str] = {}
    first, second = paths.gobgp_path_message(BLOCK, "192.0.2.2"), paths.gobgp_path_message(BLOCK, "192.0.2.3")
    assert paths.update_learnt_bgp_paths(learnt, [first, second]) == []
    assert learnt == {BLOCK: "192.0.2.3"}
    second.is_withdraw = True
    paths.update_learnt_bgp_paths(learnt, [second])
    assert learnt == {}


def test_a_path_without_a_usable_next_hop_is_named_and_the_others_are_learnt() -> None:
    bad = paths.gobgp_path_message("10.48.9.0/26", "not-an-address")
    linked = paths.gobgp_path_message("fd48::40/122", "fe80::1")
    learnt: dict[str, str] = {}
    errors = paths.update_learnt_bgp_paths(learnt, [bad, linked, paths.gobgp_path_message(BLOCK, "192.0.2.2")])
    assert learnt == {BLOCK: "192.0.2.2"}
    assert "path 10.48.9.0/26" in errors[0]
    assert "next hop" in errors[0]
    assert "path fd48::40/122" in errors[1]


def test_a_link_local_next_hop_beside_a_global_one_is_skipped() -> None:
    path = paths.gobgp_path_message("fd48::40/122", "fe80::1")
    attribute = pb.MpReachNLRIAttribute(next_hops=["fe80::1", "2001:db8::2"])
    path.pattrs[1].Pack(attribute)
    assert paths.bgp_next_hop(path) == "2001:db8::2"


def test_a_session_that_did_not_come_up_is_tried_again_within_seconds() -> None:
    message = messages.gobgp_peer_message(PEER, restarting=False)
    assert 0 < message.timers.config.connect_retry <= 5


def test_the_export_policy_lets_the_block_out_and_keeps_what_is_inside_it() -> None:
    sets = {s.name: s for s in messages.gobgp_policies_request([BLOCK, "fd48::/122"]).defined_sets}
    lengths = {n: [(p.ip_prefix, p.mask_length_min, p.mask_length_max) for p in s.prefixes] for n, s in sets.items()}
    assert lengths == {
        "aggregated-v4": [(BLOCK, 26, 26)],
        "host-v4": [(BLOCK, 27, 32)],
        "aggregated-v6": [("fd48::/122", 122, 122)],
        "host-v6": [("fd48::/122", 123, 128)],
    }
