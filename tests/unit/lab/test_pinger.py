"""The account of pings: silence counts wherever it is."""

from tools.lab.traffic.ping_sender import Pinger


def pinger(*, open_: set[int], last_reply: float, longest: float = 0.02) -> Pinger:
    sender = Pinger("127.0.0.1")
    sender.transmitted, sender.received, sender.open = 4, 4 - len(open_), open_
    sender.first_sent, sender.last_sent, sender.last_reply, sender.longest_gap = 10.0, 15.0, last_reply, longest
    sender.socket.close()
    return sender


def test_silence_at_the_end_is_a_gap() -> None:
    assert pinger(open_={2, 3}, last_reply=11.0).report()["longest_gap_ms"] == 4000


def test_silence_from_first_to_last_is_a_gap() -> None:
    assert pinger(open_={0, 1, 2, 3}, last_reply=0.0).report()["longest_gap_ms"] == 5000


def test_a_packet_that_was_lost_in_between_is_none_at_the_end() -> None:
    assert pinger(open_={1}, last_reply=15.0, longest=0.04).report()["longest_gap_ms"] == 40
