"""Who is on the bus: one life of a name at a time. Pure; time is an argument.

A life of a client is known by its identity, `<name>:<number>`. While the present life of a name lives, another is
refused by name; once that is silent or its connection has ended, whoever says hello next is the present one.
"""

from collections import Counter
from collections.abc import Container
from typing import NamedTuple

import msgspec

from bus.calls import SERVICE_SILENT_S_MAX
from bus.envelope import BUS_PROTOCOL, BusHello
from schemas.facts import ProcessFact

TOOL_CLIENT_PREFIX = "tool-"  # of the names of clients that come and go
_CLIENTS_MAX = 256  # that live
_DEAD_MAX = 64  # that are remembered as dead
_REFUSALS_MAX = 20  # that are remembered, and so long:
_REFUSAL_REMEMBERED_S = 5.0


class _BusClient(NamedTuple):
    """The present, or the last, life of a name."""

    identity: bytes
    hello_at: float
    turned_at: float  # when its working loop was seen to have turned
    fact: ProcessFact


class BusHelloRefused(Exception):
    """A client may not come in; the text names it and says why."""


class BusNamesakeHeard(Exception):
    """Another life of the name lives, as far as is known: `elder`. Whether it does must be found out."""

    def __init__(self, elder: bytes) -> None:
        super().__init__()
        self.elder = elder


class _Refusal(NamedTuple):
    reason: str
    at: float


class BusClients:
    """Every client's present life."""

    def __init__(self, counters: Counter[str]) -> None:
        self.by_name: dict[str, _BusClient] = {}
        self._counters = counters
        self._present: dict[bytes, str] = {}  # identity of a present life -> name
        self._younger: dict[str, bytes] = {}  # name -> the life that has said hello while another is there
        self._refusals: dict[str, _Refusal] = {}
        self.last_refusal = ""

    def is_present(self, identity: bytes) -> bool:
        """Is that the present life of its name?"""
        return identity in self._present

    def hello(self, identity: bytes, hello: BusHello, now: float) -> bool:
        """Takes in a Hello. Has another life become the present one by it? Raises BusHelloRefused, BusNamesakeHeard."""
        try:
            self._check(identity, hello)
        except BusHelloRefused as refused:
            self.note_refusal(hello.name, str(refused), now)
            raise
        before = self.by_name.get(hello.name)
        is_new = before is None or before.identity != identity
        turned = is_new or before is None or before.fact.progress != hello.progress
        fact = ProcessFact(
            session=hello.session,
            pid=hello.pid,
            progress=hello.progress,
            ready=hello.ready,
            waiting=hello.waiting,
            counters=hello.counters,
        )
        if is_new:
            self.forget(hello.name)
            self._present[identity] = hello.name
        turned_at = now if turned or before is None else before.turned_at
        self.by_name[hello.name] = _BusClient(identity, now, turned_at, fact)
        return is_new

    def _check(self, identity: bytes, hello: BusHello) -> None:
        name = hello.name
        if hello.protocol != BUS_PROTOCOL:
            raise BusHelloRefused(
                f"{name}: speaks protocol {hello.protocol or 1} of the bus, the bus speaks {BUS_PROTOCOL}"
            )
        before = self.by_name.get(name)
        if before is None or not before.fact.alive:
            if sum(client.fact.alive for client in self.by_name.values()) >= _CLIENTS_MAX:
                raise BusHelloRefused(f"{name}: there are {_CLIENTS_MAX} clients already")
        elif before.identity != identity:
            if self._younger.get(name) != identity:
                self._younger[name] = identity
                raise BusNamesakeHeard(before.identity)
            raise BusHelloRefused(f"{name}: process {hello.pid} is a second one, process {before.fact.pid} lives")

    def note_refusal(self, name: str, reason: str, now: float) -> None:
        """Something of a client is not taken: it is said in the broker's own row for a while."""
        self._counters["refusals"] += 1
        self.last_refusal = reason
        self._refusals.pop(name, None)
        self._refusals[name] = _Refusal(reason, now)
        while len(self._refusals) > _REFUSALS_MAX:
            del self._refusals[next(iter(self._refusals))]

    def refusals(self, now: float) -> tuple[str, ...]:
        """Why clients that still try may not come in."""
        return tuple(refusal.reason for refusal in self._refusals.values() if now - refusal.at < _REFUSAL_REMEMBERED_S)

    def silent(self, now: float) -> list[tuple[str, _BusClient]]:
        """Those that live, as far as is known, and have said nothing for too long."""
        return [
            (name, client)
            for name, client in self.by_name.items()
            if client.fact.alive and now - client.hello_at >= SERVICE_SILENT_S_MAX
        ]

    def living_at(self, identity: bytes) -> str:
        """The name of the life with that identity; "" if it is not present, or known as dead."""
        name = self._present.get(identity, "")
        return name if name and self.by_name[name].fact.alive else ""

    def declare_dead(self, name: str) -> None:
        """A tool is forgotten, a process stays as dead."""
        client = self.by_name[name]
        if name.startswith(TOOL_CLIENT_PREFIX):
            self.forget(name)
        else:
            dead = ProcessFact(session=client.fact.session, pid=client.fact.pid, alive=False)
            self.by_name[name] = client._replace(fact=dead)
            self._younger.pop(name, None)

    def forget(self, name: str) -> None:
        """The name is nobody's."""
        if client := self.by_name.pop(name, None):
            self._present.pop(client.identity, None)
        self._younger.pop(name, None)

    def too_many_dead(self, owners: Container[str]) -> list[str]:
        """Names of dead clients beyond those that are remembered: first who owns nothing, the longest silent first."""
        dead = [name for name, client in self.by_name.items() if not client.fact.alive]
        dead.sort(key=lambda name: (name in owners, self.by_name[name].hello_at))
        return dead[: max(0, len(dead) - _DEAD_MAX)]

    def with_state(self, name: str, cut_off: str, now: float, stalled_s_max: float) -> ProcessFact:
        """What the process says of itself, and what only the broker sees: that it is stuck, or cut off."""
        client = self.by_name[name]
        idle_s = round(now - client.turned_at, 1)
        stalled_s = idle_s if client.fact.alive and client.fact.progress and idle_s > stalled_s_max else 0.0
        if not (stalled_s or cut_off):
            return client.fact
        return msgspec.structs.replace(client.fact, stalled_s=stalled_s, cut_off=cut_off)
