"""The switchboard: every request ends in exactly one answer."""

from bus.calls import BrokerOutgoingMessage, RequestAnswerCache, RequestSwitchboard
from bus.envelope import BusAnswer, BusAsk

ASK = BusAsk(id="1", service="cni", within_s=5.0, body=b"body")
ASKER, CNI = b"asker", b"cni:1"


def test_a_request_to_a_live_service_goes_there_and_its_answer_comes_back() -> None:
    board = RequestSwitchboard()
    board.join("cni", CNI)
    assert board.ask(ASKER, ASK, now=0.0) == [BrokerOutgoingMessage(CNI, ASK)]
    answer = BusAnswer(id="1", body=b"done")
    assert board.answer(CNI, answer) == [BrokerOutgoingMessage(ASKER, answer)]
    assert board.answer(CNI, answer) == [], "a second answer is nobody's"


def test_a_request_to_a_service_that_is_not_there_fails_at_once_by_name() -> None:
    assert RequestSwitchboard().ask(ASKER, ASK, now=0.0) == [
        BrokerOutgoingMessage(ASKER, BusAnswer(id="1", error="cni: not on the bus"))
    ]


def test_a_request_fails_when_its_service_dies_or_restarts() -> None:
    board = RequestSwitchboard()
    board.join("cni", CNI)
    board.ask(ASKER, ASK, now=0.0)
    [post] = board.join("cni", b"cni:2")
    assert post.to == ASKER
    assert "restarted" in post.message.error  # type: ignore[union-attr]
    board.ask(ASKER, ASK, now=0.0)
    [post] = board.leave("cni", "cni: silent")
    assert post.message == BusAnswer(id="1", error="cni: silent")


def test_a_request_fails_at_its_deadline_and_a_late_answer_is_dropped() -> None:
    board = RequestSwitchboard()
    board.join("cni", CNI)
    board.ask(ASKER, ASK, now=0.0)
    assert board.expire(4.9) == []
    assert board.expire(5.0) == [BrokerOutgoingMessage(ASKER, BusAnswer(id="1", error="cni: no answer in time"))]
    assert board.answer(CNI, BusAnswer(id="1", body=b"late")) == []


def test_a_repeated_request_is_answered_from_memory() -> None:
    memory = RequestAnswerCache()
    assert memory.begin("1")
    assert not memory.begin("1")
    assert memory.lookup("1") is None, "still being worked on"
    memory.store(BusAnswer(id="1", body=b"done"))
    assert memory.lookup("1") == BusAnswer(id="1", body=b"done")


def test_one_that_is_asked_again_waits_for_its_service_to_say_hello_to_a_new_broker() -> None:
    board = RequestSwitchboard()
    ask = BusAsk(id="a", service="cni", within_s=10.0, body=b"", again=True)
    assert board.ask(b"asker", ask, 0.0) == []
    assert board.expire(1.0) == []
    assert board.join("cni", b"cni:1") == [BrokerOutgoingMessage(b"cni:1", ask)]
    assert board.ask(b"asker", BusAsk(id="b", service="routing", within_s=10.0, body=b"", again=True), 0.0) == []
    assert board.expire(3.0) == [BrokerOutgoingMessage(b"asker", BusAnswer(id="b", error="routing: not on the bus"))]
