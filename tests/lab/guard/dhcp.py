"""A DHCP server outside and a DHCP client on the host: dnsmasq and dhclient, each with files of its own."""

import subprocess
from collections.abc import Callable

from tests.iproute import ip
from tests.lab.guard.world import GATEWAY4, World
from tests.waiting import until

FIRST, SECOND = "192.0.2.3", "192.0.2.4"  # servers
# The server grants minutes at least. The client takes its word for less: RENEW after 2 s, REBIND after 4 s, the end.
_CLIENT = """
timeout 4; retry 1; reboot 5; initial-interval 1; backoff-cutoff 1; select-timeout 0;
supersede dhcp-lease-time 8; supersede dhcp-renewal-time 2; supersede dhcp-rebinding-time 4;
"""
_SCRIPT = """#!/bin/sh
case $reason in
  BOUND|RENEW|REBIND|REBOOT)
    [ -z "$old_ip_address" ] || [ "$old_ip_address" = "$new_ip_address" ] || ip -4 addr flush dev $interface
    ip addr replace $new_ip_address/24 dev $interface
    ip route replace default via $new_routers dev $interface ;;
  EXPIRE|FAIL|STOP) ip -4 addr flush dev $interface ;;
  TIMEOUT) exit 1 ;;
esac
echo "$reason $new_ip_address by $new_dhcp_server_identifier" >> HEARD
"""


class DhcpWorld:
    """A world in which the host has its IPv4 address of a DHCP server."""

    def __init__(self, world: World) -> None:
        self.world = world
        self._heard = world.directory / "heard"
        self._server: subprocess.Popen[bytes] | None = None
        self._client: subprocess.Popen[bytes] | None = None

    def wire_up(self) -> None:
        """A wire; the gateway is not the server, and stays."""
        self.world.wire("eth0", "lan0", "02:90:00:00:00:07")
        ip("link set eth0 up", netns=self.world.host)
        ip(f"addr add {GATEWAY4}/32 dev lo", netns=self.world.lan)

    def start_server(self, address: str, *more: str) -> None:
        """A server of that address, the only one."""
        self.end_server()
        ip("-4 addr flush dev lan0", netns=self.world.lan)
        ip(f"addr add {address}/24 dev lan0", netns=self.world.lan)
        line = "dnsmasq --keep-in-foreground --conf-file=/dev/null --port=0 --interface=lan0 --bind-interfaces"
        line += f" --dhcp-range=192.0.2.50,192.0.2.60,255.255.255.0 --dhcp-option=3,{GATEWAY4} --dhcp-authoritative"
        line += f" --no-ping --leasefile-ro --user=root --group=root --pid-file={self.world.directory}/dnsmasq.pid"
        self._server = self._run(self.world.lan, "dnsmasq", *line.split(), *more)

    def end_server(self) -> None:
        """Nobody answers any more."""
        _end(self._server)

    def start_client(self) -> None:
        """The client of eth0, with the leases of an earlier one."""
        self.end_client()
        directory = self.world.directory
        (directory / "dhclient.conf").write_text(_CLIENT)
        script = directory / "dhclient-script"
        script.write_text(_SCRIPT.replace("HEARD", str(self._heard)))
        script.chmod(0o755)
        files = ("-sf", "dhclient-script", "-cf", "dhclient.conf", "-lf", "leases", "-pf", "dhclient.pid")
        words = [word if word.startswith("-") else f"{directory}/{word}" for word in files]
        self._client = self._run(self.world.host, "dhclient", "dhclient", "-4", "-d", *words, "eth0")

    def end_client(self) -> None:
        """The client ends and gives nothing back."""
        _end(self._client)

    def remove(self) -> None:
        """Both processes."""
        self.end_client()
        self.end_server()

    def expect(self, *lines: str, then: Callable[[], None] = lambda: None) -> str:
        """Forgets what the client has heard, does `then`, and waits for one of the lines. Returns the address in it."""
        self._heard.write_text("")
        then()

        def address() -> str:
            heard = [line.split(" ") for line in self._heard.read_text().splitlines()]
            return next((a or "none" for reason, a, _, by in heard if f"{reason} by {by}".strip() in lines), "")

        return str(
            until(address, lambda: f"{lines}, but {self._heard.read_text()}\n{self.world.log('dhclient')[-2000:]}")
        )

    def _run(self, netns: str, log: str, *command: str) -> "subprocess.Popen[bytes]":
        with (self.world.directory / f"{log}.log").open("ab") as handle:
            line = ["ip", "netns", "exec", netns, *command]
            return subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=handle, stderr=handle)


def _end(process: "subprocess.Popen[bytes] | None") -> None:
    if process is not None:
        process.kill()
        process.wait()
