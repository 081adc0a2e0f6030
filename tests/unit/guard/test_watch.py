"""Silence, and who is to blame for it."""

from vppd_guard.probes.verdict import ForwardingVerdict, ForwardingWatch, Observation

GATEWAY = "192.0.2.1"
NOBODY = frozenset[str]()


def watch(patience_s: float = 20.0, *asked: str) -> ForwardingWatch:
    return ForwardingWatch.begin(asked or (GATEWAY,), patience_s, 100.0)


def test_an_answer_is_all_it_takes() -> None:
    assert watch().judge(Observation(answered=frozenset({GATEWAY})), 500.0) is ForwardingVerdict.FORWARDS


def test_one_of_several_answers_is_enough() -> None:
    both = watch(20.0, GATEWAY, "2001:db8::1")
    assert (
        both.judge(Observation(answered=frozenset({GATEWAY}), wire_answers=True), 500.0) is ForwardingVerdict.FORWARDS
    )


def test_silence_is_blamed_on_vpp_if_the_gateway_answers_beside_it() -> None:
    seen = Observation(answered=NOBODY, api_answers=True, wire_answers=True)
    silent = watch()
    assert silent.judge(seen, 119.0) is ForwardingVerdict.SUSPECT
    assert silent.judge(seen, 120.0) is ForwardingVerdict.BLAMED
    assert "answers on the wire beside VPP" in silent.why(seen, 120.0)


def test_a_network_that_has_failed_is_not_blamed_on_vpp() -> None:
    seen = Observation(answered=NOBODY, api_answers=True, wire_answers=False)
    silent = watch()
    assert silent.judge(seen, 1000.0) is ForwardingVerdict.SUSPECT
    assert "not VPP" in silent.why(seen, 1000.0)


def test_where_nobody_can_look_beside_vpp_its_own_silence_speaks_against_it() -> None:
    seen = Observation(answered=NOBODY, api_answers=False)
    silent = watch()
    assert silent.judge(seen, 110.0) is ForwardingVerdict.SUSPECT
    assert silent.judge(seen, 125.0) is ForwardingVerdict.BLAMED
    assert "API has not answered" in silent.why(seen, 125.0)


def test_a_vpp_whose_api_is_busy_and_which_forwards_is_left_alone() -> None:
    busy = watch()
    for now in range(100, 200):
        assert (
            busy.judge(Observation(answered=frozenset({GATEWAY}), api_answers=False), float(now))
            is ForwardingVerdict.FORWARDS
        )


def test_without_anything_to_ask_only_a_silent_api_counts() -> None:
    nothing = ForwardingWatch.begin((), 20.0, 100.0)
    assert nothing.judge(Observation(answered=NOBODY, api_answers=True), 500.0) is ForwardingVerdict.FORWARDS
    assert nothing.judge(Observation(answered=NOBODY, api_answers=False), 510.0) is ForwardingVerdict.FORWARDS
    assert nothing.judge(Observation(answered=NOBODY, api_answers=False), 520.0) is ForwardingVerdict.BLAMED


def test_patience_of_zero_never_gives_up() -> None:
    assert (
        watch(0.0).judge(Observation(answered=NOBODY, api_answers=False, wire_answers=True), 9e9)
        is ForwardingVerdict.SUSPECT
    )


def test_an_answer_in_between_starts_the_silence_anew() -> None:
    seen = Observation(answered=NOBODY, wire_answers=True)
    silent = watch()
    silent.judge(Observation(answered=frozenset({GATEWAY})), 119.0)
    assert silent.judge(seen, 130.0) is ForwardingVerdict.SUSPECT
    assert silent.judge(seen, 139.0) is ForwardingVerdict.BLAMED
