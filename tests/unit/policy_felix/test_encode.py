"""What Felix is told of an endpoint."""

from actors.policy.felix import encode
from actors.policy.model import FelixWorkload, FelixWorkloadId
from schemas.proto import felixbackend_pb2 as pb

WEB = FelixWorkloadId("k8s", "d/web", "eth0")


def test_a_workloads_status_brings_the_endpoint_that_it_is_about() -> None:
    workload = FelixWorkload(name="cali1", profiles=("kns.d",), ip4_nets=("10.0.0.1/32",), ip6_nets=("fd00::1/128",))
    data = encode.felix_message_bytes(encode.felix_workload_status_update(WEB, "up", workload), 7)
    message = pb.FromDataplane.FromString(data)
    assert message.sequence_number == 7
    update = message.workload_endpoint_status_update
    assert (update.id.orchestrator_id, update.id.workload_id, update.id.endpoint_id) == ("k8s", "d/web", "eth0")
    assert (update.status.status, update.endpoint.state, update.endpoint.name) == ("up", "active", "cali1")
    assert (list(update.endpoint.ipv4_nets), list(update.endpoint.ipv6_nets)) == (["10.0.0.1/32"], ["fd00::1/128"])
    assert list(update.endpoint.profile_ids) == ["kns.d"]
