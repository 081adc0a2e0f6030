"""What VPP should hold for a pod, and what is said of it. Pure.

A pod has a table of its own per family, whose default leads to the table `pods`: there, and not in the main
table, its packets are looked up. A loopback in those tables carries the pod's addresses, and the tun that
ends in the pod's namespace borrows them. Routes of the main table lead to the tun. Two tables more hold the sources
that the pod may send from; the policy manager adds to them what Felix allows.
"""

import hashlib
from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_interface

from actors.cni.host_ports import host_port_translations
from actors.cni.pods import CniPod
from schemas.config import NodeConfig
from schemas.facts import PodInterfaceFact, UplinkFact
from schemas.intents import (
    DEFAULT_TABLE,
    PODS_TABLE,
    AddressIntent,
    AdminUpIntent,
    CnatFeatureIntent,
    Intent,
    InterfaceTableIntent,
    LoopbackIntent,
    MtuIntent,
    RouteIntent,
    RoutePath,
    RxModeIntent,
    TableIntent,
    TapIntent,
    UnnumberedIntent,
    UrpfIntent,
)
from schemas.urpf import fitting_table_name, source_table

_LOOPBACK_MAC = "02:00:00:00:00:01"
_MTU_IN_VPP = 9216  # bytes; Linux's side of the tun limits the pod
_RING_DEFAULT = 1024  # descriptors
_DEFAULT_PREFIX = {4: "0.0.0.0/0", 6: "::/0"}
_HASH_CHARACTERS = 12
_TAG_BYTES_MAX = 63  # VPP: sw_interface_tag_add_del, tap_create_v3


@dataclass
class CniPodTable:
    """All that the CNI server knows of this node; pods by key."""

    pods: dict[str, CniPod] = field(default_factory=dict)
    coming: set[str] = field(default_factory=set)  # those that are not set up yet
    unrepaired: dict[str, str] = field(default_factory=dict)  # those whose side is not as it should be, and why
    uplinks: dict[str, UplinkFact] = field(default_factory=dict)

    def node_addresses(self) -> list[str]:
        """The addresses at which all host ports are reached: those of the uplinks that VPP has."""
        running = (uplink for _, uplink in sorted(self.uplinks.items()) if uplink.state != "linux")
        addresses = (ip_interface(text).ip for uplink in running for text in uplink.addresses)
        return list(dict.fromkeys(str(address) for address in addresses if not address.is_link_local))

    def forget(self, pod: CniPod) -> None:
        """Removes the pod, and what is known of it, from all tables."""
        self.pods.pop(pod.key, None)
        self.coming.discard(pod.key)
        self.unrepaired.pop(pod.key, None)


def pod_tun_name(pod: CniPod) -> str:
    """Intent name of the pod's tun."""
    return f"pod/{pod.key}"


def _loopback_name(pod: CniPod) -> str:
    """Intent name of the loopback that lends the tun its addresses."""
    return f"pod-loop/{pod.key}"


def _table_name(pod: CniPod) -> str:
    """The pod's tables."""
    return fitting_table_name(pod_tun_name(pod))


def _interface_tag(pod: CniPod, role: str) -> str:
    """Marks an interface as this pod's in this namespace and life: `<hash>-<interface>-<namespace>`, cut to 63 bytes.

    By it VPP, and a status of the interface, tell this life of the pod from an earlier one that was alike.
    """
    life = [str(pod.life)] if pod.life else []
    text = f"{_hash(role, pod.key, pod.netns, *life)}-{pod.interface}-{pod.netns.rpartition('/')[2]}"
    return text[:_TAG_BYTES_MAX]


def pod_intents(pod: CniPod, config: NodeConfig, node_addresses: Iterable[str] = ()) -> list[Intent]:
    """All that one pod needs; its host ports at these addresses of the node.

    Unnumbered turns both families on (VPP), so no `Ip6Intent` is needed for the tun.
    """
    wiring = [*_tables(pod), *_loopback(pod), *_tun(pod, config), *_routes(pod), *_source_check(pod)]
    return [*wiring, *host_port_translations(pod.host_ports, pod.addresses, node_addresses)]


def pod_facts(pods: Iterable[CniPod], coming: Container[str]) -> dict[str, PodInterfaceFact]:
    """The pods' interfaces as facts, by key; `coming`: keys of those that are not set up yet."""
    return {
        pod.key: PodInterfaceFact(
            pod_tun_name(pod), pod.netns, pod.addresses, pod.key in coming, pod.problems, pod.allowed_sources
        )
        for pod in pods
    }


def _tables(pod: CniPod) -> Iterator[Intent]:
    # Both families always: VPP refuses to lend addresses between interfaces whose tables differ in either.
    for version, default in _DEFAULT_PREFIX.items():
        yield TableIntent(_table_name(pod), version)
        yield RouteIntent(_table_name(pod), default, (RoutePath(table=PODS_TABLE),))
        for interface in (_loopback_name(pod), pod_tun_name(pod)):
            yield InterfaceTableIntent(interface, version, _table_name(pod))


def _loopback(pod: CniPod) -> Iterator[Intent]:
    yield LoopbackIntent(_loopback_name(pod), _LOOPBACK_MAC, _interface_tag(pod, "loopback"))
    for address in pod.addresses:
        yield AddressIntent(_loopback_name(pod), _host_prefix(address))


def _tun(pod: CniPod, config: NodeConfig) -> Iterator[Intent]:
    name, spec = pod_tun_name(pod), pod.spec or config.interfaces.defaultPodIfSpec
    yield TapIntent(
        name=name,
        host_interface=pod.interface,
        netns=pod.netns,
        tag=_interface_tag(pod, "tun"),
        tun=True,
        persist=True,  # the device, its addresses and routes outlive VPP
        gso=config.debug.gsoEnabled,
        mtu=pod.mtu,
        rx_ring=spec.rxqsz or _RING_DEFAULT,
        tx_ring=spec.txqsz or _RING_DEFAULT,
        rx_queues=spec.rx or 1,
        tx_queues=spec.tx or 1,
    )
    yield MtuIntent(name, _MTU_IN_VPP)
    yield RxModeIntent(name, spec.rx_mode("adaptive"))
    yield CnatFeatureIntent(name)
    # Where policies are said, no packet passes before those of this pod hold, and none once they are gone.
    is_policed = config.policy_source != "none"
    yield AdminUpIntent(name, when_policed=is_policed, gated=True, when_checked=True)
    yield UnnumberedIntent(name, _loopback_name(pod), when_policed=is_policed)


def _routes(pod: CniPod) -> Iterator[Intent]:
    for address in pod.addresses:
        yield RouteIntent(DEFAULT_TABLE, _host_prefix(address), (RoutePath(interface=pod_tun_name(pod)),))


def _source_check(pod: CniPod) -> Iterator[Intent]:
    """The pod sends from its own addresses, and those that it is allowed besides; of a family without any, nothing."""
    name = pod_tun_name(pod)
    for version in _DEFAULT_PREFIX:
        yield TableIntent(source_table(name), version)
        yield UrpfIntent(name, version, source_table(name))
    own = tuple(_host_prefix(address) for address in pod.addresses)
    for prefix in dict.fromkeys((*own, *pod.allowed_sources)):
        yield RouteIntent(source_table(name), prefix, (RoutePath(interface=name),))


def _host_prefix(address: str) -> str:
    """The address alone: /32 or /128."""
    return f"{address}/{ip_address(address).max_prefixlen}"


def _hash(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_HASH_CHARACTERS]
