"""Requests: the few questions that need an answer now. Each has a deadline and one reply.

Everything else is a stream; a request never changes a stream.
"""

from msgspec import Struct


class Request(Struct, frozen=True, tag_field="ask"):
    """Base of all requests."""


class Ping(Request, frozen=True, tag="ping"):
    """Is the working loop of this service turning?"""


class SetLogLevel(Request, frozen=True, tag="set-log-level"):
    """Change a process's log level until it restarts: debug | info | warning | error."""

    level: str


AnyRequest = Ping | SetLogLevel


VPP_SILENT = "VPP: does not answer"  # what the writer waits for then (`Pong.waiting`)


class Pong(Struct, frozen=True, omit_defaults=True):
    """Reply to Ping."""

    name: str
    progress: int
    ready: bool
    waiting: tuple[str, ...] = ()


class EmptyReply(Struct, frozen=True):
    """Reply to a request whose only answer is that it was carried out."""


REPLY_OF: dict[type[Request], type[Struct]] = {Ping: Pong, SetLogLevel: EmptyReply}
