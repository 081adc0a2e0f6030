"""The real systemd-networkd and udev in namespaces: what is placed keeps the tap's addresses and renews its lease.

networkd runs alone, without D-Bus and udev: with /sys read-only it takes itself to be in a container, and does not wait
for them.
"Told" is here a restart; which is harder, for it looks at every link anew.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from bus import whole_files
from tests.iproute import ip, ip_json
from tests.waiting import until
from vppd_guard.host_services import dhcp_clients, networkd, udev
from vppd_guard.host_services.host import HostReader, shell_assignments
from vppd_guard.linux.captured import CapturedLink, LinuxAddress

NETWORKD = "/lib/systemd/systemd-networkd"
MAC = "02:90:00:00:00:07"
PRIVATE = f"""
set -e
mount --make-rprivate /
mount -o remount,bind,ro /sys
mount --bind "$1" /run
for directory in /etc/systemd/network /lib/systemd/network; do
  if [ -d $directory ]; then mount -t tmpfs none $directory; fi
done
mkdir -p /run/dbus "$2"
mount --rbind / "$2"
SYSTEMD_LOG_TARGET=console exec {NETWORKD}
"""
CLIENT = "[Match]\nDriver=veth\n[Network]\nLinkLocalAddressing=ipv6\nIPv6AcceptRA=no\n"
STATIC = CLIENT + "Address=192.0.2.7/24\nGateway=192.0.2.1\nDNS=192.0.2.53\n"
DYNAMIC = CLIENT + "DHCP=ipv4\n"
SERVER = """
[Match]
Name=lan0
[Network]
Address=192.0.2.1/24
DHCPServer=yes
IPv6AcceptRA=no
[DHCPServer]
PoolOffset=100
PoolSize=50
DefaultLeaseTimeSec=3600
EmitDNS=no
EmitNTP=no
"""


# What VPP is here: frames go between the tap, which it makes, and the uplink. The server's kernel would leave
# checksums to the device: its side of the veth is told not to.
RELAY = """
import ctypes, fcntl, os, select, socket, struct, sys
host, lan, vpp = sys.argv[1:]
def enter(netns):
    with open(f"/var/run/netns/{netns}") as handle:
        assert ctypes.CDLL(None).setns(handle.fileno(), 0x40000000) == 0
enter(lan)
value = ctypes.create_string_buffer(struct.pack("II", 0x17, 0))  # ETHTOOL_STXCSUM
request = struct.pack("16sP", b"lan0", ctypes.addressof(value))
fcntl.ioctl(socket.socket(), 0x8946, request)  # SIOCETHTOOL
enter(vpp)
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(3))
wire.bind(("eth0", 0))
enter(host)
tap = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(tap, 0x400454CA, struct.pack("16sH22x", b"eth0", 0x0002 | 0x1000))  # TUNSETIFF, IFF_TAP | IFF_NO_PI
while True:
    for ready in select.select([tap, wire], [], [])[0]:
        try:
            if ready == tap:
                wire.send(os.read(tap, 65536))
            else:
                frame, where = wire.recvfrom(65536)
                if where[2] != 4:  # PACKET_OUTGOING
                    os.write(tap, frame)
        except OSError:
            pass  # one side is down
"""


class Networkd:
    """A systemd-networkd of its own: network namespace, /run and configuration."""

    def __init__(self, netns: str, directory: Path) -> None:
        self.netns, self.directory = netns, directory
        self.run, self.root = directory / "run", directory / "root"
        self.bus: subprocess.Popen[bytes] | None = None
        self.process: subprocess.Popen[bytes] | None = None
        for name in ("network", "netif/links", "netif/leases", "netif/lldp"):
            (self.run / "systemd" / name).mkdir(parents=True)
        for path in (self.run / "systemd" / "netif", *(self.run / "systemd" / "netif").iterdir()):
            shutil.chown(path, "systemd-network", "systemd-network")

    def configure(self, name: str, text: str) -> None:
        (self.run / "systemd" / "network" / name).write_text(text)

    def start(self) -> None:
        script = ["unshare", "-m", "sh", "-c", PRIVATE, "sh", str(self.run), str(self.root)]
        with (self.directory / "networkd.log").open("ab") as log:
            self.process = subprocess.Popen(["ip", "netns", "exec", self.netns, *script], stdout=log, stderr=log)

    def start_bus(self) -> None:
        """A D-Bus for it alone: networkctl needs one."""
        # networkd connects as soon as it sees the socket, and gives up for good if it may not.
        line = [*self.inside(), "dbus-daemon", "--system", "--nofork", "--nopidfile"]
        self.bus = subprocess.Popen(line, umask=0)
        until(self._on_the_bus, self.log)
        subprocess.run([*self.inside(), "networkctl", "reload"], check=True)

    def _on_the_bus(self) -> bool:
        """Has networkd found the bus? Asked of the bus itself, which would try to start it for networkctl."""
        # Between the bus's bind and its listen it is refused, and waits for the socket's file to change.
        with suppress(FileNotFoundError):
            os.utime(self.run / "dbus" / "system_bus_socket")
        ask = ["busctl", "call", "org.freedesktop.DBus", "/org/freedesktop/DBus"]
        ask += ["org.freedesktop.DBus", "NameHasOwner", "s", "org.freedesktop.network1"]
        return subprocess.run([*self.inside(), *ask], capture_output=True, check=False).stdout == b"b true\n"

    def inside(self) -> list[str]:
        """Words that run a command where networkd lives."""
        assert self.process is not None
        return ["nsenter", "--target", str(self.process.pid), "--mount", "--net"]

    def stop(self) -> None:
        if self.bus is not None:
            self.bus.kill()
            self.bus.wait()
            self.bus = None
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=10)
            self.process = None

    def log(self) -> str:
        return (self.directory / "networkd.log").read_text(errors="replace")

    def links(self) -> dict[str, int]:
        return {link["ifname"]: link["ifindex"] for link in ip_json(f"-n {self.netns} link")}

    def host(self) -> HostReader:
        return HostReader(self.directory, index=lambda name: self.links().get(name, 0))

    def addresses(self, name: str = "eth0") -> dict[str, bool]:
        """IPv4 addresses and global IPv6 ones; are they there for a time only?"""
        [link] = ip_json(f"-n {self.netns} addr show dev {name}")
        return {a["local"]: a.get("dynamic", False) for a in link["addr_info"] if a["scope"] == "global"}

    def settled(self, name: str = "eth0") -> bool:
        state = self.host().read(f"/run/systemd/netif/links/{self.links().get(name, 0)}")
        return "ADMIN_STATE=configured" in state

    def lease(self) -> str:
        return self.host().read(f"/run/systemd/netif/leases/{self.links().get('eth0', 0)}")


class Network:
    """A host whose uplink is a veth, its LAN, and where VPP would have the uplink."""

    def __init__(self, directory: Path) -> None:
        self.relay: subprocess.Popen[bytes] | None = None
        tag = f"vhs{os.getpid()}"
        self.netns = {word: f"{tag}-{word}" for word in ("host", "lan", "vpp")}
        for name in self.netns.values():
            ip(f"netns add {name}")
            ip(f"-n {name} link set lo up")
        self.networkd = Networkd(self.netns["host"], directory / "host")
        self.lan = Networkd(self.netns["lan"], directory / "lan")
        self.lan.configure("10-lan.network", SERVER)
        ip(
            f"-n {self.netns['host']} link add eth0 address {MAC} type veth peer name lan0 netns {self.netns['lan']}",
        )

    def take(self, *addresses: str) -> None:
        """What the guard and VPP do: a tap with the link's name, MAC address and addresses stands in for it."""
        host, vpp = self.netns["host"], self.netns["vpp"]
        ip(f"-n {host} link set eth0 netns {vpp}")
        ip(f"-n {vpp} link set eth0 up")
        self.relay = subprocess.Popen([sys.executable, "-c", RELAY, *self.netns.values()])
        until(lambda: "eth0" in self.networkd.links(), lambda: "no tap")
        ip(f"-n {host} link set eth0 address {MAC}")
        ip(f"-n {host} link set eth0 up")
        for address in addresses:
            ip(f"-n {host} addr replace {address} dev eth0")

    def give_back(self) -> None:
        """The tap goes with its process; the link is as it was, and has not been configured yet."""
        self.end_relay()
        until(lambda: "eth0" not in self.networkd.links(), lambda: "the tap stays")
        ip(f"-n {self.netns['vpp']} link set eth0 netns {self.netns['host']}")
        ip(f"-n {self.netns['host']} link set eth0 up")

    def end_relay(self) -> None:
        if self.relay is not None:
            self.relay.kill()
            self.relay.wait()
            self.relay = None

    def remove(self) -> None:
        self.end_relay()
        for process in (self.networkd, self.lan):
            process.stop()
        for name in self.netns.values():
            subprocess.run(["ip", "netns", "del", name], check=False, stderr=subprocess.DEVNULL)


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    for name in ("host", "lan"):
        (tmp_path / name).mkdir()
    lan = Network(tmp_path)
    try:
        yield lan
    finally:
        lan.remove()


def place(network: Network, addresses: tuple[LinuxAddress, ...]) -> None:
    """The tap's file, made while the uplink is still Linux's."""
    link = CapturedLink(name="eth0", mac=MAC, mtu=1500, addresses=addresses)
    nic = networkd.networkd_managed_link(network.networkd.host(), "eth0")
    assert nic is not None
    assert nic.path == "/run/systemd/network/10-netplan-eth0.network"
    network.networkd.configure("0-vppd-eth0.network", networkd.networkd_tap_file(link, nic))
    network.networkd.stop()
    network.networkd.start()
    until(network.networkd.settled, network.networkd.log)


def file_of(network: Network) -> str:
    state = network.networkd.host().read(f"/run/systemd/netif/links/{network.networkd.links().get('eth0', 0)}")
    return shell_assignments(state).get("NETWORK_FILE", "")


def test_a_static_uplink_s_tap_keeps_its_addresses_and_the_uplink_comes_back(network: Network) -> None:
    service = network.networkd
    ip(f"-n {network.netns['lan']} link set lan0 up")
    service.configure("10-netplan-eth0.network", STATIC)
    service.start()
    until(service.settled, service.log)
    place(network, (LinuxAddress(address="192.0.2.7/24"),))
    network.take("192.0.2.7/24", "2001:db8::7/64 nodad noprefixroute")
    until(service.settled, service.log)
    assert file_of(network) == "/run/systemd/network/0-vppd-eth0.network"
    service.stop()
    service.start()
    until(service.settled, service.log)
    assert service.addresses() == {"192.0.2.7": False, "2001:db8::7": False}
    assert "DNS=192.0.2.53" in service.host().read(f"/run/systemd/netif/links/{service.links()['eth0']}")
    # Nobody has told it yet that the tap's file is no longer wanted.
    network.give_back()
    until(service.settled, service.log)
    assert file_of(network) == "/run/systemd/network/10-netplan-eth0.network"
    assert service.addresses() == {"192.0.2.7": False}


def test_a_lease_goes_on_as_the_tap_s_and_comes_back(network: Network) -> None:
    service, lan = network.networkd, network.lan
    lan.start()
    service.configure("10-netplan-eth0.network", DYNAMIC)
    service.start()
    until(lambda: service.settled() and bool(service.lease()), lambda: service.log() + lan.log())
    [address] = service.addresses()
    place(network, ())
    before = shell_assignments(service.lease())
    assert before["ADDRESS"] == address
    network.take(f"{address}/24")
    until(lambda: bool(service.lease()), lambda: service.log() + lan.log())
    after = shell_assignments(service.lease())
    assert {key: after[key] for key in ("ADDRESS", "CLIENTID")} == {key: before[key] for key in ("ADDRESS", "CLIENTID")}
    until(lambda: "default via 192.0.2.1" in routes_by_dhcp(network), lambda: service.log() + routes_by_dhcp(network))
    assert service.addresses() == {address: False}, "it stays even if the lease runs out (KeepConfiguration=)"
    network.give_back()
    until(lambda: service.settled() and bool(service.lease()), service.log)
    assert service.addresses() == {address: True}
    assert file_of(network) == "/run/systemd/network/10-netplan-eth0.network"


def routes_by_dhcp(network: Network) -> str:
    return ip(f"-n {network.netns['host']} -4 route show dev eth0 proto dhcp")


@pytest.mark.parametrize(("reason", "goes_on"), [("EXPIRE", False), ("PREINIT", False), ("RENEW", True)])
def test_dhclient_s_script_does_not_touch_a_tap_s_addresses(network: Network, reason: str, goes_on: bool) -> None:
    host = network.netns["host"]
    ip(f"-n {host} link del eth0")
    ip(f"-n {host} tuntap add eth0 mode tap")
    hook = network.networkd.directory / "hook"
    hook.write_text(dhcp_clients.dhclient_hook_text(CapturedLink(name="eth0", mac=MAC, mtu=1500)))
    words = ["ip", "netns", "exec", host, "sh", "-c", f"run() {{ . {hook}; }}; run; echo went on"]
    environment = {**os.environ, "interface": "eth0", "reason": reason}
    process = subprocess.run(words, env=environment, capture_output=True, text=True, check=True)
    assert process.stdout == ("went on\n" if goes_on else "")


UDEV = """
set -e
mount --make-rprivate /
mount --bind "$1" /run
udevadm test --action=add /sys/class/net/eth0 2>/dev/null
"""


@pytest.mark.parametrize(
    ("kind", "is_tap"), [("tuntap add eth0 mode tap", True), ("link add eth0 type veth peer name eth9", False)]
)
def test_udev_leaves_a_tap_as_it_is_and_does_not_take_the_nic_for_one(
    network: Network, kind: str, is_tap: bool
) -> None:
    host, directory = network.netns["host"], network.networkd.directory
    ip(f"-n {host} link del eth0")
    ip(f"-n {host} {kind}")
    link = CapturedLink(name="eth0", mac=MAC, mtu=1500)
    names = {"ID_NET_NAME_PATH": "enp0s5"}
    for path, text in (
        (udev.udev_link_path("eth0"), udev.udev_link_file(link)),
        (udev.udev_rule_path("eth0"), udev.udev_rule_file(link, names)),
    ):
        whole_files.replace_file_whole(network.networkd.host().path(path), text.encode(), 0o644)
    [before] = ip_json(f"-n {host} link show eth0")
    script = ["unshare", "-m", "sh", "-c", UDEV, "sh", str(directory / "run")]
    process = subprocess.run(["ip", "netns", "exec", host, *script], capture_output=True, text=True, check=True)
    properties = shell_assignments(process.stdout)
    assert (properties.get("ID_NET_LINK_FILE") == udev.udev_link_path("eth0")) is is_tap
    assert (properties.get("ID_NET_NAME_PATH") == "enp0s5") is is_tap
    [after] = ip_json(f"-n {host} link show eth0")
    assert not is_tap or after["address"] == before["address"]


PLACE = """
import sys
from pathlib import Path
import msgspec
from vppd_guard.host_services.host import HostReader
from vppd_guard.host_services.plan import host_file_steps, link_management_notes, undo_host_files
from vppd_guard.linux.captured import CapturedLink, LinuxAddress
from vppd_guard.undo.journal import UndoJournal
root, state, verb = sys.argv[1:]
host, journal, words = HostReader(Path(root)), UndoJournal(Path(state)), []
link = CapturedLink(name="eth0", mac="02:90:00:00:00:07", mtu=1500, addresses=(LinuxAddress(address="192.0.2.7/24"),))
if verb == "place":
    for step in host_file_steps([link], host, words.append):
        record = step.undo()
        if record is not None:
            journal.append(record)
        step.do()
        words += filter(None, [step.holds()])
    print(link_management_notes([link], host)[0])
else:
    undo_host_files(journal.read(), host, words.append)
assert words == [], words
"""


def test_the_guard_places_its_files_tells_networkd_and_takes_them_away(network: Network, tmp_path: Path) -> None:
    """With nothing restarted: networkd is told, in the host's root directory."""
    service = network.networkd
    ip(f"-n {network.netns['lan']} link set lan0 up")
    service.configure("10-netplan-eth0.network", STATIC)
    service.start()
    until(service.settled, service.log)
    service.start_bus()

    def guard(verb: str) -> str:
        words = [*service.inside(), sys.executable, "-c", PLACE, str(service.root), str(tmp_path / "state"), verb]
        process = subprocess.run(words, capture_output=True, text=True, check=False)
        assert process.returncode == 0, process.stderr
        return process.stdout

    assert guard("place") == (
        "eth0: systemd-networkd manages it by /run/systemd/network/10-netplan-eth0.network, made by netplan\n"
    )
    network.take("192.0.2.7/24", "2001:db8::7/64 nodad noprefixroute")
    until(service.settled, service.log)
    assert file_of(network) == "/run/systemd/network/0-vppd-eth0.network"
    assert service.addresses() == {"192.0.2.7": False, "2001:db8::7": False}
    network.give_back()
    guard("undo")
    until(service.settled, service.log)
    assert file_of(network) == "/run/systemd/network/10-netplan-eth0.network"
    assert [path.name for path in (service.run / "systemd" / "network").iterdir()] == ["10-netplan-eth0.network"]
