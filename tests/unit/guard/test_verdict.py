"""Silence, and who is to blame for it."""

from vppd_guard.probes.verdict import ForwardingObservation, ForwardingVerdict, ForwardingWatch

GATEWAY = "192.0.2.1"
NO_ADDRESS = frozenset[str]()


def watch(patience_s: float = 20.0, *targets: str) -> ForwardingWatch:
    return ForwardingWatch.begin(targets or (GATEWAY,), patience_s, 100.0)


def test_an_answer_is_all_it_takes() -> None:
    assert watch().judge(ForwardingObservation(answered=frozenset({GATEWAY})), 500.0) is ForwardingVerdict.FORWARDS


def test_one_of_several_answers_is_enough() -> None:
    watch_of_two = watch(20.0, GATEWAY, "2001:db8::1")
    assert (
        watch_of_two.judge(ForwardingObservation(answered=frozenset({GATEWAY}), wire_answers=True), 500.0)
        is ForwardingVerdict.FORWARDS
    )


def test_silence_is_blamed_on_vpp_if_the_gateway_answers_beside_it() -> None:
    silence = ForwardingObservation(answered=NO_ADDRESS, api_answers=True, wire_answers=True)
    silent = watch()
    assert silent.judge(silence, 119.0) is ForwardingVerdict.SUSPECT
    assert silent.judge(silence, 120.0) is ForwardingVerdict.BLAMED
    assert "answers on the wire beside VPP" in silent.why(silence, 120.0)


def test_a_network_that_has_failed_is_not_blamed_on_vpp() -> None:
    silence = ForwardingObservation(answered=NO_ADDRESS, api_answers=True, wire_answers=False)
    silent = watch()
    assert silent.judge(silence, 1000.0) is ForwardingVerdict.SUSPECT
    assert "not VPP" in silent.why(silence, 1000.0)


def test_where_nobody_can_look_beside_vpp_its_own_silence_speaks_against_it() -> None:
    silence = ForwardingObservation(answered=NO_ADDRESS, api_answers=False)
    silent = watch()
    assert silent.judge(silence, 110.0) is ForwardingVerdict.SUSPECT
    assert silent.judge(silence, 125.0) is ForwardingVerdict.BLAMED
    assert "API has not answered" in silent.why(silence, 125.0)


def test_a_vpp_whose_api_is_busy_and_which_forwards_is_left_alone() -> None:
    busy = watch()
    for now in range(100, 200):
        assert (
            busy.judge(ForwardingObservation(answered=frozenset({GATEWAY}), api_answers=False), float(now))
            is ForwardingVerdict.FORWARDS
        )


def test_without_anything_to_ask_only_a_silent_api_counts() -> None:
    watch_of_none = ForwardingWatch.begin((), 20.0, 100.0)
    assert (
        watch_of_none.judge(ForwardingObservation(answered=NO_ADDRESS, api_answers=True), 500.0)
        is ForwardingVerdict.FORWARDS
    )
    assert (
        watch_of_none.judge(ForwardingObservation(answered=NO_ADDRESS, api_answers=False), 510.0)
        is ForwardingVerdict.FORWARDS
    )
    assert (
        watch_of_none.judge(ForwardingObservation(answered=NO_ADDRESS, api_answers=False), 520.0)
        is ForwardingVerdict.BLAMED
    )


def test_patience_of_zero_never_gives_up() -> None:
    assert (
        watch(0.0).judge(ForwardingObservation(answered=NO_ADDRESS, api_answers=False, wire_answers=True), 9e9)
        is ForwardingVerdict.SUSPECT
    )


def test_an_answer_in_between_starts_the_silence_anew() -> None:
    silence = ForwardingObservation(answered=NO_ADDRESS, wire_answers=True)
    silent = watch()
    silent.judge(ForwardingObservation(answered=frozenset({GATEWAY})), 119.0)
    assert silent.judge(silence, 130.0) is ForwardingVerdict.SUSPECT
    assert silent.judge(silence, 139.0) is ForwardingVerdict.BLAMED
