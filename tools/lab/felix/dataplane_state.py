"""The state of a dataplane, as messages of Felix's protocol. Pure."""

from dataclasses import dataclass, field

from tools.lab.felix.policies import (
    PolicyKey,
)
from tools.lab.objects import Key, Object


@dataclass
class DataplaneState:
    """The state of a dataplane: protobuf messages as JSON, by the ids of Felix's protocol."""

    config: dict[str, str] = field(default_factory=dict)
    ip_sets: dict[str, tuple[str, frozenset[str]]] = field(default_factory=dict)  # type, members
    policies: dict[PolicyKey, Object] = field(default_factory=dict)
    profiles: dict[str, Object] = field(default_factory=dict)
    workloads: dict[tuple[str, str, str], Object] = field(default_factory=dict)
    host_endpoints: dict[str, Object] = field(default_factory=dict)
    accounts: dict[Key, Object] = field(default_factory=dict)
    namespaces: dict[str, Object] = field(default_factory=dict)
    hosts: dict[str, Object] = field(default_factory=dict)
    pools: dict[str, Object] = field(default_factory=dict)
    encapsulation: Object = field(default_factory=dict)
    bgp: Object = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)  # "<kind>/<namespace>/<name>" -> what is wrong
