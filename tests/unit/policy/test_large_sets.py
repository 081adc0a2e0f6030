"""A set that is larger than a row of the bus may be is several sets, of which a rule needs one."""

import pytest

from actors.policy import large_sets
from actors.policy.large_sets import SET_MEMBERS_MAX, LargeSets, cut_ip_set
from bus.row_encoding import ROW_BYTES_MAX
from schemas import codec
from schemas.npol import IpSetIntent, PolicyIntent, PolicyRule, RuleEntityMatch

LARGE = IpSetIntent("large", "ip", tuple(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(460_000)))
SMALL = IpSetIntent("small", "net", ("10.0.0.0/24",))
POLICY = PolicyIntent("p", tx=(PolicyRule("allow", source=RuleEntityMatch(sets=("large",))),))


def test_460_000_members_travel_in_rows_of_bounded_size_each_member_once() -> None:
    pieces = cut_ip_set(LARGE)
    assert sorted(member for piece in pieces for member in piece.members) == sorted(LARGE.members)
    assert len({piece.key for piece in pieces}) == len(pieces) == 16
    assert max(len(codec.encode_row_value(piece)) for piece in pieces) < ROW_BYTES_MAX


def test_the_longest_members_fit_into_a_row() -> None:
    member = "2001:db8:aaaa:bbbb:cccc:dddd:eeee:{:04x},132,{}"
    longest = tuple(member.format(n & 0xFFFF, 10_000 + (n >> 16)) for n in range(4 * SET_MEMBERS_MAX))
    pieces = cut_ip_set(IpSetIntent("x", "ip-port", longest))
    assert max(len(codec.encode_row_value(piece)) for piece in pieces) < ROW_BYTES_MAX


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> IpSetIntent:
    """A set that is large where 10 members are many."""
    monkeypatch.setattr(large_sets, "SET_MEMBERS_MAX", 10)
    return IpSetIntent("large", "ip", tuple(sorted(f"10.0.0.{n}" for n in range(35))))


def test_rules_name_the_pieces_and_what_is_small_stays_as_it_is(few: IpSetIntent) -> None:
    except_pieces = RuleEntityMatch(sets=("small", "large"))
    policy = PolicyIntent("p", POLICY.tx, (PolicyRule("deny", not_destination=except_pieces), *POLICY.tx))
    other = PolicyIntent("other", tx=(PolicyRule("allow", source=RuleEntityMatch(sets=("small",))),))
    intents = list(LargeSets().cut({"large": few, "small": SMALL}, [policy, other]))
    sets = {intent.name: intent for intent in intents if isinstance(intent, IpSetIntent)}
    pieces = tuple(name for name in sets if name != "small")
    assert pieces == ("large#1/4", "large#2/4", "large#3/4", "large#4/4")
    assert sets["small"] is SMALL
    cut, untouched = (intent for intent in intents if isinstance(intent, PolicyIntent))
    assert untouched is other
    assert cut.rx[0].source.sets == cut.tx[1].source.sets == pieces
    assert cut.tx[0].not_destination.sets == ("small", *pieces)


def test_a_member_that_comes_changes_one_piece_and_nothing_is_cut_again_that_is_the_same(few: IpSetIntent) -> None:
    cutter = LargeSets()
    first = list(cutter.cut({"large": few}, [POLICY]))
    again = list(cutter.cut({"large": few}, [POLICY]))
    assert all(one is other for one, other in zip(first, again, strict=True))
    grown = IpSetIntent("large", "ip", tuple(sorted((*few.members, "10.0.0.99"))))
    later = list(cutter.cut({"large": grown}, [POLICY]))
    assert sum(one != other for one, other in zip(first, later, strict=True)) == 1
    assert later[-1] is first[-1], "the policy names the same pieces"


def test_when_a_set_is_small_again_the_policy_is_what_it_was(few: IpSetIntent) -> None:
    cutter = LargeSets()
    list(cutter.cut({"large": few}, [POLICY]))
    small_again = IpSetIntent("large", "ip", few.members[:5])
    assert list(cutter.cut({"large": small_again}, [POLICY])) == [small_again, POLICY]
