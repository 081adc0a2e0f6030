"""Settings that are accepted and change nothing, or not what their word says: a notice for each. Pure.

An existing ConfigMap of Calico/VPP has to work unchanged; what of it is not acted on is said in the guard's log and in
`vppd status`.
"""

import re
from collections.abc import Iterable, Iterator, Mapping

from msgspec import Struct

from schemas.calico_vpp import UPLINK_ANNOTATIONS, UPLINK_RX_MODES, CalicoVppInterfaces, InterfaceSpec
from schemas.lenient_json import non_default_json_fields
from schemas.spelling import unknown_name_notice

# Accepted and not acted on: the field or variable, and why. `[]`: of each entry.
_NOT_SUPPORTED = "vppd does not have this"
ACCEPTED_ONLY = {
    "CALICOVPP_INTERFACES.defaultPodIfSpec.isl3": "pods have a tun, which carries layer 3",
    "CALICOVPP_INTERFACES.vppHostTapSpec.rx": "the host's tap has one queue",
    "CALICOVPP_INTERFACES.vppHostTapSpec.tx": "the host's tap has one queue",
    "CALICOVPP_INTERFACES.vppHostTapSpec.isl3": "the host's tap carries Ethernet",
    "CALICOVPP_INTERFACES.uplinkInterfaces[].isl3": "an uplink carries Ethernet",
    "CALICOVPP_INITIAL_CONFIG.vppStartupSleepSeconds": "VPP's API socket is waited for",
    "CALICOVPP_INITIAL_CONFIG.ifConfigSavePath": "the undo journal under VPPD_STATE keeps what was captured",
    "CALICOVPP_INITIAL_CONFIG.redirectToHostRules": _NOT_SUPPORTED,
    "CALICOVPP_INITIAL_CONFIG.healthCheckPort": _NOT_SUPPORTED,
    "CALICOVPP_INITIAL_CONFIG.prometheusListenEndpoint": _NOT_SUPPORTED,
    "CALICOVPP_INITIAL_CONFIG.prometheusStatsPrefix": _NOT_SUPPORTED,
    "CALICOVPP_INITIAL_CONFIG.prometheusRecordMetricInterval": _NOT_SUPPORTED,
    "CALICOVPP_DEBUG.fetchV6LLntries": "the tap is given the uplink's link-local address; nothing is waited for",
    "CALICOVPP_DEBUG.spreadTxQueuesOnWorkers": _NOT_SUPPORTED,
    "CALICOVPP_FEATURE_GATES.memifEnabled": _NOT_SUPPORTED,
    "CALICOVPP_FEATURE_GATES.vclEnabled": _NOT_SUPPORTED,
    "CALICOVPP_FEATURE_GATES.multinetEnabled": _NOT_SUPPORTED,
    "CALICOVPP_FEATURE_GATES.srv6Enabled": _NOT_SUPPORTED,
    "CALICOVPP_FEATURE_GATES.ipsecEnabled": _NOT_SUPPORTED,
    "CALICOVPP_FEATURE_GATES.prometheusEnabled": _NOT_SUPPORTED,
    "CALICOVPP_IPSEC.crossIPSecTunnels": _NOT_SUPPORTED,
    "CALICOVPP_IPSEC.nbAsyncCryptoThreads": _NOT_SUPPORTED,
    "CALICOVPP_IPSEC.extraAddresses": _NOT_SUPPORTED,
    "CALICOVPP_SRV6.localsidPool": _NOT_SUPPORTED,
    "CALICOVPP_SRV6.policyPool": _NOT_SUPPORTED,
    "DATASTORE_TYPE": "only kubernetes is supported; Calico's objects in etcd are not seen",
    "WAIT_FOR_DATASTORE": "the Kubernetes API is always waited for",
    "CALICOVPP_LOG_FORMAT": "there is one format",
    "CALICOVPP_BGP_SERVER_MODE": "gobgpd serves both families",
    "CALICOVPP_IPSEC_IKEV2_PSK": _NOT_SUPPORTED,
    "CALICOVPP_GRACEFUL_SHUTDOWN_TIMEOUT": _NOT_SUPPORTED,
    "CALICOVPP_STATS_SOCKET": _NOT_SUPPORTED,
}
# Values of some of them that, like their default, ask for nothing that is not so anyway.
_ACCEPTED_SILENTLY: dict[str, str | int] = {
    "CALICOVPP_INTERFACES.defaultPodIfSpec.isl3": True,
    "CALICOVPP_INTERFACES.vppHostTapSpec.rx": 1,
    "CALICOVPP_INTERFACES.vppHostTapSpec.tx": 1,
    "CALICOVPP_INTERFACES.vppHostTapSpec.isl3": False,
    "CALICOVPP_INTERFACES.uplinkInterfaces[].isl3": False,
    "DATASTORE_TYPE": "kubernetes",
    "WAIT_FOR_DATASTORE": "true",
    "CALICOVPP_BGP_SERVER_MODE": "dualStack",
    "CALICOVPP_GRACEFUL_SHUTDOWN_TIMEOUT": "10s",
}
# Read by others than vppd's processes: by container/entrypoint, by the lab.
_KNOWN_TO_OTHERS = ("VPPD_PYTHON",)
_PREFIXES = ("CALICOVPP_", "VPPD_")
_PREFIXES_OF_OTHERS = ("VPPD_LAB_",)
# Kubernetes puts variables for each Service of the namespace into a pod: a Service "vppd-x" has "VPPD_X_SERVICE_HOST".
_OF_KUBERNETES_SERVICE = re.compile(r".*_SERVICE_(HOST|PORT(_.*)?)|.*_PORT(_[0-9]+_(TCP|UDP|SCTP)(_.*)?)?")


def settings_without_effect(structs: Mapping[str, Struct], environ: Mapping[str, str]) -> list[str]:
    """A notice for each setting that is accepted and changes nothing. `structs`: variable -> its JSON, read."""
    notices = []
    for path, why in ACCEPTED_ONLY.items():
        name, _, inner = path.partition(".")
        if inner:
            fields = non_default_json_fields(inner, structs[name], _ACCEPTED_SILENTLY.get(path))
            places = [f"{name}.{field}" for field in fields]
        else:
            text = environ.get(name, "").strip()
            places = [name] if text and text != _ACCEPTED_SILENTLY.get(name) else []
        notices += [f"{place}: accepted, not acted on: {why}" for place in places]
    return notices


def unknown_calico_vpp_words(interfaces: CalicoVppInterfaces) -> Iterator[str]:
    """A notice for each word in CALICOVPP_INTERFACES that names nothing, so that a default holds."""
    specs: dict[str, InterfaceSpec] = {
        "defaultPodIfSpec": interfaces.defaultPodIfSpec,
        "vppHostTapSpec": interfaces.vppHostTapSpec,
        **{f"uplinkInterfaces[{number}]": uplink for number, uplink in enumerate(interfaces.uplinkInterfaces)},
    }
    for place, spec in specs.items():
        if spec.rxMode and spec.rxMode not in UPLINK_RX_MODES:
            words = f"{spec.rxMode!r} is not one of {', '.join(UPLINK_RX_MODES)}"
            yield f"CALICOVPP_INTERFACES.{place}.rxMode: {words}: the default holds"
    for number, uplink in enumerate(interfaces.uplinkInterfaces):
        for key in sorted(uplink.annotations.keys() - set(UPLINK_ANNOTATIONS)):
            path = f"CALICOVPP_INTERFACES.uplinkInterfaces[{number}].annotations"
            yield f"{path}.{unknown_name_notice(key, UPLINK_ANNOTATIONS)}"


def unknown_variable_notices(environ: Mapping[str, str], known: Iterable[str]) -> list[str]:
    """A notice for each variable with a prefix of ours or of Calico/VPP that nobody reads."""
    known = {*known, *(path for path in ACCEPTED_ONLY if "." not in path), *_KNOWN_TO_OTHERS}
    return [
        unknown_name_notice(name, known, prefix)
        for prefix in _PREFIXES
        for name in sorted(environ)
        if name.startswith(prefix)
        and name not in known
        and not name.startswith(_PREFIXES_OF_OTHERS)
        and not _OF_KUBERNETES_SERVICE.fullmatch(name)
    ]
