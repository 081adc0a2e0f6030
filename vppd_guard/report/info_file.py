"""The info file: what Calico/VPP's agent and tools read of the guard (spec of the guard, section 8).

The names of the fields and their form are the reference's. A reader sees the old file or the new one, never a half.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Literal

import msgspec

from vppd_guard.host_services import files

Status = Literal["starting", "ready"]


@dataclass(frozen=True, kw_only=True)
class UplinkInfo:
    """One uplink as its readers need it. Indices are VPP's, but `link_index`."""

    name: str
    main: bool
    sw_if_index: int
    tap_sw_if_index: int
    link_index: int  # of the host tap, in Linux
    mtu: int
    physical_network: str = ""
    next_hop4: str | None = None  # an address that the host can use as the way into VPP
    next_hop6: str | None = None
    addresses: tuple[str, ...] = ()  # interface addresses, "192.0.2.7/24"


@dataclass(frozen=True, kw_only=True)
class PhysicalNetwork:
    """A physical network's tables in VPP."""

    vrf: int
    pod_vrf: int


def info_json(
    status: Status, uplinks: Sequence[UplinkInfo] = (), networks: Mapping[str, PhysicalNetwork] | None = None
) -> bytes:
    """The file's content, JSON. The key of the default physical network is ""."""
    return msgspec.json.encode(
        {
            "Status": status,
            "UplinkStatuses": {uplink.name: _uplink(uplink) for uplink in uplinks},
            "PhysicalNets": {n: {"VrfID": t.vrf, "PodVrfID": t.pod_vrf} for n, t in (networks or {}).items()},
        }
    )


def write_info(path: Path, content: bytes) -> None:
    """Replaces the file. Blocking. Raises OSError."""
    files.replace_file(path, content, 0o644)


def _uplink(uplink: UplinkInfo) -> dict[str, object]:
    return {
        "SwIfIndex": uplink.sw_if_index,
        "TapSwIfIndex": uplink.tap_sw_if_index,
        "LinkIndex": uplink.link_index,
        "Name": uplink.name,
        "IsMain": uplink.main,
        "Mtu": uplink.mtu,
        "PhysicalNetworkName": uplink.physical_network,
        "FakeNextHopIP4": uplink.next_hop4 or "0.0.0.0",
        "FakeNextHopIP6": uplink.next_hop6 or "::",
        "UplinkAddresses": [_address(text) for text in uplink.addresses],
    }


def _address(text: str) -> dict[str, str]:
    """Go's net.IPNet: the address as text, the mask as bytes, which its JSON has in base64."""
    interface = ip_interface(text)
    return {"IP": str(interface.ip), "Mask": base64.b64encode(interface.netmask.packed).decode()}
