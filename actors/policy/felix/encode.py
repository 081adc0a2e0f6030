"""Messages to Felix as bytes. Pure."""

from typing import Any

from actors.policy.model import FelixWorkload, FelixWorkloadId
from schemas.proto import felixbackend_pb2 as pb


def felix_process_status_update(timestamp: str, uptime_s: float) -> pb.FromDataplane:
    """Alive; `timestamp` is RFC 3339, UTC."""
    return pb.FromDataplane(process_status_update=pb.ProcessStatusUpdate(iso_timestamp=timestamp, uptime=uptime_s))


def felix_in_sync_message() -> pb.FromDataplane:
    """All that Felix has sent has been programmed once."""
    return pb.FromDataplane(dataplane_in_sync=pb.DataplaneInSync())


def felix_workload_status_update(name: FelixWorkloadId, status: str, workload: FelixWorkload) -> pb.FromDataplane:
    """`status`: up | down | error; `workload`: the endpoint that it is about, which Felix's readers want back."""
    endpoint = pb.WorkloadEndpoint(
        state=workload.state,
        name=workload.name,
        profile_ids=workload.profiles,
        ipv4_nets=workload.ip4_nets,
        ipv6_nets=workload.ip6_nets,
        annotations=workload.annotations,
    )
    update = pb.WorkloadEndpointStatusUpdate(
        id=_workload(name), status=pb.EndpointStatus(status=status), endpoint=endpoint
    )
    return pb.FromDataplane(workload_endpoint_status_update=update)


def felix_workload_status_remove(name: FelixWorkloadId) -> pb.FromDataplane:
    return pb.FromDataplane(workload_endpoint_status_remove=pb.WorkloadEndpointStatusRemove(id=_workload(name)))


def felix_host_status_update(name: str, status: str) -> pb.FromDataplane:
    """`status`: up | down | error."""
    identity = pb.HostEndpointID(endpoint_id=name)
    update = pb.HostEndpointStatusUpdate(id=identity, status=pb.EndpointStatus(status=status))
    return pb.FromDataplane(host_endpoint_status_update=update)


def felix_host_status_remove(name: str) -> pb.FromDataplane:
    identity = pb.HostEndpointID(endpoint_id=name)
    return pb.FromDataplane(host_endpoint_status_remove=pb.HostEndpointStatusRemove(id=identity))


def felix_message_bytes(message: Any, sequence: int) -> bytes:
    """The bytes of a message with its sequence number."""
    message.sequence_number = sequence
    data: bytes = message.SerializeToString()
    return data


def _workload(name: FelixWorkloadId) -> pb.WorkloadEndpointID:
    return pb.WorkloadEndpointID(
        orchestrator_id=name.orchestrator, workload_id=name.workload, endpoint_id=name.endpoint
    )
