"""The broker's decisions: every message in, the messages out. Pure; time is an argument.

| in | out |
|---|---|
| Hello | Welcome; the sender's row of word `process` |
| Rows | Credit, and the checkpoint to all hearers once whole; or Resend |
| Fetch | Snapshot, in parts |
| Ask | the same to the service, or an Answer with the error |
| Answer | the same to the asker |
| time | Beacon; answers for what is overdue; `process` rows of the silent |
"""

from collections import Counter
from collections.abc import Iterable
from typing import NamedTuple

from bus.calls import SILENT_S_MAX, Switchboard
from bus.envelope import (
    Answer,
    Ask,
    Beacon,
    Credit,
    Fetch,
    Hello,
    Message,
    Resend,
    Row,
    Rows,
    Welcome,
    unpack,
)
from bus.ledger import Ledger, Refused
from schemas import codec
from schemas.codec import Malformed
from schemas.facts import Process

BEACON_EVERY_S = 0.5
PASSING_PREFIX = "tool-"  # clients that come and go: their row goes with them


class Post(NamedTuple):
    """A message to one client (`to`), or to all hearers (`to` None)."""

    to: bytes | None
    message: Message


class _Client(NamedTuple):
    identity: bytes
    heard_at: float
    fact: Process


class Broker:
    """All that the broker knows. `session` tells a restarted broker from its predecessor."""

    def __init__(self, session: int, pid: int = 0) -> None:
        self.session = session
        self.ledger = Ledger()
        self.switchboard = Switchboard()
        self.counters: Counter[str] = Counter()
        self.last_malformed = ""
        self._clients: dict[str, _Client] = {}
        self._seq = 0
        self._said: dict[str, bytes] = {}
        self._beacon_at = float("-inf")
        self._pid = pid
        self._turns = 0

    def receive(self, identity: bytes, data: bytes, now: float) -> list[Post]:
        """One message from a client. A malformed one is counted and dropped."""
        self._turns += 1
        try:
            message = unpack(data)
            return self._handle(identity, message, now)
        except Malformed as error:
            self.counters["malformed_messages"] += 1
            self.last_malformed = f"{identity.decode(errors='replace')}: {error}"
            return []

    def _handle(self, identity: bytes, message: Message, now: float) -> list[Post]:
        match message:
            case Hello():
                return self._hello(identity, message, now)
            case Rows():
                return self._rows(identity, message)
            case Fetch():
                return [Post(identity, part) for part in self.ledger.snapshot(message.word, message.owner)]
            case Ask():
                self.counters["requests"] += 1
                return _posts(self.switchboard.ask(identity, message, now))
            case Answer():
                return _posts(self.switchboard.answer(message))
            case _:
                raise Malformed("bus message", "m", f"{type(message).__name__} is not for the broker")

    def _hello(self, identity: bytes, hello: Hello, now: float) -> list[Post]:
        fact = Process(
            session=hello.session,
            pid=hello.pid,
            progress=hello.progress,
            ready=hello.ready,
            waiting=hello.waiting,
            counters=hello.counters,
        )
        self._clients[hello.name] = _Client(identity, now, fact)
        posts = _posts(self.switchboard.here(hello.name, identity))
        welcome = Welcome(broker_session=self.session, floor=self.ledger.floor(hello.name))
        return [Post(identity, welcome), *posts]

    def _rows(self, identity: bytes, rows: Rows) -> list[Post]:
        credit = Credit(word=rows.word, session=rows.session, seq=rows.seq, part=rows.part)
        try:
            checkpoint = self.ledger.take(rows)
        except Refused as refused:
            self.counters["resends"] += 1
            return [Post(identity, Resend(word=rows.word, reason=str(refused)))]
        self.counters["rows"] += len(rows.rows)
        return [Post(identity, credit), *(Post(None, part) for part in checkpoint)]

    def tick(self, now: float) -> list[Post]:
        """What time itself brings. To be called a few times a second."""
        posts = _posts(self.switchboard.expire(now)) + self._bury(now)
        if now - self._beacon_at >= BEACON_EVERY_S:
            self._beacon_at = now
            posts += self._say_processes()
            posts.append(Post(None, Beacon(broker_session=self.session, heads=self.ledger.heads())))
        return posts

    def _bury(self, now: float) -> list[Post]:
        posts: list[Post] = []
        for name, client in list(self._clients.items()):
            if now - client.heard_at < SILENT_S_MAX or not client.fact.alive:
                continue
            posts += _posts(self.switchboard.gone(name, f"{name}: silent for {SILENT_S_MAX:.0f} s"))
            if name.startswith(PASSING_PREFIX):
                del self._clients[name]
            else:
                dead = Process(session=client.fact.session, pid=client.fact.pid, alive=False)
                self._clients[name] = client._replace(fact=dead)
        return posts

    def _say_processes(self) -> list[Post]:
        """The broker's own stream: one row a process, its own included."""
        own = Process(
            session=self.session,
            pid=self._pid,
            progress=self._turns,
            ready=True,
            counters={**self.counters, "streams": len(self.ledger.streams)},
        )
        facts = {"bus": own} | {name: client.fact for name, client in self._clients.items()}
        said = {name: codec.encode(fact) for name, fact in facts.items()}
        rows = [Row(name, data) for name, data in said.items() if self._said.get(name) != data]
        rows += [Row(name) for name in self._said if name not in said]
        full, self._said = not self._seq, said
        self._seq += 1
        checkpoint = Rows(sender="bus", word="process", session=self.session, seq=self._seq, full=full, rows=rows)
        return [Post(None, part) for part in self.ledger.take(checkpoint)]


def _posts(posts: Iterable[tuple[bytes, Message]]) -> list[Post]:
    return [Post(to, message) for to, message in posts]
