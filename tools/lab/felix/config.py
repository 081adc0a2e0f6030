"""FelixConfiguration objects as the raw values that Felix sends in ConfigUpdate. Pure.

Source: Calico's documentation "FelixConfiguration", and its felix/config for the form of port lists.
"""

from collections.abc import Mapping
from typing import Any

from tools.lab.objects import Object

# A change of these is sent to the dataplane; a change of any other ends Felix, which then starts anew.
KEYS_WITHOUT_RESTART = ("CalicoVersion", "ClusterGUID", "ClusterType", "HealthTimeoutOverrides")
SPECIAL = {"ipipEnabled": "IpInIpEnabled", "ipipMTU": "IpInIpMtu", "vxlanMTU": "VXLANMTU", "vxlanPort": "VXLANPort"}
SPECIAL |= {"vxlanEnabled": "VXLANEnabled", "vxlanVNI": "VXLANVNI"}


def raw_config(objects: Mapping[tuple[str, str], Object], node: str, version: str) -> dict[str, str]:
    """The merged raw values: `default`, then `node.<node>`, which wins."""
    values = {"CalicoVersion": version, "ClusterType": "k8s,bgp,vpp", "FelixHostname": node}
    for name in ("default", f"node.{node}"):
        spec = objects.get(("", name), {}).get("spec")
        for key, value in (spec if isinstance(spec, dict) else {}).items():
            values[SPECIAL.get(key, key[:1].upper() + key[1:])] = raw_value(value)
    return values


def raw_value(value: Any) -> str:
    """One value as text; ports as `tcp:10.0.0.0/8:22,udp:68`, an empty list as `none`."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(raw_port(item) if isinstance(item, dict) else str(item) for item in value) or "none"
    return str(value)


def raw_port(port: Object) -> str:
    """One entry of a list of ports."""
    net = str(port.get("net") or "")
    net = f"[{net}]" if ":" in net else net
    return ":".join(part for part in (str(port.get("protocol") or "tcp").lower(), net, str(port.get("port"))) if part)
