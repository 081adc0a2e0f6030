"""Names and addresses of a lab. Pure.

Labs are separate by their namespaces, so all of them use the same addresses: a LAN with the nodes and a host
outside (`.1`, also the nodes' gateway and the API server's address), a pool of pod addresses with a block a node, and
a range of service addresses.
"""

import hashlib
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

LAN4, LAN6 = IPv4Network("10.90.0.0/24"), IPv6Network("fd90::/64")
# VPP takes an IPv6 flow between two addresses with the same last four bytes for one that a pod has with itself, and
# gives it another source (docs/vppsim.md): so no pod ends as a node or the host outside does.
OUTSIDE6, NODES6 = LAN6[0xA_0001], 0xA_0010
POOL4, POOL6 = IPv4Network("10.48.0.0/16"), IPv6Network("fd48::/112")
SERVICES4, SERVICES6 = IPv4Network("10.96.0.0/16"), IPv6Network("fd96::/112")
NODE_PORTS = range(30000, 32768)
BLOCK4_LENGTH, BLOCK6_LENGTH = 26, 122
API_PORT = 6443
DEFAULT_NAMESPACE = "default"
NODES_MAX = 50
NAME = re.compile(r"[a-z][a-z0-9]{0,9}")
POD_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,28}[a-z0-9])?")


class BadName(ValueError):
    """A name that cannot be used; the text says what can."""


@dataclass(frozen=True)
class LabNode:
    """One node of a lab; `number` from 1."""

    lab: str
    number: int

    @property
    def name(self) -> str:
        return f"node{self.number}"

    @property
    def netns(self) -> str:
        return f"{self.lab}-{self.name}"

    @property
    def vpp_netns(self) -> str:
        return f"{self.netns}-vpp"

    @property
    def mac(self) -> str:
        return f"02:90:00:00:00:{self.number:02x}"

    @property
    def ip4(self) -> IPv4Address:
        return LAN4[10 + self.number]

    @property
    def ip6(self) -> IPv6Address:
        return LAN6[NODES6 + self.number]

    @property
    def block4(self) -> IPv4Network:
        size = 2 ** (32 - BLOCK4_LENGTH)
        return IPv4Network((int(POOL4[0]) + (self.number - 1) * size, BLOCK4_LENGTH))

    @property
    def block6(self) -> IPv6Network:
        size = 2 ** (128 - BLOCK6_LENGTH)
        return IPv6Network((int(POOL6[0]) + (self.number - 1) * size, BLOCK6_LENGTH))

    def pod_addresses(self, number: int) -> tuple[str, str]:
        """The addresses of the node's pod of that number, from 1."""
        return str(self.block4[number]), str(self.block6[number])


def lan_netns(lab: str) -> str:
    """The namespace with the bridge, the host outside."""
    return f"{lab}-lan"


def pod_key(namespace: str, name: str) -> str:
    """A pod's name in commands: `name` in namespace `default`, else `namespace/name`."""
    return name if namespace == DEFAULT_NAMESPACE else f"{namespace}/{name}"


def pod_netns(lab: str, key: str) -> str:
    """A pod's network namespace; `key` as made by `pod_key`."""
    return f"{lab}-pod-{key.replace('/', '.')}"


def veth_name(namespace: str, pod: str) -> str:
    """The name that Calico gives the host's side of a pod's link: `cali` and 11 digits of a SHA-1."""
    return "cali" + hashlib.sha1(f"{namespace}.{pod}".encode(), usedforsecurity=False).hexdigest()[:11]


def check_name(lab: str) -> str:
    """The lab's name, if it can be one. Raises BadName."""
    if not NAME.fullmatch(lab):
        raise BadName(f"lab name {lab!r}: 1 to 10 lower-case letters and digits, a letter first")
    return lab


def check_namespace(namespace: str) -> str:
    """The Kubernetes namespace, if it can be one. Raises BadName."""
    if not POD_NAME.fullmatch(namespace):
        raise BadName(f"namespace {namespace!r}: 1 to 30 lower-case letters, digits and dashes")
    return namespace


def check_pod_name(pod: str) -> str:
    """The pod's name, if it can be one. Raises BadName."""
    if not POD_NAME.fullmatch(pod):
        raise BadName(f"pod name {pod!r}: 1 to 30 lower-case letters, digits and dashes")
    return pod
