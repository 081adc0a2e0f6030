"""Sources beside its own addresses that Felix lets a pod send from. Pure.

Calico's annotation `cni.projectcalico.org/allowedSourcePrefixes` comes to Felix by the workload endpoint, and counts
where Felix's WorkloadSourceSpoofing is Any. The pod's own table of sources, to which they are added, is of the CNI
server.
"""

from collections.abc import Iterator

from actors.policy.model import FelixWorkload
from schemas.addresses import parse_ip_prefix
from schemas.facts import PodInterfaceFact
from schemas.intents import RouteIntent, RoutePath
from schemas.urpf import source_table

_FIELD = "allow_spoofed_source_prefixes"


def allowed_source_routes(
    pod: PodInterfaceFact, endpoint: FelixWorkload, notes: list[str], *, spoofing: bool
) -> Iterator[RouteIntent]:
    """Routes for the prefixes that the pod may not send from already. What has no effect is noted."""
    if endpoint.allowed_sources and not spoofing:
        notes.append(f"{_FIELD}: have no effect: Felix's WorkloadSourceSpoofing is Disabled")
        return
    allowed = {str(parse_ip_prefix(text)) for text in (*pod.addresses, *pod.allowed_sources)}
    for text in endpoint.allowed_sources:
        try:
            prefix = str(parse_ip_prefix(text))
        except ValueError:
            notes.append(f"{_FIELD}: not a prefix: {text[:80]!r}")
            continue
        if prefix not in allowed:
            allowed.add(prefix)
            yield RouteIntent(source_table(pod.interface), prefix, (RoutePath(interface=pod.interface),))
