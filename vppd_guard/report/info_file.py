"""The info file, which Calico/VPP's agent and tools read.

Names and form of its fields are the reference's. It is replaced as a whole.
"""

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_interface
from pathlib import Path
from typing import Literal

import msgspec

from bus import whole_files

_InfoFileStatus = Literal["starting", "ready"]


@dataclass(frozen=True, kw_only=True)
class InfoFileUplink:
    """An uplink as the file's readers need it. Indices are VPP's, but for `link_index`."""

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
class InfoFileNetwork:
    """A physical network's tables in VPP."""

    vrf: int
    pod_vrf: int


def info_file_json(
    status: _InfoFileStatus,
    uplinks: Sequence[InfoFileUplink] = (),
    networks: Mapping[str, InfoFileNetwork] | None = None,
) -> bytes:
    """Content of the file. `networks`: name -> tables; the name of the default physical network is ""."""
    return msgspec.json.encode(
        {
            "Status": status,
            "UplinkStatuses": {uplink.name: _uplink(uplink) for uplink in uplinks},
            "PhysicalNets": {n: {"VrfID": t.vrf, "PodVrfID": t.pod_vrf} for n, t in (networks or {}).items()},
        }
    )


def write_info_file(path: Path, content: bytes) -> None:
    """Replaces the file. Blocking. Raises OSError."""
    whole_files.replace_file_whole(path, content, 0o644)


def _uplink(uplink: InfoFileUplink) -> dict[str, object]:
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
    """An address as Go's net.IPNet in JSON: the address as text, the mask as bytes in base64."""
    interface = ip_interface(text)
    return {"IP": str(interface.ip), "Mask": base64.b64encode(interface.netmask.packed).decode()}
