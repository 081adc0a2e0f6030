"""The switchboard: every request ends in exactly one answer."""

from bus.calls import Memory, Post, Switchboard
from bus.envelope import Answer, Ask

ASK = Ask(id="1", service="cni", within_s=5.0, body=b"body")
ASKER, CNI = b"asker", b"cni:1"


def test_a_request_to_a_live_service_goes_there_and_its_answer_comes_back() -> None:
    board = Switchboard()
    board.here("cni", CNI)
    assert board.ask(ASKER, ASK, now=0.0) == [Post(CNI, ASK)]
    answer = Answer(id="1", body=b"done")
    assert board.answer(answer) == [Post(ASKER, answer)]
    assert board.answer(answer) == [], "a second answer is nobody's"


def test_a_request_to_a_service_that_is_not_there_fails_at_once_by_name() -> None:
    assert Switchboard().ask(ASKER, ASK, now=0.0) == [Post(ASKER, Answer(id="1", error="cni: not on the bus"))]


def test_a_request_fails_when_its_service_dies_or_restarts() -> None:
    board = Switchboard()
    board.here("cni", CNI)
    board.ask(ASKER, ASK, now=0.0)
    [post] = board.here("cni", b"cni:2")
    assert post.to == ASKER
    assert "restarted" in post.message.error  # type: ignore[union-attr]
    board.ask(ASKER, ASK, now=0.0)
    [post] = board.gone("cni", "cni: silent")
    assert post.message == Answer(id="1", error="cni: silent")


def test_a_request_fails_at_its_deadline_and_a_late_answer_is_dropped() -> None:
    board = Switchboard()
    board.here("cni", CNI)
    board.ask(ASKER, ASK, now=0.0)
    assert board.expire(4.9) == []
    assert board.expire(5.0) == [Post(ASKER, Answer(id="1", error="cni: no answer in time"))]
    assert board.answer(Answer(id="1", body=b"late")) == []


def test_a_repeated_request_is_answered_from_memory() -> None:
    memory = Memory()
    assert memory.first_time("1")
    assert not memory.first_time("1")
    assert memory.recall("1") is None, "still being worked on"
    memory.answered(Answer(id="1", body=b"done"))
    assert memory.recall("1") == Answer(id="1", body=b"done")


def test_one_that_is_asked_again_waits_for_its_service_to_say_hello_to_a_new_broker() -> None:
    board = Switchboard()
    ask = Ask(id="a", service="cni", within_s=10.0, body=b"", again=True)
    assert board.ask(b"asker", ask, 0.0) == []
    assert board.expire(1.0) == []
    assert board.here("cni", b"cni:1") == [Post(b"cni:1", ask)]
    assert board.ask(b"asker", Ask(id="b", service="routing", within_s=10.0, body=b"", again=True), 0.0) == []
    assert board.expire(3.0) == [Post(b"asker", Answer(id="b", error="routing: not on the bus"))]
