"""What the cluster's policies say of a ping between two pods, calculated as Felix does. Pure."""

from dataclasses import dataclass
from ipaddress import ip_address

from tools.lab.felix.calc import calculate
from tools.lab.felix.evaluation import FlowVerdict, Packet, direction_verdict
from tools.lab.felix.parsing import Objects

ICMP = {4: 1, 6: 58}
UNPOLICED = FlowVerdict(True, "no policy")


@dataclass(frozen=True)
class PingEnd:
    """A pod as one end of a ping: its node, its `namespace/name`, one of its addresses."""

    node: str
    pod: str
    address: str


class PolicyVerdicts:
    """Judges pings between pods of a cluster by all of its objects (kind -> key -> object, as Felix gets them)."""

    def __init__(self, objects: Objects, nodes: list[str], calico_version: str) -> None:
        self._states = {node: calculate(objects, node, calico_version, {}) for node in nodes}

    def of_ping(self, source: PingEnd, destination: PingEnd) -> FlowVerdict:
        """Of an echo request. The first direction that denies decides."""
        version = ip_address(source.address).version
        packet = Packet(source.address, destination.address, protocol=ICMP[version], port=0)
        egress = self._of(source, packet, "egress")
        return self._of(destination, packet, "ingress") if egress.allowed else egress

    def _of(self, end: PingEnd, packet: Packet, direction: str) -> FlowVerdict:
        state = self._states[end.node]
        workload = state.workloads.get(("k8s", end.pod, "eth0"))
        return UNPOLICED if workload is None else direction_verdict(state, workload, packet, direction)
