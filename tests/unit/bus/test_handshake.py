"""What a client says to the broker about itself, and when."""

from bus.envelope import FRAME_OVERHEAD_BYTES, BusWelcome, pack_bus_message
from bus.handshake import HELLO_EVERY_S, BrokerHandshake

FIRST, SECOND = (BusWelcome(broker_session=number, floor=5) for number in (1, 2))


def greeted() -> BrokerHandshake:
    handshake = BrokerHandshake("cni", 3)
    handshake.hello_sent(0.0)
    handshake.greet(FIRST, pack_bus_message(FIRST))
    return handshake


def test_a_hello_that_could_not_be_sent_stays_due() -> None:
    handshake = greeted()
    assert not handshake.hello_due(HELLO_EVERY_S - 0.1)
    assert handshake.hello_due(HELLO_EVERY_S)
    assert handshake.hello_due(HELLO_EVERY_S + 0.1), "the broker was away"
    handshake.hello_sent(HELLO_EVERY_S + 0.1)
    assert not handshake.hello_due(HELLO_EVERY_S + 0.2)


def test_before_a_broker_has_answered_hello_is_said_more_often() -> None:
    handshake = BrokerHandshake("cni", 3)
    assert handshake.hello_due(0.0)
    handshake.hello_sent(0.0)
    assert handshake.hello_due(HELLO_EVERY_S / 2)


def test_a_session_rises_above_those_the_first_broker_knows_and_then_stays() -> None:
    handshake = greeted()
    assert handshake.session == 6
    handshake.greet(BusWelcome(broker_session=2, floor=9), pack_bus_message(SECOND))
    assert handshake.session == 6


def test_a_new_broker_is_told_everything_and_one_that_forgot_the_client_its_subscriptions() -> None:
    handshake = greeted()
    assert handshake.greet(FIRST, pack_bus_message(FIRST)) == (False, True)
    known = BusWelcome(broker_session=1, known=True)
    assert handshake.greet(known, pack_bus_message(known)) == (False, False)
    assert handshake.greet(SECOND, pack_bus_message(SECOND)) == (True, True)


def test_credit_is_for_what_was_read_since_the_broker_counts() -> None:
    handshake = greeted()
    size = len(pack_bus_message(FIRST)) + FRAME_OVERHEAD_BYTES
    handshake.count(b"x" * 1000)
    assert handshake.credit_due(bytes_min=10_000) is None
    credit = handshake.credit_due()
    assert credit is not None
    assert credit.bytes == size + 1000 + FRAME_OVERHEAD_BYTES
    assert handshake.credit_due() == credit, "it has not left"
    handshake.credited(credit)
    assert handshake.credit_due() is None
    handshake.greet(SECOND, pack_bus_message(SECOND))
    again = handshake.credit_due()
    assert again is not None
    assert again.bytes == size
