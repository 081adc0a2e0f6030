"""Requests: the broker's switchboard, and a service's cache of answers. Pure; time is an argument."""

from collections import OrderedDict
from typing import NamedTuple

from bus.envelope import BusAnswer, BusAsk

SERVICE_SILENT_S_MAX = 3.0  # a process silent for so long is taken for dead
_ANSWERS_CACHED_MAX = 1000
_ANSWER_BYTES_CACHED_MAX = 16 << 20
OPEN_MAX = 1000  # requests that one service may have open, and as many that one process may have asked
_OPEN_BYTES_MAX = 16 << 20  # of their bodies
_WITHIN_S_MAX = 3600.0


class BrokerOutgoingMessage(NamedTuple):
    """A message for the client with that ZeroMQ identity."""

    to: bytes
    message: BusAsk | BusAnswer


class _Open(NamedTuple):
    asker: bytes
    service: str
    deadline: float
    bytes: int  # of its body


class _Early(NamedTuple):
    """A request that came before its service's hello to a new broker."""

    asker: bytes
    ask: BusAsk
    since: float


class RequestSwitchboard:
    """Routes requests to services by process name; every one ends in exactly one answer."""

    def __init__(self) -> None:
        self.services: dict[str, bytes] = {}
        self._open: dict[str, _Open] = {}
        self._early: dict[str, _Early] = {}

    def join(self, name: str, identity: bytes) -> list[BrokerOutgoingMessage]:
        """A process is alive under `identity`: requests to an earlier life of it fail."""
        if self.services.get(name) == identity:
            return []
        messages = self.leave(name, f"{name}: restarted") if name in self.services else []
        self.services[name] = identity
        early = [id_ for id_, (_, ask, _) in self._early.items() if ask.service == name]
        for id_ in early:
            asker, ask, now = self._early.pop(id_)
            messages += self.ask(asker, ask, now)
        return messages

    def leave(self, name: str, why: str) -> list[BrokerOutgoingMessage]:
        """A process is dead: requests to it fail at once."""
        self.services.pop(name, None)
        return [self._fail(id_, why) for id_, call in list(self._open.items()) if call.service == name]

    def ask(self, asker: bytes, ask: BusAsk, now: float) -> list[BrokerOutgoingMessage]:
        """A request arrives: to the service, or back with a named error."""
        service = self.services.get(ask.service)
        error = self._obstacle(asker, ask)
        if service is None and not ask.again:
            error = f"{ask.service}: not on the bus"
        if error:
            return [BrokerOutgoingMessage(asker, BusAnswer(id=ask.id, error=error))]
        if service is None:  # the broker is new, and so the service may be about to say hello
            self._early[ask.id] = _Early(asker, ask, now)
            return []
        deadline = now + min(max(0.0, ask.within_s), _WITHIN_S_MAX)
        self._open[ask.id] = _Open(asker, ask.service, deadline, len(ask.body))
        return [BrokerOutgoingMessage(service, ask)]

    def _obstacle(self, asker: bytes, ask: BusAsk) -> str:
        """Why there is no room for another request; empty: there is."""
        requests = [
            *self._open.values(),
            *(_Open(early.asker, early.ask.service, 0.0, len(early.ask.body)) for early in self._early.values()),
        ]
        if (call := self._open.get(ask.id)) is not None and call.asker != asker:
            return f"{ask.service}: a request of another process has this id"
        for subject, mine in (
            (ask.service, [call for call in requests if call.service == ask.service]),
            (asker.decode(errors="replace"), [call for call in requests if call.asker == asker]),
        ):
            if len(mine) >= OPEN_MAX:
                return f"{subject}: {OPEN_MAX} requests are open"
            if sum(call.bytes for call in mine) + len(ask.body) > _OPEN_BYTES_MAX:
                return f"{subject}: the open requests have more than {_OPEN_BYTES_MAX} bytes"
        return ""

    def answer(self, service: bytes, answer: BusAnswer) -> list[BrokerOutgoingMessage]:
        """A reply of `service` arrives: to the asker. A late one is dropped, as is one to what others were asked."""
        call = self._open.get(answer.id)
        if call is None or self.services.get(call.service) != service:
            return []
        del self._open[answer.id]
        return [BrokerOutgoingMessage(call.asker, answer)]

    def expire(self, now: float) -> list[BrokerOutgoingMessage]:
        """Requests whose deadline has passed fail."""
        late = [id_ for id_, call in self._open.items() if call.deadline <= now]
        messages = [self._fail(id_, f"{self._open[id_].service}: no answer in time") for id_ in late]
        for id_, (asker, ask, since) in list(self._early.items()):
            if now - since >= SERVICE_SILENT_S_MAX:
                del self._early[id_]
                messages.append(BrokerOutgoingMessage(asker, BusAnswer(id=id_, error=f"{ask.service}: not on the bus")))
        return messages

    def _fail(self, id_: str, why: str) -> BrokerOutgoingMessage:
        return BrokerOutgoingMessage(self._open.pop(id_).asker, BusAnswer(id=id_, error=why))


class RequestAnswerCache:
    """The answers that a service gave: a repeated request gets its answer again and is not executed again."""

    def __init__(self) -> None:
        self._answers: OrderedDict[str, BusAnswer | None] = OrderedDict()
        self._bytes = 0  # of the bodies

    def begin(self, id_: str) -> bool:
        """A request has come. Is its id new? It is remembered as in progress."""
        if id_ in self._answers:
            return False
        self._answers[id_] = None
        while len(self._answers) > _ANSWERS_CACHED_MAX:
            self._drop_oldest()
        return True

    def store(self, answer: BusAnswer) -> None:
        """The request with that id is answered."""
        if answer.id in self._answers:
            self._answers[answer.id] = answer
            self._bytes += len(answer.body or b"")
        while self._bytes > _ANSWER_BYTES_CACHED_MAX:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        _, answer = self._answers.popitem(last=False)
        self._bytes -= len(answer.body or b"") if answer is not None else 0

    def lookup(self, id_: str) -> BusAnswer | None:
        """The answer to that id; None while it is in progress."""
        return self._answers.get(id_)
