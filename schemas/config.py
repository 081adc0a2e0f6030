"""A node's configuration: environment variables, their defaults, units and limits.

Variables are named as Calico/VPP's users know them where they mean the same
(spec/guard.md section 11); what is ours alone starts with `VPPD_`. `from_env` reports every
mistake at once, each by the variable's name, so that an operator mends them in one go.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from msgspec import Struct

LOG_LEVELS = ("debug", "info", "warning", "error")
DRIVERS = ("", "af_packet")


class ConfigError(ValueError):
    """The environment is wrong. The text has one line for each variable that is."""


class InterfaceSpec(Struct, frozen=True, kw_only=True):
    """Queues and rings of an interface; 0 means the default (1 queue, 1024 descriptors)."""

    rx: int = 0
    tx: int = 0
    rxqsz: int = 0
    txqsz: int = 0
    rxMode: str = ""  # noqa: N815 - names of Calico/VPP's JSON


class UplinkSpec(InterfaceSpec, frozen=True, kw_only=True):
    """One entry of `uplinkInterfaces`."""

    interfaceName: str  # noqa: N815
    isMain: bool = False  # noqa: N815
    vppDriver: str = ""  # noqa: N815
    ipFamilies: str = ""  # noqa: N815
    mtu: int = 0
    annotations: dict[str, str] = {}


class Interfaces(Struct, frozen=True, kw_only=True):
    """`CALICOVPP_INTERFACES`."""

    defaultPodIfSpec: InterfaceSpec = InterfaceSpec()  # noqa: N815
    vppHostTapSpec: InterfaceSpec = InterfaceSpec()  # noqa: N815
    uplinkInterfaces: list[UplinkSpec] = []  # noqa: N815


class InitialConfig(Struct, frozen=True, kw_only=True):
    """`CALICOVPP_INITIAL_CONFIG`."""

    defaultGWs: str = ""  # noqa: N815 - comma list of addresses
    ip4NeighborsMaxNumber: int = 50_000  # noqa: N815
    ip6NeighborsMaxNumber: int = 50_000  # noqa: N815
    ip4NeighborsMaxAge: int = 30  # noqa: N815 - seconds, 0: never
    ip6NeighborsMaxAge: int = 30  # noqa: N815


class Debug(Struct, frozen=True, kw_only=True):
    """`CALICOVPP_DEBUG`."""

    gsoEnabled: bool = True  # noqa: N815
    translateUplinkAddrMaskTo64: bool = True  # noqa: N815
    fetchV6LLntries: int = 5  # noqa: N815 - seconds
    servicesEnabled: bool = True  # noqa: N815


# cnat: VPP looks at its session table 100 us at a time, every second unless told otherwise, and the table grows with
# session-max: with VPP's own defaults the connections to a removed backend would live for many minutes. What is not
# translated is forgotten after session-max-age seconds of silence, established TCP too, and then meets the policies
# as a new flow.
DEFAULT_STARTUP_CONF = """\
unix {
  nodaemon
  full-coredump
  cli-listen __VPPD_RUN__/vpp/cli.sock
  runtime-dir __VPPD_RUN__/vpp
  pidfile __VPPD_RUN__/vpp/vpp.pid
  exec __VPPD_RUN__/vpp/startup.exec
}
api-trace { on }
cpu { workers 0 }
socksvr { socket-name __VPPD_RUN__/vpp/vpp-api.sock }
statseg { socket-name __VPPD_RUN__/vpp/stats.sock }
plugins {
  plugin default { enable }
  plugin dpdk_plugin.so { disable }
}
buffers { buffers-per-numa 131072 }
cnat { session-max 1048576 session-max-age 120 session-cleanup-timeout 0.01 }
"""


@dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """What every process of a node is told. Made by `from_env`."""

    node: str = ""
    run: Path = Path("/run/vppd")
    state: Path = Path("/var/lib/vppd")
    log_level: str = "info"
    interfaces: Interfaces = field(default_factory=Interfaces)
    initial: InitialConfig = field(default_factory=InitialConfig)
    debug: Debug = field(default_factory=Debug)
    startup_conf: str = DEFAULT_STARTUP_CONF
    startup_exec: str = ""
    tap0_address: str = "169.254.0.1/32"
    vpp_binary: Path = Path("/usr/bin/vpp")
    vpp_preload: str = ""
    vpp_netns: str = "calico-vpp-ns"
    host_netns: str = "pid:1"
    cni_socket: Path = Path("/var/run/calico/cni-server.sock")
    gateway_wait_s: float = 10.0
    takeover_wait_s: float = 20.0
    bgp_log_level: str = "info"
    bgp_restart_s: int = 120
    bgp_resync_s: float = 10.0
    cni_deadline_s: float = 4.5
    service_prefixes: tuple[str, ...] = ()
    policy_source: str = "none"
    node_source: str = "kubernetes"
    felix_socket: Path = Path("/var/run/calico/felix-dataplane.sock")
    felix_driver: Path | None = None
    felix_proxy: Path = Path("/usr/local/lib/vppd/felix-proxy")
    health_check_address: str = ""
    stuck_restart_s: float = 0.0
    readback_s: float = 60.0
    vpp_window: int = 128
    tap_address: str = ""
    tap_keys: Path = Path("/etc/vppd/tap")

    @property
    def bus(self) -> Path:
        """Directory of the bus's sockets, mode 0700."""
        return self.run / "bus"

    @property
    def vpp_run(self) -> Path:
        """VPP's runtime directory: API, CLI and stats sockets, rendered configuration."""
        return self.run / "vpp"

    @property
    def vpp_api(self) -> Path:
        """VPP's binary API socket."""
        return self.vpp_run / "vpp-api.sock"

    @property
    def gobgp_socket(self) -> Path:
        """gobgpd's gRPC socket."""
        return self.run / "gobgp.sock"


class Variable(NamedTuple):
    """One environment variable: where it goes, how its text is read, what it means."""

    name: str
    attribute: str
    read: Callable[[str], Any]
    meaning: str


def _json(kind: type[Struct]) -> Callable[[str], Any]:
    def read(text: str) -> Any:
        return msgspec.json.decode(text, type=kind)

    return read


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text.lower() not in words:
            raise ValueError(f"is {text!r}, not one of {', '.join(words)}")
        return text.lower()

    return read


def _seconds(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        value = float(text.removesuffix("s"))
        if not low <= value <= high:
            raise ValueError(f"is {value} s, outside {low} to {high} s")
        return value

    return read


def _count(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        value = int(text)
        if not low <= value <= high:
            raise ValueError(f"is {value}, outside {low} to {high}")
        return value

    return read


def _prefixes(text: str) -> tuple[str, ...]:
    """A comma list of prefixes, host bits cut off."""
    return tuple(str(ipaddress.ip_network(part.strip(), strict=False)) for part in text.split(",") if part.strip())


def _host_address(text: str) -> str:
    return str(ipaddress.ip_interface(text))


def _tcp(text: str) -> str:
    if not re.fullmatch(r"tcp://[^/]+:\d{1,5}", text):
        raise ValueError(f"{text!r} is not tcp://ADDRESS:PORT")
    return text


VARIABLES = (
    Variable("NODENAME", "node", str, "Kubernetes name of this node (required)"),
    Variable("VPPD_RUN", "run", Path, "runtime directory: sockets, rendered files, journals"),
    Variable("VPPD_STATE", "state", Path, "state directory: undo journal, pod records"),
    Variable("CALICOVPP_LOG_LEVEL", "log_level", _one_of(*LOG_LEVELS), "debug, info, warning, error"),
    Variable("CALICOVPP_INTERFACES", "interfaces", _json(Interfaces), "uplinks and interface specs, JSON"),
    Variable("CALICOVPP_INITIAL_CONFIG", "initial", _json(InitialConfig), "gateways, neighbour limits, JSON"),
    Variable("CALICOVPP_DEBUG", "debug", _json(Debug), "gsoEnabled and other switches, JSON"),
    Variable("CALICOVPP_CONFIG_TEMPLATE", "startup_conf", str, "VPP's startup.conf, with tokens"),
    Variable("CALICOVPP_CONFIG_EXEC_TEMPLATE", "startup_exec", str, "VPP's startup.exec, with tokens"),
    Variable("CALICOVPP_TAP0_ADDR", "tap0_address", _host_address, "address of VPP's side of the host tap"),
    Variable("VPPD_VPP_BIN", "vpp_binary", Path, "path of the vpp binary"),
    Variable("VPPD_VPP_PRELOAD", "vpp_preload", str, "LD_PRELOAD for VPP's environment alone"),
    Variable("VPPD_VPP_NETNS", "vpp_netns", str, "named namespace in which VPP holds virtual uplinks"),
    Variable("VPPD_HOST_NETNS", "host_netns", str, 'the host\'s namespace for its tap: "pid:1" or a path'),
    Variable("VPPD_CNI_SOCKET", "cni_socket", Path, "socket that Calico's CNI plugin calls"),
    Variable("VPPD_GATEWAY_WAIT", "gateway_wait_s", _seconds(0, 300), "s; no gateway by then: NIC given back"),
    Variable("VPPD_TAKEOVER_WAIT", "takeover_wait_s", _seconds(1, 300), "s; VPP not configured: NIC given back"),
    Variable("VPPD_CNI_DEADLINE", "cni_deadline_s", _seconds(0.1, 60), "s; a CNI call is answered by then"),
    Variable("CALICOVPP_BGP_LOG_LEVEL", "bgp_log_level", _one_of(*LOG_LEVELS, "trace"), "gobgpd's log level"),
    Variable("SERVICE_PREFIX", "service_prefixes", _prefixes, "ranges of the cluster's service addresses, comma list"),
    Variable("VPPD_POLICY", "policy_source", _one_of("none", "felix"), "who says policies: none, felix"),
    Variable("VPPD_NODE_SOURCE", "node_source", _one_of("kubernetes", "felix"), "who says nodes and pools"),
    Variable("VPPD_FELIX_SOCKET", "felix_socket", Path, "socket that Felix's dataplane driver connects to"),
    Variable("VPPD_FELIX_DRIVER", "felix_driver", Path, "where the driver that Felix starts is installed"),
    Variable("VPPD_FELIX_PROXY", "felix_proxy", Path, "the driver that is installed there"),
    Variable("VPPD_HEALTH_ADDRESS", "health_check_address", str, "address for health check node ports (default: all)"),
    Variable("VPPD_STUCK_RESTART", "stuck_restart_s", _seconds(0, 3600), "s; a process stuck so long ends; 0: never"),
    Variable("VPPD_READBACK", "readback_s", _seconds(0, 86400), "s; so often VPP is compared with intents; 0: never"),
    Variable("VPPD_VPP_WINDOW", "vpp_window", _count(1, 65536), "API calls that may wait for VPP's answers at a time"),
    Variable("VPPD_TAP_LISTEN", "tap_address", _tcp, "tcp://ADDRESS:PORT for taps from elsewhere; empty: none"),
    Variable("VPPD_TAP_KEYS", "tap_keys", Path, "directory of CURVE keys for them: vppd tap keys"),
    Variable("VPPD_BGP_RESTART_TIME", "bgp_restart_s", int, "s; graceful restart time offered to peers"),
    Variable("VPPD_BGP_RESYNC", "bgp_resync_s", _seconds(0, 3600), "s; learnt routes kept for silent peers"),
)


def from_env(environ: Mapping[str, str], *, required: tuple[str, ...] = ("NODENAME",)) -> NodeConfig:
    """The configuration in `environ`; an empty variable counts as unset.

    Raises ConfigError, one line for each wrong or missing variable.
    """
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for variable in VARIABLES:
        text = environ.get(variable.name, "").strip()
        if not text:
            if variable.name in required:
                wrong.append(f"{variable.name}: not set ({variable.meaning})")
            continue
        try:
            values[variable.attribute] = variable.read(text)
        except (ValueError, msgspec.DecodeError) as error:
            wrong.append(f"{variable.name}: {error}")
    config = NodeConfig(**values)
    wrong += _impossible(config)
    if wrong:
        raise ConfigError("\n".join(wrong))
    return config


def _impossible(config: NodeConfig) -> list[str]:
    """Values that are well formed one by one and cannot be true together."""
    wrong = []
    if config.node_source == "felix" and config.policy_source != "felix":
        wrong.append("VPPD_NODE_SOURCE: felix needs VPPD_POLICY felix")
    uplinks = config.interfaces.uplinkInterfaces
    if sum(uplink.isMain for uplink in uplinks) > 1:
        wrong.append("CALICOVPP_INTERFACES: uplinkInterfaces: more than one isMain")
    for uplink in uplinks:
        if uplink.vppDriver not in DRIVERS:
            wrong.append(f"CALICOVPP_INTERFACES: {uplink.interfaceName}: unknown vppDriver {uplink.vppDriver!r}")
        if not 1 <= len(uplink.interfaceName) <= 15:
            wrong.append(f"CALICOVPP_INTERFACES: interfaceName {uplink.interfaceName!r}: 1 to 15 characters")
        if uplink.mtu and not 1280 <= uplink.mtu <= 9216:
            wrong.append(f"CALICOVPP_INTERFACES: {uplink.interfaceName}: mtu {uplink.mtu} outside 1280 to 9216")
    return wrong


def describe() -> str:
    """The table of variables for `--help`."""
    return "\n".join(f"  {v.name}\n      {v.meaning}" for v in VARIABLES)
