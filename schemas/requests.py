"""Requests: the few questions that need an answer now. Each has a deadline and one reply.

Everything else is a stream; a request never changes a stream.
"""

from msgspec import Struct


class BusRequest(Struct, frozen=True, tag_field="ask"):
    """Base of all requests."""


class PingRequest(BusRequest, frozen=True, tag="ping"):
    """Is the working loop of this service turning?"""


class SetLogLevelRequest(BusRequest, frozen=True, tag="set-log-level"):
    """Change a process's log level until it restarts: debug | info | warning | error."""

    level: str


def request_name(request: Struct) -> str:
    """Name of a request in traces and errors: "Ping", "SetLogLevel"."""
    return type(request).__name__.removesuffix("Request")


AnyBusRequest = PingRequest | SetLogLevelRequest


VPP_SILENT_REASON = "VPP: does not answer"  # what the writer waits for then (`PingReply.waiting`)


class PingReply(Struct, frozen=True, omit_defaults=True):
    """Reply to PingRequest."""

    name: str
    progress: int
    ready: bool
    waiting: tuple[str, ...] = ()


class EmptyRequestReply(Struct, frozen=True):
    """Reply to a request whose only answer is that it was carried out."""


REPLY_TYPE_OF_REQUEST: dict[type[BusRequest], type[Struct]] = {
    PingRequest: PingReply,
    SetLogLevelRequest: EmptyRequestReply,
}
