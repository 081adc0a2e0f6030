"""Edge: one gobgpd on a unix socket. The only file that makes its gRPC calls.

All application errors of gobgpd are gRPC UNKNOWN with free text, so state is listed and compared, not guessed
from errors. Its answers may be large: the limit of a message is gobgpd's own 256 MiB.
"""

from collections.abc import AsyncIterator, Awaitable
from ipaddress import ip_network
from pathlib import Path
from typing import Self, TypeVar

import grpc

from actors.routing.gobgp import messages, paths
from actors.routing.gobgp.plan import (
    AddBgpPeer,
    AnnouncePaths,
    DeleteBgpPeer,
    GobgpOperation,
    SetBgpPolicies,
    StartBgp,
    StopBgp,
    WithdrawPath,
)
from actors.routing.gobgp.state import BgpGlobal, BgpPeerState, ObservedBgp
from schemas.proto import gobgp_pb2 as pb
from schemas.proto.gobgp_pb2_grpc import GobgpApiStub

_MESSAGE_BYTES_MAX = 256 << 20
_CALL_S_MAX = 5.0
_PATHS_PER_MESSAGE = 1000
T = TypeVar("T")
_OPTIONS = [
    ("grpc.max_receive_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.max_send_message_length", _MESSAGE_BYTES_MAX),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
]
_LEVELS = {
    "error": pb.SetLogLevelRequest.ERROR,
    "warning": pb.SetLogLevelRequest.WARN,
    "info": pb.SetLogLevelRequest.INFO,
    "debug": pb.SetLogLevelRequest.DEBUG,
    "trace": pb.SetLogLevelRequest.TRACE,
}


class GobgpAway(Exception):
    """gobgpd does not answer."""


class GobgpRefused(Exception):
    """gobgpd answered an operation with an error; the text names operation and object."""

    def __init__(self, operation: str, reason: str) -> None:
        super().__init__(f"gobgpd refused {operation}: {reason}")
        self.operation, self.reason = operation, reason


class GobgpClient:
    """One gobgpd; an async context manager."""

    def __init__(self, socket: Path) -> None:
        self._channel = grpc.aio.insecure_channel(f"unix://{socket}", options=_OPTIONS)
        self._stub = GobgpApiStub(self._channel)  # type: ignore[no-untyped-call]

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_exc: object) -> None:
        await self._channel.close()

    async def observe(self) -> ObservedBgp:
        """All that gobgpd holds of what we configure. Raises GobgpAway."""
        bgp = await self._global()
        if bgp is None:
            return ObservedBgp()
        return ObservedBgp(bgp, await self.peers(), await self._own_paths(), await self._blocks())

    async def _global(self) -> BgpGlobal | None:
        call = self._stub.GetBgp(pb.GetBgpRequest(), timeout=_CALL_S_MAX)
        return messages.parse_gobgp_global(await self._call("get BGP", call))

    async def peers(self) -> dict[str, BgpPeerState]:
        """All sessions by peer address."""
        call = self._stub.ListPeer(pb.ListPeerRequest(), timeout=_CALL_S_MAX)
        peers = [messages.parse_gobgp_peer(reply.peer) async for reply in _stream("list peers", call)]
        return {peer.address: peer for peer in peers}

    async def _own_paths(self) -> dict[str, str]:
        next_hops: dict[str, str] = {}
        for version in messages.BGP_IP_VERSIONS:
            request = pb.ListPathRequest(table_type=pb.GLOBAL, family=paths.bgp_path_family(version))
            async for reply in _stream("list paths", self._stub.ListPath(request, timeout=_CALL_S_MAX)):
                for path in filter(paths.is_local_bgp_path, reply.destination.paths):
                    next_hops[paths.bgp_path_prefix(path)] = paths.raw_bgp_next_hop(path)
        return next_hops

    async def _blocks(self) -> frozenset[str] | None:
        """The blocks of our export policy; None: it is not the one that decides."""
        request = pb.ListPolicyAssignmentRequest(name=messages.BGP_POLICY_ASSIGNMENT, direction=pb.EXPORT)
        call = self._stub.ListPolicyAssignment(request, timeout=_CALL_S_MAX)
        assigned = [r.assignment async for r in _stream("list policy assignments", call)]
        our_policy = [a for a in assigned if [p.name for p in a.policies] == [messages.BGP_EXPORT_POLICY]]
        if not our_policy or our_policy[0].default_action != pb.REJECT:
            return None
        call = self._stub.ListDefinedSet(pb.ListDefinedSetRequest(defined_type=pb.PREFIX), timeout=_CALL_S_MAX)
        sets = [r.defined_set async for r in _stream("list sets", call)]
        prefixes = [p.ip_prefix for s in sets if s.name.startswith("aggregated-") for p in s.prefixes]
        return frozenset(str(ip_network(prefix)) for prefix in prefixes)

    async def apply(self, operation: GobgpOperation) -> None:
        """Makes one operation true. Raises GobgpRefused, GobgpAway."""
        match operation:
            case StopBgp():
                await self._stop()
            case StartBgp(bgp=bgp):
                await self._start(bgp)
            case SetBgpPolicies(blocks=blocks):
                await self._set_policies(blocks)
            case AnnouncePaths(paths=announced):
                await self._announce(announced)
            case WithdrawPath(prefix=prefix, next_hop=hop):
                path = paths.gobgp_path_message(prefix, hop)
                request = pb.DeletePathRequest(table_type=pb.GLOBAL, family=path.family, path=path)
                await self._call(f"withdraw {prefix}", self._stub.DeletePath(request, timeout=_CALL_S_MAX))
            case AddBgpPeer(peer=peer, restarting=restarting):
                message = pb.AddPeerRequest(peer=messages.gobgp_peer_message(peer, restarting=restarting))
                await self._call(f"add peer {peer.address}", self._stub.AddPeer(message, timeout=_CALL_S_MAX))
            case DeleteBgpPeer(address=address):
                delete = pb.DeletePeerRequest(address=address)
                await self._call(f"delete peer {address}", self._stub.DeletePeer(delete, timeout=_CALL_S_MAX))

    async def _stop(self) -> None:
        await self._call("stop BGP", self._stub.StopBgp(pb.StopBgpRequest(), timeout=_CALL_S_MAX))

    async def _start(self, bgp: BgpGlobal) -> None:
        """A start refused at one address leaves those before it bound, in the way of every later one: freed here."""
        name = f"start BGP, AS {bgp.asn}, id {bgp.router_id}, {','.join(bgp.listen_addresses)}"
        try:
            await self._call(name, self._stub.StartBgp(messages.gobgp_start_request(bgp), timeout=_CALL_S_MAX))
        except GobgpRefused:
            if await self._global() is None:
                await self._stop()
            raise

    async def _set_policies(self, blocks: frozenset[str]) -> None:
        request = messages.gobgp_policies_request(blocks)
        await self._call("set policies", self._stub.SetPolicies(request, timeout=_CALL_S_MAX))
        assign = self._stub.SetPolicyAssignment(messages.gobgp_assignment_request(), timeout=_CALL_S_MAX)
        await self._call("set policy assignment", assign)

    async def _announce(self, announced: tuple[tuple[str, str], ...]) -> None:
        """In bulk. gobgpd refuses all paths of a message for one of them, so malformed ones are sorted out before."""
        good, malformed = paths.gobgp_path_messages(announced)

        async def requests() -> AsyncIterator[pb.AddPathStreamRequest]:
            for start in range(0, len(good), _PATHS_PER_MESSAGE):
                yield pb.AddPathStreamRequest(table_type=pb.GLOBAL, paths=good[start : start + _PATHS_PER_MESSAGE])

        name = f"announce {announced[0][0]} and {len(announced) - 1} more"
        await self._call(name, self._stub.AddPathStream(requests(), timeout=_CALL_S_MAX))
        if malformed:
            raise GobgpRefused(f"announce {len(malformed)} of {len(announced)}", "; ".join(malformed))

    async def set_log_level(self, level: str) -> None:
        """gobgpd's own log level."""
        request = pb.SetLogLevelRequest(level=_LEVELS[level])
        await self._call("set log level", self._stub.SetLogLevel(request, timeout=_CALL_S_MAX))

    async def best_paths(self) -> AsyncIterator[list[pb.Path]]:
        """Best paths, ours as withdraws: all there are (maybe none), then changes. Ends by raising GobgpAway."""
        best = pb.WatchEventRequest.Table.Filter(type=pb.WatchEventRequest.Table.Filter.BEST, init=True)
        request = pb.WatchEventRequest(table=pb.WatchEventRequest.Table(filters=[best]))
        first = True
        async for event in _stream("watch paths", self._stub.WatchEvent(request)):
            learnt = [paths.best_bgp_path_of_peers(p) for p in event.table.paths if paths.is_unicast_bgp_path(p)]
            if learnt or first:
                yield learnt
            first = False
        raise GobgpAway("watch ended")

    async def _call(self, operation: str, call: Awaitable[T]) -> T:
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise _gobgp_error(operation, error) from None


async def _stream(operation: str, call: AsyncIterator[T]) -> AsyncIterator[T]:
    try:
        async for message in call:
            yield message
    except grpc.aio.AioRpcError as error:
        raise _gobgp_error(operation, error) from None


def _gobgp_error(operation: str, error: grpc.aio.AioRpcError) -> Exception:
    if error.code() in (
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.CANCELLED,
    ):
        return GobgpAway(f"{operation}: {error.details()}")
    return GobgpRefused(operation, error.details() or error.code().name)
