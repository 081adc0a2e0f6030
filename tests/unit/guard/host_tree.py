"""A host's files below a directory, and what the guard would place there."""

from pathlib import Path

from vppd_guard.host_services.host import HostReader
from vppd_guard.host_services.plan import host_file_steps
from vppd_guard.linux.captured import CapturedLink, LinuxAddress
from vppd_guard.undo.records import FileWrittenRecord
from vppd_guard.undo.step import LinuxStep

LINK = CapturedLink(name="eth0", mac="02:90:00:00:00:07", mtu=1500, addresses=(LinuxAddress(address="192.0.2.7/24"),))
LEASED6 = CapturedLink(
    name="eth0",
    mac="02:90:00:00:00:07",
    mtu=1500,
    addresses=(LinuxAddress(address="2001:db8::7/128", valid_s=3600, preferred_s=1800),),
)
INDEX = 7
NETPLAN = """\
# made by a renderer
[Match]
PermanentMACAddress=02:90:00:00:00:07

[Link]
MTUBytes=9000

[Network]
DHCP=yes
LinkLocalAddressing=ipv6
Address=198.51.100.7/24
DNS=192.0.2.53
Domains=example.org \\
  example.net
VLAN=vlan7

[Route]
Gateway=192.0.2.1

[DHCPv4]
RouteMetric=100
UseMTU=true
"""


class Tree:
    """A host's files below a directory, and its processes in a /proc of its own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.host = HostReader(root, index=lambda name: INDEX if name == "eth0" else 0)
        self.words: list[str] = []
        (root / "proc").mkdir()

    def write(self, path: str, text: str) -> None:
        file = self.root / path.lstrip("/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def process(self, pid: int, *words: str, netns: str = "/proc/self/ns/net") -> None:
        self.write(f"/proc/{pid}/comm", Path(words[0]).name[:15] + "\n")
        self.write(f"/proc/{pid}/cmdline", "\0".join(words) + "\0")
        (self.root / f"proc/{pid}/ns").mkdir()
        (self.root / f"proc/{pid}/ns/net").symlink_to(netns)

    def networkd(self, file: str = NETPLAN, lease: str = "", admin: str = "configured") -> None:
        self.process(11, "/lib/systemd/systemd-networkd")
        self.write("/run/systemd/netif/state", "OPER_STATE=routable\n")
        state = f"# private\nADMIN_STATE={admin}\nNETWORK_FILE=/run/systemd/network/10-netplan-eth0.network\n"
        self.write(f"/run/systemd/netif/links/{INDEX}", state)
        self.write("/run/systemd/network/10-netplan-eth0.network", file)
        if lease:
            self.write(f"/run/systemd/netif/leases/{INDEX}", lease)

    def plan(self, link: CapturedLink = LINK, enabled: bool = True, net_names: bool = True) -> list[LinuxStep]:
        return host_file_steps([link], self.host, self.words.append, enabled=enabled, net_names=net_names)

    def files(self) -> set[str]:
        return {f"/{path.relative_to(self.root)}" for path in self.root.rglob("*") if path.is_file()}

    def placed(self, link: CapturedLink = LINK) -> tuple[dict[str, str], list[FileWrittenRecord]]:
        """Runs the steps that write files."""
        records = []
        for step in self.plan(link):
            record = step.undo()
            if isinstance(record, FileWrittenRecord):
                assert step.holds()
                step.do()
                assert step.holds() == ""
                records.append(record)
        return {r.path: self.host.path(r.path).read_text() for r in records}, records
