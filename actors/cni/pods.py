"""One pod interface, as Calico's CNI plugin asks for it. Pure.

A request becomes a `CniPod` or one BadPodRequest that names the field. Limits are those of the objects that the
values end up in: Linux device names, VPP's 63 byte namespace paths, Kubernetes names. The
request is that of schemas/proto/cnibackend.proto.

An annotation that we act on and cannot read is refused; what others ask for the pod's status says (`annotations.py`).
Secondary networks (`network_name`) are refused rather than ignored: a pod that seems to have them and has not is worse
than one that does not start.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from ipaddress import IPv4Address, IPv6Address

import msgspec
from msgspec import Struct

from actors.cni.allowed_sources import ALLOWED_SOURCES_ANNOTATION, allowed_sources
from actors.cni.annotations import pod_annotation_problems
from actors.cni.host_ports import BadHostPort, PodHostPort, host_port_problems, parse_host_ports
from actors.cni.interface_spec import INTERFACES_SPEC_ANNOTATION, AskedInterfaceSpec, asked_interface_spec
from schemas.addresses import parse_interface_address, parse_ip_prefix
from schemas.calico_vpp import InterfaceSpec
from schemas.proto.cnibackend_pb2 import AddRequest, Port

_NETNS_BYTES_MAX = 63  # VPP: tap_create_v3.host_namespace is 64 bytes with its end
_ADDRESSES_MAX, _ROUTES_MAX = 16, 256
_MTU_MIN, _MTU_MIN_IP6, _MTU_MAX = 68, 1280, 9216  # RFC 791, RFC 8200, VPP's side of the tun
_MTU_ETHERNET = 1500
_LIMITED_BROADCAST = IPv4Address("255.255.255.255")

_DEVICE = re.compile(r"[A-Za-z0-9_@+-][A-Za-z0-9._@+-]{0,14}")  # Linux: IFNAMSIZ - 1; "%" would be a template
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")  # RFC 1123 label
_SUBDOMAIN = re.compile(r"(?=.{1,253}$)[a-z0-9]([-a-z0-9.]*[a-z0-9])?")
_NETNS_PATH = re.compile(r"/[!-~]+")  # absolute, printable ASCII


class BadPodRequest(ValueError):
    """A request that can never be granted. The text names the field."""

    def __init__(self, field: str, why: str) -> None:
        super().__init__(f"{field}: {why}")
        self.field, self.why = field, why


class CniPod(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A pod interface: what was asked for, and the MTU that was chosen for it."""

    namespace: str
    name: str
    interface: str  # device in the pod
    netns: str  # path of the pod's namespace; "" where the runtime gives none
    addresses: tuple[str, ...]  # without length: a pod's address stands alone
    routes: tuple[str, ...] = ()  # prefixes that lead out of the pod
    mtu_asked: int = 0  # bytes; 0: ours to choose
    mtu: int = 0  # bytes; what holds. Kept, so that a living device is never made anew for its MTU
    forwarding: bool = False  # the pod may forward packets
    problems: tuple[str, ...] = ()  # what its annotations ask for and it does not get
    life: int = 0  # another for each time that it comes; 0: of records without one
    allowed_sources: tuple[str, ...] = ()  # prefixes that it may send from beside its addresses
    host_ports: tuple[PodHostPort, ...] = ()  # ports of the node that lead to it
    spec: InterfaceSpec | None = None  # queues and rings of its interface; None: the node's default

    @property
    def key(self) -> str:
        """`<namespace>/<pod>/<interface>`."""
        return f"{self.namespace}/{self.name}/{self.interface}"

    @property
    def device_id(self) -> str:
        """The device: interface and namespace, all that a DEL tells of a pod."""
        return pod_device_id(self.netns, self.interface)

    def in_new_life(self, life: int) -> "CniPod":
        """The pod as it comes now: `life` is of no earlier one."""
        return msgspec.structs.replace(self, life=life)

    def same_request(self, pod: "CniPod") -> bool:
        """Were both asked for with the same content, as far as VPP and the pod's side have to do with it?"""
        mine, its = (msgspec.structs.replace(each, mtu=0, problems=(), life=0) for each in (self, pod))
        return mine == its

    def versions(self) -> tuple[int, ...]:
        """The address families that the pod has: 4, 6."""
        return tuple(v for v in (4, 6) if any((":" in a) == (v == 6) for a in self.addresses))


def pod_device_id(netns: str, interface: str) -> str:
    """Names a pod's device on this node."""
    return f"{netns} {interface}"


def parse_pod_request(request: AddRequest, limits: InterfaceSpec | None = None) -> CniPod:
    """The pod that a request asks for, within the limits of the node's `maxPodIfSpec`.

    Raises BadPodRequest, and nothing else, whatever the texts are.
    """
    if request.dataplane_options.get("network_name"):
        raise BadPodRequest("dataplane_options.network_name", "secondary networks are not supported")
    addresses = _distinct("container_ips", (ip.address for ip in request.container_ips), _address, _ADDRESSES_MAX)
    if not addresses:
        raise BadPodRequest("container_ips", "no address")
    host_ports = _host_ports(request.workload.ports)
    asked = _interface_spec(request, limits)
    pod = CniPod(
        namespace=_matching("workload.namespace", request.workload.namespace, _LABEL),
        name=_matching("workload.pod", request.workload.pod, _SUBDOMAIN),
        interface=_matching("interface_name", request.interface_name, _DEVICE),
        netns=_netns(request.netns),
        addresses=addresses,
        routes=_distinct("container_routes", request.container_routes, _prefix, _ROUTES_MAX),
        mtu_asked=request.settings.mtu,
        forwarding=request.settings.allow_ip_forwarding,
        problems=(
            *pod_annotation_problems(request.workload.annotations),
            *asked.problems,
            *host_port_problems(host_ports, addresses),
        ),
        host_ports=host_ports,
        spec=asked.spec,
        allowed_sources=_allowed_sources(request.workload.annotations),
    )
    low = _MTU_MIN_IP6 if 6 in pod.versions() else _MTU_MIN
    if pod.mtu_asked and not low <= pod.mtu_asked <= _MTU_MAX:
        raise BadPodRequest("settings.mtu", f"{pod.mtu_asked} outside {low} to {_MTU_MAX} bytes")
    return pod


def pod_with_mtu(pod: CniPod, uplinks: Iterable[int]) -> CniPod:
    """The pod with the MTU it asks for, else the smallest of the uplinks' (bytes), else Ethernet's."""
    mtu = pod.mtu_asked or min(_MTU_MAX, min(uplinks, default=_MTU_ETHERNET))
    return msgspec.structs.replace(pod, mtu=mtu)


def _distinct(field: str, texts: Iterable[str], read_one: Callable[[str, str], str], limit: int) -> tuple[str, ...]:
    """All texts read, in order, repeated ones once."""
    values = tuple(dict.fromkeys(read_one(field, text) for text in texts))
    if len(values) > limit:
        raise BadPodRequest(field, f"{len(values)} of them, at most {limit}")
    return values


def _address(field: str, text: str) -> str:
    try:
        address = parse_interface_address(text).ip
    except ValueError:
        raise BadPodRequest(field, f"{text!r} is not an address") from None
    if not _is_usable(address):
        raise BadPodRequest(field, f"{text!r} cannot be a pod's address")
    return str(address)


def _is_usable(address: IPv4Address | IPv6Address) -> bool:
    if address == _LIMITED_BROADCAST:
        return False
    # Link-local addresses are the pod's next hops, not its own.
    kinds = (address.is_unspecified, address.is_multicast, address.is_loopback, address.is_link_local)
    return not any(kinds)


def _prefix(field: str, text: str) -> str:
    try:
        return str(parse_ip_prefix(text))
    except ValueError:
        raise BadPodRequest(field, f"{text!r} is not a prefix") from None


def _allowed_sources(annotations: Mapping[str, str]) -> tuple[str, ...]:
    try:
        return allowed_sources(annotations)
    except ValueError as error:
        raise BadPodRequest(f"workload.annotations: {ALLOWED_SOURCES_ANNOTATION}", str(error)) from None


def _interface_spec(request: AddRequest, limits: InterfaceSpec | None) -> AskedInterfaceSpec:
    try:
        return asked_interface_spec(request.workload.annotations, request.interface_name, limits)
    except ValueError as error:
        raise BadPodRequest(f"workload.annotations: {INTERFACES_SPEC_ANNOTATION}", str(error)) from None


def _host_ports(ports: Iterable[Port]) -> tuple[PodHostPort, ...]:
    try:
        return parse_host_ports(ports)
    except BadHostPort as error:
        raise BadPodRequest(f"workload.ports.{error.field}", error.why) from None


def _matching(field: str, text: str, form: re.Pattern[str]) -> str:
    if not form.fullmatch(text):
        raise BadPodRequest(field, f"{_shortened(text)} is not a valid name")
    return text


def _netns(path: str) -> str:
    if path and not _NETNS_PATH.fullmatch(path):
        raise BadPodRequest("netns", f"{_shortened(path)} is not an absolute path")
    if len(path) > _NETNS_BYTES_MAX:
        raise BadPodRequest("netns", f"{_shortened(path)} has more than {_NETNS_BYTES_MAX} bytes")
    return path


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 80 else text[:77] + "...")
