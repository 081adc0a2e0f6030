"""What the server serves: one line per resource. A new resource is a new line, nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass

CALICO = "crd.projectcalico.org"
DISCOVERY = "discovery.k8s.io"
NETWORKING = "networking.k8s.io"


@dataclass(frozen=True)
class ServedResource:
    """One REST resource.

    `fields` are the dotted paths that a field selector may use besides name and namespace. `atomic`: a strategic
    merge patch replaces lists whole, because none of them has a merge key in Kubernetes' types.
    """

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short: tuple[str, ...] = ()
    has_status: bool = False
    fields: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    atomic: bool = False

    @property
    def api_version(self) -> str:
        """`v1`, or `group/version` outside the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def id(self) -> str:
        """The resource's name in the state file and in error messages: `plural.group`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


RESOURCES = (
    ServedResource("", "v1", "nodes", "Node", False, ("no",), True, ("spec.unschedulable",)),
    ServedResource("", "v1", "namespaces", "Namespace", False, ("ns",), True, ("status.phase",)),
    ServedResource("", "v1", "pods", "Pod", True, ("po",), True, ("spec.nodeName", "status.phase"), ("all",)),
    ServedResource("", "v1", "secrets", "Secret", True, (), False, ("type",)),
    ServedResource("", "v1", "configmaps", "ConfigMap", True, ("cm",)),
    ServedResource("", "v1", "serviceaccounts", "ServiceAccount", True, ("sa",)),
    ServedResource("", "v1", "services", "Service", True, ("svc",), True, ("spec.type", "spec.clusterIP"), ("all",)),
    ServedResource(DISCOVERY, "v1", "endpointslices", "EndpointSlice", True, atomic=True),
    ServedResource(NETWORKING, "v1", "networkpolicies", "NetworkPolicy", True, ("netpol",), atomic=True),
    ServedResource(CALICO, "v1", "bgpconfigurations", "BGPConfiguration", False),
    ServedResource(CALICO, "v1", "bgppeers", "BGPPeer", False),
    ServedResource(CALICO, "v1", "bgpfilters", "BGPFilter", False),
    ServedResource(CALICO, "v1", "ippools", "IPPool", False),
    ServedResource(CALICO, "v1", "blockaffinities", "BlockAffinity", False),
    ServedResource(CALICO, "v1", "felixconfigurations", "FelixConfiguration", False),
    ServedResource(CALICO, "v1", "ipamblocks", "IPAMBlock", False),
    ServedResource(CALICO, "v1", "tiers", "Tier", False),
    ServedResource(CALICO, "v1", "networkpolicies", "NetworkPolicy", True),
    ServedResource(CALICO, "v1", "globalnetworkpolicies", "GlobalNetworkPolicy", False),
    ServedResource(CALICO, "v1", "stagednetworkpolicies", "StagedNetworkPolicy", True),
    ServedResource(CALICO, "v1", "stagedglobalnetworkpolicies", "StagedGlobalNetworkPolicy", False),
    ServedResource(CALICO, "v1", "stagedkubernetesnetworkpolicies", "StagedKubernetesNetworkPolicy", True),
    ServedResource(CALICO, "v1", "networksets", "NetworkSet", True),
    ServedResource(CALICO, "v1", "globalnetworksets", "GlobalNetworkSet", False),
    ServedResource(CALICO, "v1", "hostendpoints", "HostEndpoint", False),
    ServedResource(CALICO, "v1", "profiles", "Profile", False),
)

BY_ID = {resource.id: resource for resource in RESOURCES}
NAMESPACES = BY_ID["namespaces"]


def resource_at(group: str, version: str, plural: str) -> ServedResource | None:
    """The resource of that URL, or None."""
    for resource in RESOURCES:
        if (resource.group, resource.version, resource.plural) == (group, version, plural):
            return resource
    return None


def resource_by_kind(word: str) -> ServedResource | None:
    """The resource by kind or plural, perhaps with its group (`NetworkPolicy.crd.projectcalico.org`), in any case.

    Of several the first one, as kubectl chooses.
    """
    lowered = word.lower()
    for resource in RESOURCES:
        for name in (resource.kind.lower(), resource.plural, *resource.short):
            if lowered in (name, f"{name}.{resource.group}"):
                return resource
    return None


def collection_path(resource: ServedResource, namespace: str) -> str:
    """The URL path of a collection; `namespace` is "" for a cluster-scoped resource or for all namespaces."""
    root = f"/apis/{resource.api_version}" if resource.group else f"/api/{resource.version}"
    space = f"/namespaces/{namespace}" if resource.namespaced and namespace else ""
    return f"{root}{space}/{resource.plural}"


def group_versions() -> Iterator[tuple[str, str]]:
    """Each (group, version) served, once, in the registry's order."""
    yield from dict.fromkeys((resource.group, resource.version) for resource in RESOURCES)
