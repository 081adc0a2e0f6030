"""What the server serves: one line per resource. A new resource is a new line, nothing else."""

from collections.abc import Iterator
from dataclasses import dataclass

CALICO = "crd.projectcalico.org"


@dataclass(frozen=True)
class Resource:
    """One REST resource. `fields` are dotted paths usable in a field selector besides name and namespace."""

    group: str
    version: str
    plural: str
    kind: str
    namespaced: bool
    short: tuple[str, ...] = ()
    has_status: bool = False
    fields: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()

    @property
    def api_version(self) -> str:
        """`v1`, or `group/version` outside the core group."""
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def id(self) -> str:
        """The name by which the journal and error messages call the resource: `plural.group`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural


RESOURCES = (
    Resource("", "v1", "nodes", "Node", False, ("no",), True, ("spec.unschedulable",)),
    Resource("", "v1", "namespaces", "Namespace", False, ("ns",), True, ("status.phase",)),
    Resource("", "v1", "pods", "Pod", True, ("po",), True, ("spec.nodeName", "status.phase"), ("all",)),
    Resource("", "v1", "secrets", "Secret", True, (), False, ("type",)),
    Resource("", "v1", "configmaps", "ConfigMap", True, ("cm",)),
    Resource(CALICO, "v1", "bgpconfigurations", "BGPConfiguration", False),
    Resource(CALICO, "v1", "bgppeers", "BGPPeer", False),
    Resource(CALICO, "v1", "bgpfilters", "BGPFilter", False),
    Resource(CALICO, "v1", "ippools", "IPPool", False),
    Resource(CALICO, "v1", "blockaffinities", "BlockAffinity", False),
    Resource(CALICO, "v1", "felixconfigurations", "FelixConfiguration", False),
    Resource(CALICO, "v1", "ipamblocks", "IPAMBlock", False),
)

BY_ID = {resource.id: resource for resource in RESOURCES}
NAMESPACES = BY_ID["namespaces"]


def find(group: str, version: str, plural: str) -> Resource | None:
    """The resource of that URL, or None."""
    for resource in RESOURCES:
        if (resource.group, resource.version, resource.plural) == (group, version, plural):
            return resource
    return None


def group_versions() -> Iterator[tuple[str, str]]:
    """Each (group, version) served, once, in the registry's order."""
    yield from dict.fromkeys((resource.group, resource.version) for resource in RESOURCES)
