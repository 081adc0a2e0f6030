"""The JSON of calico-vpp-config, as users of Calico/VPP know it: names, types, defaults, units.

Source: the package config of Calico/VPP. What of it is accepted so that an existing ConfigMap works unchanged, and is
not acted on, is in `config_notices.py`.
"""

from typing import Annotated

from msgspec import Meta, Struct

from schemas.env_readers import env_addresses

UPLINK_DRIVER_NAMES = ("", "af_packet", "af_xdp", "avf", "dpdk", "none", "rdma", "virtio", "vmxnet3")
_IP_FAMILIES = ("IPv4", "IPv6")
_QUEUES_DEFAULT, _RING_DEFAULT = 1, 1024
UPLINK_ANNOTATIONS = ("AfPacketQdiscBypass", "AfPacketUseV3")
UPLINK_RX_MODES = ("interrupt", "polling", "adaptive", "default")
_TRUE, _FALSE = ("1", "t", "T", "TRUE", "true", "True"), ("0", "f", "F", "FALSE", "false", "False")  # Go: ParseBool

_Uint16 = Annotated[int, Meta(ge=0, le=65535)]
_Uint32 = Annotated[int, Meta(ge=0, le=2**32 - 1)]


class InterfaceSpec(Struct, frozen=True, kw_only=True):
    """Queues and rings of an interface; 0 means the default (1 queue, 1024 descriptors)."""

    rx: _Uint16 = 0
    tx: _Uint16 = 0
    rxqsz: _Uint16 = 0
    txqsz: _Uint16 = 0
    isl3: bool | None = None
    rxMode: str = ""  # noqa: N815 - names of Calico/VPP's JSON

    @property
    def rx_queues(self) -> int:
        """How many receive queues."""
        return self.rx or _QUEUES_DEFAULT

    @property
    def tx_queues(self) -> int:
        """How many transmit queues."""
        return self.tx or _QUEUES_DEFAULT

    @property
    def rx_ring(self) -> int:
        """Descriptors of a receive queue."""
        return self.rxqsz or _RING_DEFAULT

    @property
    def tx_ring(self) -> int:
        """Descriptors of a transmit queue."""
        return self.txqsz or _RING_DEFAULT

    def rx_mode(self, default: str) -> str:
        """How queues are read; text that names no mode means the default."""
        return self.rxMode if self.rxMode in UPLINK_RX_MODES else default


class UplinkSpec(InterfaceSpec, frozen=True, kw_only=True):
    """One entry of `uplinkInterfaces`."""

    interfaceName: str  # noqa: N815 - Linux's name of it
    isMain: bool = False  # noqa: N815
    vppDriver: str = ""  # noqa: N815 - one of DRIVERS; "": the best that can take it
    newDriver: str = ""  # noqa: N815 - kernel driver that it is bound to before VPP starts
    physicalNetworkName: str = ""  # noqa: N815 - "": the default one
    ipFamilies: str = ""  # noqa: N815 - comma list of _IP_FAMILIES that it must have addresses of
    mtu: int = 0  # bytes, layer 3; 0: as Linux had it
    annotations: dict[str, str] = {}


class CalicoVppInterfaces(Struct, frozen=True, kw_only=True):
    """`CALICOVPP_INTERFACES`."""

    maxPodIfSpec: InterfaceSpec | None = None  # noqa: N815
    defaultPodIfSpec: InterfaceSpec = InterfaceSpec()  # noqa: N815
    vppHostTapSpec: InterfaceSpec = InterfaceSpec()  # noqa: N815
    uplinkInterfaces: list[UplinkSpec] = []  # noqa: N815


class _RedirectRule(Struct, frozen=True, kw_only=True):
    """One entry of `redirectToHostRules`."""

    proto: str
    port: _Uint16
    ip: str


class CalicoVppInitialConfig(Struct, frozen=True, kw_only=True):
    """`CALICOVPP_INITIAL_CONFIG`."""

    vppStartupSleepSeconds: _Uint16 = 0  # noqa: N815
    corePattern: str = ""  # noqa: N815 - of /proc/sys/kernel/core_pattern; "": as it is
    ifConfigSavePath: str = ""  # noqa: N815
    defaultGWs: str = ""  # noqa: N815 - comma list of addresses
    ip4NeighborsMaxNumber: _Uint32 = 50_000  # noqa: N815
    ip6NeighborsMaxNumber: _Uint32 = 50_000  # noqa: N815
    ip4NeighborsMaxAge: _Uint32 = 30  # noqa: N815 - seconds, 0: never
    ip6NeighborsMaxAge: _Uint32 = 30  # noqa: N815
    redirectToHostRules: list[_RedirectRule] = []  # noqa: N815
    healthCheckPort: _Uint16 = 9090  # noqa: N815
    prometheusListenEndpoint: str = ":8888"  # noqa: N815
    prometheusStatsPrefix: str = "cni.projectcalico.vpp."  # noqa: N815
    prometheusRecordMetricInterval: int = 5_000_000_000  # noqa: N815 - nanoseconds

    @property
    def default_gateways(self) -> tuple[str, ...]:
        """The addresses in `defaultGWs`, in order. Raises ValueError."""
        return env_addresses(self.defaultGWs)


class CalicoVppDebugConfig(Struct, frozen=True, kw_only=True):
    """`CALICOVPP_DEBUG`."""

    gsoEnabled: bool = True  # noqa: N815
    translateUplinkAddrMaskTo64: bool = True  # noqa: N815
    fetchV6LLntries: _Uint16 = 5  # noqa: N815 - seconds
    servicesEnabled: bool = True  # noqa: N815
    spreadTxQueuesOnWorkers: bool = False  # noqa: N815
    enableUdevNetNameRules: bool = True  # noqa: N815


class CalicoVppFeatureGates(Struct, frozen=True, kw_only=True):
    """`CALICOVPP_FEATURE_GATES`."""

    memifEnabled: bool = False  # noqa: N815 - Calico/VPP: true
    vclEnabled: bool = False  # noqa: N815
    multinetEnabled: bool = False  # noqa: N815
    srv6Enabled: bool = False  # noqa: N815
    ipsecEnabled: bool = False  # noqa: N815
    prometheusEnabled: bool = False  # noqa: N815


class CalicoVppIpsecConfig(Struct, frozen=True, kw_only=True):
    """`CALICOVPP_IPSEC`."""

    crossIPSecTunnels: bool = False  # noqa: N815
    nbAsyncCryptoThreads: _Uint16 = 0  # noqa: N815
    extraAddresses: _Uint16 = 0  # noqa: N815


class CalicoVppSrv6Config(Struct, frozen=True, kw_only=True):
    """`CALICOVPP_SRV6`."""

    localsidPool: str = ""  # noqa: N815
    policyPool: str = ""  # noqa: N815


def parse_go_bool(text: str) -> bool:
    """A truth value as Go reads it; "" counts as false. Raises ValueError."""
    if text and text not in _TRUE + _FALSE:
        raise ValueError(f"{text!r} is not true or false")
    return text in _TRUE


def uplink_spec_errors(uplinks: list[UplinkSpec]) -> list[str]:
    """Errors in well-formed uplinks, e.g. a name twice; each begins with the field's path."""
    wrong = []
    if sum(uplink.isMain for uplink in uplinks) > 1:
        wrong.append("uplinkInterfaces: more than one isMain")
    names = [uplink.interfaceName for uplink in uplinks]
    for number, uplink in enumerate(uplinks):
        path, name = f"uplinkInterfaces[{number}]", uplink.interfaceName
        if not 1 <= len(name) <= 15:
            wrong.append(f"{path}.interfaceName: {name!r}: 1 to 15 characters")
        if name in names[:number]:
            wrong.append(f"{path}.interfaceName: {name} is there twice")
        if uplink.vppDriver not in UPLINK_DRIVER_NAMES:
            wrong.append(
                f"{path}.vppDriver: unknown vppDriver {uplink.vppDriver!r}, not one of {', '.join(UPLINK_DRIVER_NAMES)}"
            )
        if not uplink.vppDriver and len(uplinks) > 1:
            wrong.append(f"{path}.vppDriver: not set; only a single uplink may leave the choice to vppd")
        if uplink.mtu and not 1280 <= uplink.mtu <= 9216:
            wrong.append(f"{path}.mtu: {name}: mtu {uplink.mtu} outside 1280 to 9216")
        families = [part.strip() for part in uplink.ipFamilies.split(",")] if uplink.ipFamilies else []
        if any(family not in _IP_FAMILIES for family in families):
            wrong.append(f"{path}.ipFamilies: {uplink.ipFamilies!r} is not a comma list of {', '.join(_IP_FAMILIES)}")
        wrong += [f"{path}.annotations.{key}: {why}" for key, why in _wrong_annotations(uplink.annotations)]
    return wrong


def default_gateway_errors(initial: CalicoVppInitialConfig) -> list[str]:
    """What is wrong with `defaultGWs`; it begins with the field."""
    try:
        _ = initial.default_gateways
    except ValueError as error:
        return [f"defaultGWs: {error}"]
    return []


def _wrong_annotations(annotations: dict[str, str]) -> list[tuple[str, str]]:
    wrong = []
    for key in UPLINK_ANNOTATIONS:
        try:
            parse_go_bool(annotations.get(key, ""))
        except ValueError as error:
            wrong.append((key, str(error)))
    return wrong
