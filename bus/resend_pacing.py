"""How often a publisher is asked to send a stream again: once a second, whatever it has sent. Pure."""

from typing import NamedTuple

RESEND_EVERY_S = 1.0
_WORDS_MAX = 64  # of one client


class _DueResend(NamedTuple):
    """A client is to be asked to send its stream of that word again."""

    identity: bytes
    word: str
    reason: str


class _Asked(NamedTuple):
    at: float
    reason: str  # for which it is to be asked again; empty: for none


class ResendPacing:
    """All clients' streams that had to be asked for again lately."""

    def __init__(self) -> None:
        self._asked: dict[bytes, dict[str, _Asked]] = {}

    def request(self, identity: bytes, word: str, reason: str, now: float) -> bool:
        """A part could not be placed. May the client be asked at once? If not, `due` has it in time."""
        words = self._asked.setdefault(identity, {})
        asked = words.get(word)
        if asked is not None and now - asked.at < RESEND_EVERY_S:
            words[word] = asked._replace(reason=reason)
            return False
        if asked is None and len(words) >= _WORDS_MAX:
            return False
        words[word] = _Asked(now, "")
        return True

    def due(self, now: float) -> list[_DueResend]:
        """Those that have had to wait, and may be asked now."""
        due: list[_DueResend] = []
        for identity, words in list(self._asked.items()):
            for word, asked in list(words.items()):
                if now - asked.at < RESEND_EVERY_S:
                    continue
                if asked.reason:
                    due.append(_DueResend(identity, word, asked.reason))
                    words[word] = _Asked(now, "")
                else:
                    del words[word]
            if not words:
                del self._asked[identity]
        return due
