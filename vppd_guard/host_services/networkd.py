"""systemd-networkd: what it does with an uplink, and the file that keeps it off the host tap.

A `.network` file that matches the NIC by `PermanentMACAddress=`, `Driver=` or `Path=` does not match the tap: the lease
would not be renewed. One that matches by `Name=` does, and would configure the tap a second time. So the tap has a file
of its own, which sorts first; the first match wins (systemd.network(5)). It names the driver `tun`, and so never
matches the NIC.
"""

from dataclasses import dataclass
from ipaddress import ip_interface

from vppd_guard.host_services.host import HostReader, shell_assignments
from vppd_guard.linux.captured import LIFETIME_FOREVER, CapturedLink

NETWORKD_SERVICE = "systemd-networkd"
_PROGRAM, _SIGN = "systemd-networkd", "/run/systemd/netif/state"
# The guard gives the tap its addresses and static routes; what is not Linux's own stays with the service.
_KEPT_KEYS = ("DNS", "Domains", "NTP", "DNSDefaultRoute", "LLMNR", "MulticastDNS", "DNSOverTLS", "DNSSEC")
_KEPT_SECTIONS = ("DHCP", "DHCPv4", "DHCPv6")
_NOT_OURS = ("UseMTU",)  # the tap's MTU is the guard's


@dataclass(frozen=True, kw_only=True)
class NetworkdLink:
    """The file by which networkd manages a link, and the link's lease."""

    path: str
    text: str  # with its drop-ins
    lease: bool = False  # a DHCPv4 lease
    iaid: int | None = None  # RFC 4361: by it and the DUID a DHCP server knows the client again


def is_networkd_running(host: HostReader) -> bool:
    """Does networkd run where the uplink is?"""
    return host.runs(_PROGRAM, _SIGN)


def networkd_managed_link(host: HostReader, name: str) -> NetworkdLink | None:
    """How networkd manages the link; None: it does not.

    Source: its state files /run/systemd/netif/links/<index> and leases/<index>.
    """
    index = host.index(name)
    state = shell_assignments(host.read(f"/run/systemd/netif/links/{index}"))
    path = state.get("NETWORK_FILE", "")
    if not path or state.get("ADMIN_STATE") == "unmanaged":
        return None
    parts = [path, *state.get("NETWORK_FILE_DROPINS", "").split()]
    lease = shell_assignments(host.read(f"/run/systemd/netif/leases/{index}"))
    text = "\n".join(map(host.read, parts))
    return NetworkdLink(path=path, text=text, lease="ADDRESS" in lease, iaid=dhcp_iaid(lease.get("CLIENTID", "")))


def dhcp_iaid(client_id: str) -> int | None:
    """The IAID of a client identifier in hex, `ff` IAID DUID (RFC 4361, 6.1); None: the identifier has another type."""
    try:
        return int(client_id[2:10], 16) if client_id.startswith("ff") and len(client_id) > 10 else None
    except ValueError:
        return None


def networkd_tap_path(name: str) -> str:
    """Path of the tap's file. /run does not outlive a reboot; "0-" sorts before "00-" and "10-netplan-"."""
    return f"/run/systemd/network/0-vppd-{name}.network"


def networkd_tap_file(link: CapturedLink, nic: NetworkdLink | None) -> str:
    """Text of the tap's `.network` file."""
    head = f"# Placed by vppd while VPP has {link.name}; removed when Linux has it back.\n"
    match = f"[Match]\nName={link.name}\nDriver=tun\n"
    if nic is None:
        return f"{head}{match}\n[Link]\nUnmanaged=yes\n"
    settings = _sections(nic.text)
    network = [line for section, line in settings if section == "Network" and _key(line) in _KEPT_KEYS]
    families = {(False, False): "no", (True, False): "ipv4", (False, True): "ipv6", (True, True): "yes"}
    six = _has_dhcpv6_lease(link)
    network += [
        f"DHCP={families[nic.lease, six]}",
        "KeepConfiguration=yes",  # neither the guard's addresses nor a lease that has run out are removed
        "LinkLocalAddressing=ipv6",  # the guard's is kept: with "no" networkd would remove it
        "IPv6AcceptRA=no",  # VPP answers router advertisements; they do not reach the tap
    ]
    text = f"{head}# After {nic.path}\n{match}\n[Network]\n" + "\n".join(network) + "\n"
    identity = [f"IAID={nic.iaid}"] if nic.iaid is not None else []
    added = {
        "DHCPv4": ["UseMTU=no", *identity] if nic.lease else [],
        "DHCPv6": ["WithoutRA=solicit", *identity] if six else [],
    }
    for title in _KEPT_SECTIONS:
        lines = [line for section, line in settings if section == title and _key(line) not in _NOT_OURS]
        lines += added.get(title, [])
        text += f"\n[{title}]\n" + "\n".join(lines) + "\n" if lines else ""
    return text


def _has_dhcpv6_lease(link: CapturedLink) -> bool:
    """Has the link an address by DHCPv6? Those are /128 and have a lifetime (RFC 8415, 18.2.10.1)."""
    return any(
        a.valid_s != LIFETIME_FOREVER and ip_interface(a.address).version == 6 and a.address.endswith("/128")
        for a in link.addresses
    )


def _key(line: str) -> str:
    return line.partition("=")[0].strip()


def _sections(text: str) -> list[tuple[str, str]]:
    """(section, setting) of each line (systemd.syntax(7)), without comments, continued lines joined."""
    settings, section, continued = [], "", ""
    for raw in text.splitlines():
        line = raw.strip()
        if line.startswith(("#", ";")):
            continue
        if line.endswith("\\"):
            continued += line[:-1].rstrip() + " "
            continue
        line, continued = (continued + line).strip(), ""
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif "=" in line:
            settings.append((section, line))
    return settings
