"""A stand-in for gobgpd on a unix socket: its sessions are established, its paths come when they are let.

It takes every operation and remembers none, as if all it is told had been there before.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty

from schemas.proto import gobgp_pb2 as pb
from schemas.proto.gobgp_pb2_grpc import GobgpApiServicer, add_GobgpApiServicer_to_server

PEER = "192.0.2.9"


class Standin(GobgpApiServicer):
    """`paths`: set to let the watch of best paths begin, with no path; `looks`: how often sessions were asked for.

    `level`: of its log.
    """

    def __init__(self) -> None:
        self.paths = asyncio.Event()
        self.looks = 0
        self.level: int | None = None

    async def GetBgp(self, request: pb.GetBgpRequest, context: Any) -> pb.GetBgpResponse:  # noqa: N802
        return pb.GetBgpResponse()

    async def ListPeer(self, request: pb.ListPeerRequest, context: Any) -> AsyncIterator[pb.ListPeerResponse]:  # noqa: N802
        self.looks += 1
        family = pb.AfiSafi(config=pb.AfiSafiConfig(enabled=True))
        family.mp_graceful_restart.state.end_of_rib_received = True
        state = pb.PeerState(session_state=pb.PeerState.ESTABLISHED)
        yield pb.ListPeerResponse(
            peer=pb.Peer(conf=pb.PeerConf(neighbor_address=PEER), state=state, afi_safis=[family])
        )

    async def WatchEvent(self, request: pb.WatchEventRequest, context: Any) -> AsyncIterator[pb.WatchEventResponse]:  # noqa: N802
        await self.paths.wait()
        yield pb.WatchEventResponse(table=pb.WatchEventResponse.TableEvent())
        await asyncio.Event().wait()

    async def _take(self, request: Any, context: Any) -> Empty:
        return Empty()

    StartBgp = SetPolicies = SetPolicyAssignment = AddPeer = _take

    async def SetLogLevel(self, request: pb.SetLogLevelRequest, context: Any) -> Empty:  # noqa: N802
        self.level = request.level
        return Empty()


@asynccontextmanager
async def standing_in(socket: Path) -> AsyncIterator[Standin]:
    """The stand-in, listening."""
    standin, server = Standin(), grpc.aio.server()
    add_GobgpApiServicer_to_server(standin, server)  # type: ignore[no-untyped-call]
    assert server.add_insecure_port(f"unix://{socket}")
    await server.start()
    try:
        yield standin
    finally:
        await server.stop(None)
