"""A node's configuration: environment variables, their defaults, units and limits.

Variables are named as Calico/VPP's users know them where they mean the same
(its docs/config and its package config); variables of vppd alone start with `VPPD_`. `node_config_from_env` reports
every mistake at once, each by the variable's name, so that an operator mends them in one go.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
from msgspec import Struct

from schemas.calico_vpp import UPLINK_DRIVER_NAMES as UPLINK_DRIVER_NAMES
from schemas.calico_vpp import CalicoVppDebugConfig as CalicoVppDebugConfig
from schemas.calico_vpp import CalicoVppFeatureGates as CalicoVppFeatureGates
from schemas.calico_vpp import CalicoVppInitialConfig as CalicoVppInitialConfig
from schemas.calico_vpp import CalicoVppInterfaces as CalicoVppInterfaces
from schemas.calico_vpp import CalicoVppIpsecConfig as CalicoVppIpsecConfig
from schemas.calico_vpp import CalicoVppSrv6Config as CalicoVppSrv6Config
from schemas.calico_vpp import InterfaceSpec as InterfaceSpec
from schemas.calico_vpp import UplinkSpec as UplinkSpec
from schemas.calico_vpp import default_gateway_errors, parse_go_bool, uplink_spec_errors
from schemas.config_notices import settings_without_effect, unknown_calico_vpp_words, unknown_variable_notices
from schemas.env_readers import (
    env_addresses,
    env_bgp_log_level,
    env_choice,
    env_count,
    env_host_address,
    env_log_level,
    env_names,
    env_path_or_none,
    env_prefixes,
    env_seconds,
    env_tcp_endpoint,
)
from schemas.lenient_json import decode_lenient_json

_HOST_ROOT = Path("/host")  # where the container sees the host's file system


class NodeConfigError(ValueError):
    """The environment is wrong. The text has one line for each variable that is."""


# cnat: VPP looks at its session table 100 us at a time, every second unless told otherwise, and the table grows with
# session-max: with VPP's own defaults the connections to a removed backend would live for many minutes. What is not
# translated is forgotten after session-max-age seconds of silence, established TCP too, and then meets the policies
# as a new flow.
STARTUP_CONF_CNAT_STANZA = "cnat { session-max 1048576 session-max-age 120 session-cleanup-timeout 0.01 }"
DEFAULT_STARTUP_CONF = (
    """\
unix {
  nodaemon
  nosyslog
  full-coredump
  cli-listen __VPPD_RUN__/vpp/cli.sock
  runtime-dir __VPPD_RUN__/vpp
  pidfile __VPPD_RUN__/vpp/vpp.pid
  exec __VPPD_RUN__/vpp/startup.exec
}
api-trace { on }
cpu { workers 0 }
socksvr { socket-name __VPPD_RUN__/vpp/vpp-api.sock }
statseg { socket-name __VPPD_RUN__/vpp/stats.sock update-interval 1 }
plugins {
  plugin default { enable }
  plugin dpdk_plugin.so { disable }
}
buffers { buffers-per-numa 131072 }
"""
    + STARTUP_CONF_CNAT_STANZA
    + "\n"
)


@dataclass(frozen=True, kw_only=True)
class NodeConfig:
    """The configuration of every process of a node. Made by `node_config_from_env`."""

    node: str = ""
    run: Path = Path("/run/vppd")
    state: Path = Path("/var/lib/vppd")
    log_level: str = "info"
    interfaces: CalicoVppInterfaces = field(default_factory=CalicoVppInterfaces)
    initial: CalicoVppInitialConfig = field(default_factory=CalicoVppInitialConfig)
    debug: CalicoVppDebugConfig = field(default_factory=CalicoVppDebugConfig)
    gates: CalicoVppFeatureGates = field(default_factory=CalicoVppFeatureGates)
    ipsec: CalicoVppIpsecConfig = field(default_factory=CalicoVppIpsecConfig)
    srv6: CalicoVppSrv6Config = field(default_factory=CalicoVppSrv6Config)
    startup_conf: str = DEFAULT_STARTUP_CONF
    startup_exec: str = ""
    hook_before_if_read: str = ""
    hook_before_vpp_run: str = ""
    hook_vpp_running: str = ""
    hook_vpp_done_ok: str = ""
    hook_vpp_errored: str = ""
    network_manager_hook: bool = True
    hook_wait_s: float = 10.0
    probe_addresses: tuple[str, ...] = ()
    forward_wait_s: float = 20.0
    preflight_waive: tuple[str, ...] = ()
    info_file: Path | None = None
    cores_bytes_max: int = 4 << 30
    host_root: Path = field(default_factory=lambda: _HOST_ROOT if _HOST_ROOT.is_dir() else Path("/"))
    tap0_address: str = "169.254.0.1/32"
    vpp_binary: Path = Path("/usr/bin/vpp")
    vpp_preload: str = ""
    vpp_netns: str = "calico-vpp-ns"
    host_netns: str = "pid:1"
    cni_socket: Path = Path("/var/run/calico/cni-server.sock")
    gateway_wait_s: float = 10.0
    takeover_wait_s: float = 20.0
    bgp_log_level: str = ""
    bgp_restart_s: int = 120
    bgp_resync_s: float = 10.0
    cni_deadline_s: float = 4.5
    service_prefixes: tuple[str, ...] = ()
    policy_source: str = "felix"
    node_source: str = "kubernetes"
    felix_socket: Path = Path("/var/run/calico/felix-dataplane.sock")
    felix_driver: Path | None = Path("/var/lib/calico/felix-plugins/felix-api-proxy")
    felix_proxy: Path = Path("/usr/local/lib/vppd/felix-proxy")
    health_check_address: str = ""
    healthz_port: int = 10256
    stuck_restart_s: float = 0.0
    readback_s: float = 60.0
    vpp_window: int = 128
    tap_address: str = ""
    tap_keys: Path = Path("/etc/vppd/tap")
    warnings: tuple[str, ...] = ()

    @property
    def main_uplink(self) -> UplinkSpec | None:
        """The uplink that is marked so, else the first."""
        uplinks = self.interfaces.uplinkInterfaces
        return next((uplink for uplink in uplinks if uplink.isMain), uplinks[0] if uplinks else None)

    @property
    def hooks(self) -> dict[str, str]:
        """The users' scripts by the point at which they run; a point without one is left out."""
        points = ("BEFORE_IF_READ", "BEFORE_VPP_RUN", "VPP_RUNNING", "VPP_DONE_OK", "VPP_ERRORED")
        scripts = {point: str(getattr(self, f"hook_{point.lower()}")) for point in points}
        return {point: script for point, script in scripts.items() if script}

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


class _Variable(NamedTuple):
    """One environment variable: where it goes, how its text is read (a struct: as JSON), what it means."""

    name: str
    attribute: str
    read: Callable[[str], Any] | type[Struct]
    meaning: str


NODE_CONFIG_VARIABLES = (
    _Variable("NODENAME", "node", str, "Kubernetes name of this node (required)"),
    _Variable("VPPD_RUN", "run", Path, "runtime directory: sockets, rendered files, journals"),
    _Variable("VPPD_STATE", "state", Path, "state directory: undo journal, pod records"),
    _Variable("CALICOVPP_LOG_LEVEL", "log_level", env_log_level, "debug, info, warning, error"),
    _Variable("CALICOVPP_INTERFACES", "interfaces", CalicoVppInterfaces, "uplinks and interface specs, JSON"),
    _Variable("CALICOVPP_INITIAL_CONFIG", "initial", CalicoVppInitialConfig, "gateways, neighbour limits, JSON"),
    _Variable("CALICOVPP_DEBUG", "debug", CalicoVppDebugConfig, "gsoEnabled and other switches, JSON"),
    _Variable("CALICOVPP_FEATURE_GATES", "gates", CalicoVppFeatureGates, "switches of features, JSON"),
    _Variable("CALICOVPP_IPSEC", "ipsec", CalicoVppIpsecConfig, "IPsec tunnels, JSON"),
    _Variable("CALICOVPP_SRV6", "srv6", CalicoVppSrv6Config, "SRv6 pools, JSON"),
    _Variable("CALICOVPP_CONFIG_TEMPLATE", "startup_conf", str, "VPP's startup.conf, with tokens"),
    _Variable("CALICOVPP_CONFIG_EXEC_TEMPLATE", "startup_exec", str, "VPP's startup.exec, with tokens"),
    _Variable("CALICOVPP_TAP0_ADDR", "tap0_address", env_host_address, "address of VPP's side of the host tap"),
    _Variable("CALICOVPP_HOOK_BEFORE_IF_READ", "hook_before_if_read", str, "script, before uplinks are looked at"),
    _Variable("CALICOVPP_HOOK_BEFORE_VPP_RUN", "hook_before_vpp_run", str, "script, before VPP starts"),
    _Variable("CALICOVPP_HOOK_VPP_RUNNING", "hook_vpp_running", str, "script, when the host's tap is there"),
    _Variable("CALICOVPP_HOOK_VPP_DONE_OK", "hook_vpp_done_ok", str, "script, when VPP has ended as it should"),
    _Variable("CALICOVPP_HOOK_VPP_ERRORED", "hook_vpp_errored", str, "script, when VPP has ended otherwise"),
    _Variable(
        "CALICOVPP_ENABLE_NETWORK_MANAGER_HOOK",
        "network_manager_hook",
        parse_go_bool,
        "tell the host's network services",
    ),
    _Variable("VPPD_HOOK_WAIT", "hook_wait_s", env_seconds(0.1, 600), "s; a hook that takes longer is ended"),
    _Variable("VPPD_HOST_ROOT", "host_root", Path, "where the host's file system is seen (default: /host, else /)"),
    _Variable("VPPD_CORES_MAX", "cores_bytes_max", env_count(0, 1 << 50), "bytes of VPP's core files that are kept"),
    _Variable("VPPD_VPP_BIN", "vpp_binary", Path, "path of the vpp binary"),
    _Variable("VPPD_VPP_PRELOAD", "vpp_preload", str, "LD_PRELOAD for VPP's environment alone"),
    _Variable("VPPD_VPP_NETNS", "vpp_netns", str, "named namespace in which VPP holds virtual uplinks"),
    _Variable("VPPD_HOST_NETNS", "host_netns", str, 'the host\'s namespace for its tap: "pid:1" or a path'),
    _Variable("VPPD_CNI_SOCKET", "cni_socket", Path, "socket that Calico's CNI plugin calls"),
    _Variable("VPPD_GATEWAY_WAIT", "gateway_wait_s", env_seconds(0, 300), "s; no gateway by then: NIC given back"),
    _Variable("VPPD_TAKEOVER_WAIT", "takeover_wait_s", env_seconds(1, 300), "s; VPP not configured: NIC given back"),
    _Variable("VPPD_PROBE_ADDRESSES", "probe_addresses", env_addresses, "must answer through VPP too, comma list"),
    _Variable(
        "VPPD_FORWARD_WAIT",
        "forward_wait_s",
        env_seconds(0, 3600),
        "s; VPP does not forward so long: NIC given back; 0: never",
    ),
    _Variable("VPPD_PREFLIGHT_WAIVE", "preflight_waive", env_names, "failed checks that are accepted, comma list"),
    _Variable("VPPD_INFO_FILE", "info_file", Path, "JSON for scripts: uplinks in VPP (default: none)"),
    _Variable("VPPD_CNI_DEADLINE", "cni_deadline_s", env_seconds(0.1, 60), "s; a CNI call is answered by then"),
    _Variable("CALICOVPP_BGP_LOG_LEVEL", "bgp_log_level", env_bgp_log_level, "gobgpd's (unset: see BGPConfiguration)"),
    _Variable(
        "SERVICE_PREFIX", "service_prefixes", env_prefixes, "ranges of the cluster's service addresses, comma list"
    ),
    _Variable(
        "VPPD_POLICY",
        "policy_source",
        env_choice("none", "felix"),
        "felix says policies; none: pods are open",
    ),
    _Variable("VPPD_NODE_SOURCE", "node_source", env_choice("kubernetes", "felix"), "who says nodes and pools"),
    _Variable("VPPD_FELIX_SOCKET", "felix_socket", Path, "socket that Felix's dataplane driver connects to"),
    _Variable(
        "VPPD_FELIX_DRIVER",
        "felix_driver",
        env_path_or_none,
        "where the driver that Felix starts is installed, as in calico-node's FELIX_DATAPLANEDRIVER; none: nowhere",
    ),
    _Variable("VPPD_FELIX_PROXY", "felix_proxy", Path, "the driver that is installed there"),
    _Variable(
        "VPPD_HEALTHZ_PORT", "healthz_port", env_count(0, 65535), "port of /healthz, as kube-proxy has it; 0: none"
    ),
    _Variable("VPPD_HEALTH_ADDRESS", "health_check_address", str, "address for health check node ports (default: all)"),
    _Variable(
        "VPPD_STUCK_RESTART", "stuck_restart_s", env_seconds(0, 3600), "s; a process stuck so long ends; 0: never"
    ),
    _Variable(
        "VPPD_READBACK", "readback_s", env_seconds(0, 86400), "s; so often VPP is compared with intents; 0: never"
    ),
    _Variable(
        "VPPD_VPP_WINDOW", "vpp_window", env_count(1, 65536), "API calls that may wait for VPP's answers at a time"
    ),
    _Variable(
        "VPPD_TAP_LISTEN", "tap_address", env_tcp_endpoint, "tcp://ADDRESS:PORT for taps from elsewhere; empty: none"
    ),
    _Variable("VPPD_TAP_KEYS", "tap_keys", Path, "directory of CURVE keys for them: vppd tap keys"),
    _Variable("VPPD_BGP_RESTART_TIME", "bgp_restart_s", int, "s; graceful restart time offered to peers"),
    _Variable("VPPD_BGP_RESYNC", "bgp_resync_s", env_seconds(0, 3600), "s; learnt routes kept for silent peers"),
)


def is_recordable_variable(name: str) -> bool:
    """Whether a variable may stand in a recording: it is ours, and no script that may have a secret in it."""
    return not name.startswith("CALICOVPP_HOOK_") and any(variable.name == name for variable in NODE_CONFIG_VARIABLES)


_LEGACY = {
    "CALICOVPP_INTERFACE": "interfaceName",
    "CALICOVPP_NATIVE_DRIVER": "vppDriver",
    "CALICOVPP_SWAP_DRIVER": "newDriver",
}


def node_config_from_env(environ: Mapping[str, str], *, required: tuple[str, ...] = ("NODENAME",)) -> NodeConfig:
    """The configuration in `environ`; an empty variable counts as unset.

    Raises NodeConfigError, one line for each wrong or missing variable.
    """
    values: dict[str, Any] = {}
    wrong: list[str] = []
    warnings: list[str] = []
    for variable in NODE_CONFIG_VARIABLES:
        text = environ.get(variable.name, "").strip()
        if not text:
            if variable.name in required:
                wrong.append(f"{variable.name}: not set ({variable.meaning})")
            continue
        try:
            values[variable.attribute] = _read(variable, text, warnings)
        except ValueError as error:
            wrong.append(str(error))
    values["interfaces"] = _with_legacy(values.get("interfaces", CalicoVppInterfaces()), environ, warnings)
    config = NodeConfig(**values)
    wrong += _contradictions(config)
    if wrong:
        raise NodeConfigError("\n".join(wrong))
    return replace(config, warnings=(*warnings, *_notices(config, environ)))


def _read(variable: _Variable, text: str, warnings: list[str]) -> Any:
    """The variable's value. Raises ValueError, which names it."""
    read = variable.read
    if isinstance(read, type) and issubclass(read, Struct):
        value, unknown_keys = decode_lenient_json(variable.name, text, read)
        warnings += unknown_keys
        return value
    try:
        return cast(Callable[[str], Any], read)(text)
    except ValueError as error:
        raise ValueError(f"{variable.name}: {error}") from None


def _with_legacy(
    interfaces: CalicoVppInterfaces, environ: Mapping[str, str], warnings: list[str]
) -> CalicoVppInterfaces:
    """The uplink that older configurations name by variables of its own comes first."""
    legacy = {field: environ.get(name, "").strip() for name, field in _LEGACY.items()}
    if not legacy["interfaceName"]:
        alone = [name for name, field in _LEGACY.items() if legacy[field]]
        warnings += [f"{name}: ignored without CALICOVPP_INTERFACE" for name in alone]
        return interfaces
    uplinks = interfaces.uplinkInterfaces
    if legacy["interfaceName"] in (uplink.interfaceName for uplink in uplinks):
        warnings.append("CALICOVPP_INTERFACE: ignored, CALICOVPP_INTERFACES names the same uplink")
        return interfaces
    first = msgspec.convert(legacy | {"vppDriver": legacy["vppDriver"].lower()}, UplinkSpec)
    return msgspec.structs.replace(interfaces, uplinkInterfaces=[first, *uplinks])


def _contradictions(config: NodeConfig) -> list[str]:
    """Values that are well formed one by one and cannot be true together."""
    wrong = [f"CALICOVPP_INITIAL_CONFIG.{why}" for why in default_gateway_errors(config.initial)]
    wrong += [f"CALICOVPP_INTERFACES.{why}" for why in uplink_spec_errors(config.interfaces.uplinkInterfaces)]
    if config.node_source == "felix" and config.policy_source != "felix":
        wrong.append("VPPD_NODE_SOURCE: felix needs VPPD_POLICY felix")
    return wrong


def _notices(config: NodeConfig, environ: Mapping[str, str]) -> Iterator[str]:
    """What is accepted and changes nothing, or not known."""
    read_as_json = [v for v in NODE_CONFIG_VARIABLES if isinstance(v.read, type) and issubclass(v.read, Struct)]
    yield from settings_without_effect({v.name: getattr(config, v.attribute) for v in read_as_json}, environ)
    yield from unknown_calico_vpp_words(config.interfaces)
    yield from unknown_variable_notices(environ, [*(variable.name for variable in NODE_CONFIG_VARIABLES), *_LEGACY])


def describe_env_variables() -> str:
    """The table of variables for `--help`."""
    return "\n".join(f"  {v.name}\n      {v.meaning}" for v in NODE_CONFIG_VARIABLES)
