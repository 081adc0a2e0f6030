"""The client's half of the conversation with the broker itself: hello, welcome, credit for what was read. Pure.

A broker that does not remember the client counts its unread bytes from the Welcome on, so the client does too. Each
Welcome says how much was sent before it: what a lost connection has swallowed is not counted as unread for ever.
"""

from typing import NamedTuple

from bus.envelope import BusWelcome, SubscriberCredit, frame_credit_bytes

HELLO_EVERY_S = 0.5
_HELLO_UNWELCOMED_S = 0.1  # until a broker has answered


class WelcomeDemands(NamedTuple):
    """What a Welcome asks of the client."""

    new_broker: bool  # it knows no stream of ours
    forgotten: bool  # it does not remember us, or what one has sent the other was lost: say everything again


class BrokerHandshake:
    """One client's standing with the broker."""

    def __init__(self, name: str, session: int) -> None:
        self.name, self.session = name, session
        self.identity = f"{name}:{session}".encode()  # of the socket, for as long as the client lives
        self.broker_session: int | None = None
        self._bytes_read = self._bytes_credited = 0
        self._echo = 0
        self._hello_at = float("-inf")

    def hello_due(self, now: float) -> bool:
        """Must a Hello be sent now? If it left, `hello_sent` must follow; else it stays due."""
        every_s = _HELLO_UNWELCOMED_S if self.broker_session is None else HELLO_EVERY_S
        return now - self._hello_at >= every_s

    def hello_sent(self, now: float) -> None:
        """A Hello has left."""
        self._hello_at = now

    def count(self, data: bytes) -> None:
        """A message of the broker has been read."""
        self._bytes_read += frame_credit_bytes(data)

    def greet(self, welcome: BusWelcome, data: bytes) -> WelcomeDemands:
        """Takes in a Welcome, whose bytes are `data`."""
        # Messages keep their order: what else was sent before it has been read, or is lost.
        read = welcome.sent + frame_credit_bytes(data)
        lost = welcome.known and read != self._bytes_read
        self._bytes_read, self._echo = read, welcome.sent
        self._bytes_credited = min(self._bytes_credited, read) if welcome.known else 0
        new_broker = welcome.broker_session != self.broker_session
        if self.broker_session is None:  # nothing has been published yet, so our number may still rise
            self.session = max(self.session, welcome.floor + 1)
        self.broker_session = welcome.broker_session
        return WelcomeDemands(new_broker, not welcome.known or lost)

    def credit_due(self, bytes_min: int = 1) -> SubscriberCredit | None:
        """Credit for at least that much; `credited` must follow if it left."""
        if self.broker_session is None or self._bytes_read - self._bytes_credited < bytes_min:
            return None
        return SubscriberCredit(bytes=self._bytes_read, echo=self._echo)

    def credited(self, credit: SubscriberCredit) -> None:
        """The broker is sent this credit."""
        self._bytes_credited = credit.bytes
