"""Messages as bytes, in the encoding of a version of Calico. Pure.

Source: Calico's felix/proto/felixbackend.proto. Payloads are found by their numbers in ToDataplane, which all versions
share. Up to 3.31 a policy is called by its tier and one name, `[<namespace>/][staged:]<name>`, in which a policy of
Kubernetes is `knp.default.<name>` and one of Calico begins with its tier; from 3.32 on by name, namespace and kind.
"""

from collections.abc import Mapping
from typing import Any

from google.protobuf.json_format import MessageToDict, ParseDict

from schemas.proto import felixbackend_pb2, felixbackend_v331_pb2
from tools.lab.felix.policies import KUBERNETES, STAGED_KUBERNETES, PolicyKey
from tools.lab.objects import Object

NUMBERS = {
    "in_sync": 1,
    "ipset_update": 2,
    "ipset_delta_update": 3,
    "ipset_remove": 4,
    "active_profile_update": 5,
    "active_profile_remove": 6,
    "active_policy_update": 7,
    "active_policy_remove": 8,
    "host_endpoint_update": 9,
    "host_endpoint_remove": 10,
    "workload_endpoint_update": 11,
    "workload_endpoint_remove": 12,
    "config_update": 13,
    "host_metadata_update": 14,
    "ipam_pool_update": 16,
    "ipam_pool_remove": 17,
    "host_metadata_remove": 18,
    "service_account_update": 19,
    "service_account_remove": 20,
    "namespace_update": 21,
    "namespace_remove": 22,
    "global_bgp_config_update": 29,
    "encapsulation": 30,
    "host_metadata_v6_update": 35,
    "host_metadata_v6_remove": 36,
    "host_metadata_v4v6_update": 37,
    "host_metadata_v4v6_remove": 38,
}
NEW_NAMES_SINCE = (3, 32)
WHOLE_HOSTS_BEFORE = (3, 33)  # from here on message 14 has what 37 had, which is gone with 35 and 38


GONE_LATER = ("host_metadata_update", "host_metadata_v6_update", "host_metadata_v6_remove", "host_metadata_v4v6_remove")
LATER = {"host_metadata_v4v6_update": "host_metadata_update"}


class FelixEncoding:
    """The encoding of one version of Calico, e.g. "v3.32.0"."""

    def __init__(self, version: str) -> None:
        self.version = version_of(version)
        self.old = self.version < NEW_NAMES_SINCE
        self._schema: Any = felixbackend_v331_pb2 if self.old else felixbackend_pb2
        fields = self._schema.ToDataplane.DESCRIPTOR.fields_by_number
        self._names = {kind: fields[number].name for kind, number in NUMBERS.items() if number in fields}

    def encode(self, kind: str, body: Object, sequence: int) -> bytes | None:
        """One ToDataplane; None for a message that this version does not have."""
        payload = self._in_version(kind, body)
        if payload is None or payload[0] not in self._names:
            return None
        message = self._schema.ToDataplane()
        envelope = {self._names[payload[0]]: self._plain(payload[1]), "sequence_number": sequence}
        ParseDict(envelope, message, ignore_unknown_fields=True)
        data: bytes = message.SerializeToString()
        return data

    def decode(self, data: bytes) -> tuple[str, Object]:
        """(payload, its JSON) of a FromDataplane. Raises google.protobuf.message.DecodeError."""
        message = self._schema.FromDataplane.FromString(data)
        kind = message.WhichOneof("payload") or "unknown"
        if kind == "unknown":
            return kind, {}
        return kind, MessageToDict(getattr(message, kind), preserving_proto_field_name=True)

    def _in_version(self, kind: str, body: Object) -> tuple[str, Object] | None:
        """A message about nodes in this version's form."""
        if self.version < WHOLE_HOSTS_BEFORE:
            return kind, body
        if kind in GONE_LATER:
            return None
        return LATER.get(kind, kind), body

    def _plain(self, value: Any, inside: str = "") -> Any:
        """The JSON with policies' names as this version writes them in that place."""
        if isinstance(value, PolicyKey):
            if not self.old:
                return {"name": value.name, "namespace": value.namespace, "kind": value.kind}
            return {"tier": value.tier, "name": old_name(value)} if inside == "id" else old_name(value)
        if isinstance(value, Mapping):
            return {field: self._plain(item, field) for field, item in value.items()}
        if isinstance(value, list):
            return [self._plain(item) for item in value]
        return value


def version_of(text: str) -> tuple[int, int]:
    """(major, minor) of `v3.32.0`. Raises ValueError."""
    major, minor, *_ = text.removeprefix("v").split(".")
    return int(major), int(minor)


def old_name(key: PolicyKey) -> str:
    """A policy's name up to 3.31."""
    name = key.name
    if key.kind in (KUBERNETES, STAGED_KUBERNETES):
        name = f"knp.default.{name}"
    elif not name.startswith(f"{key.tier}."):
        name = f"{key.tier}.{name}"
    name = f"staged:{name}" if key.staged else name
    return f"{key.namespace}/{name}" if key.namespace else name
