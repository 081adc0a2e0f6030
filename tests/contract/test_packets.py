"""Packets: what the intents are for."""

import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tests.contract import worlds
from tests.contract.living import WriterLife
from tests.contract.machine import Namespace, Vpp, veth
from tests.contract.worlds import Node
from tests.waiting import until

LISTEN = "import socket; s = socket.create_server(('{0}', {1}), family=socket.{2}); print('up', flush=True); s.accept()"


def wired_node(vpp: Vpp, host: Namespace, peer: Namespace) -> Node:
    """An uplink of VPP whose other end is `peer`, a machine on the same network."""
    mac = veth(vpp.namespace, "eth0", peer, "net0")
    peer.ip("addr", "add", "192.0.2.9/24", "dev", "net0")
    peer.ip("addr", "add", "2001:db8:2::9/64", "dev", "net0", "nodad")
    return Node(mac=mac, host_netns=host.name)


def attach(pod: Namespace, number: int) -> None:
    """The pod's side of its tun."""
    pod.ip("addr", "add", f"10.1.0.{number}/32", "dev", "eth0")
    pod.ip("addr", "add", f"fd00:1::{number}/128", "dev", "eth0", "nodad")
    for version in ("-4", "-6"):
        pod.ip(version, "route", "add", "default", "dev", "eth0")


@contextmanager
def listening(where: Namespace, address: str, port: int) -> Iterator[None]:
    """A TCP server that accepts one connection."""
    family = "AF_INET6" if ":" in address else "AF_INET"
    command = ["ip", "netns", "exec", where.name, "python3", "-c", LISTEN.format(address, port, family)]
    server = subprocess.Popen(command, stdout=subprocess.PIPE)
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == b"up\n"
        yield
    finally:
        server.kill()
        server.communicate()


def connects(where: Namespace, address: str, port: int) -> bool:
    family = "AF_INET6" if ":" in address else "AF_INET"
    code = f"import socket; s = socket.socket(socket.{family}); s.settimeout(1); s.connect(('{address}', {port}))"
    command = ["ip", "netns", "exec", where.name, "python3", "-c", code]
    return subprocess.run(command, check=False, capture_output=True, timeout=30).returncode == 0


def test_pods_reach_one_another_through_their_tuns(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    first_pod, second_pod = namespace("pod1"), namespace("pod2")
    pods = [*worlds.pod(1, first_pod.name), *worlds.pod(2, second_pod.name)]
    writer = life().want(*worlds.tables())
    writer.want(*worlds.tables(), *pods)
    assert writer.unapplied(pods) == {}
    attach(first_pod, 1)
    attach(second_pod, 2)
    until(lambda: first_pod.pings("10.1.0.2"), "IPv4 from pod 1 to pod 2")
    until(lambda: second_pod.pings("fd00:1::1"), "IPv6 from pod 2 to pod 1")
    writer.want(*worlds.tables(), *worlds.pod(1, first_pod.name))
    assert not first_pod.pings("10.1.0.2")
    assert not second_pod.has_link("eth0")


def test_a_machine_on_the_network_reaches_the_uplink(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    peer = namespace("peer")
    node = wired_node(vpp, peer, peer)
    writer = life().want(*worlds.uplink(node))
    assert writer.unapplied(worlds.uplink(node)) == {}
    until(lambda: peer.pings("192.0.2.1"), "IPv4 from the peer to VPP")
    until(lambda: peer.pings("2001:db8:2::1"), "IPv6 from the peer to VPP")


def test_connections_to_the_node_reach_the_host_and_come_back(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    peer, host = namespace("peer"), namespace("host")
    node = wired_node(vpp, host, peer)
    writer = life().want(*worlds.guard(node))
    assert writer.unapplied(worlds.guard(node)) == {}
    dress(host)
    with listening(host, "192.0.2.1", 7001):
        until(lambda: connects(peer, "192.0.2.1", 7001), "TCP over IPv4 from the peer to the host")
    with listening(host, "2001:db8:2::1", 7002):
        until(lambda: connects(peer, "2001:db8:2::1", 7002), "TCP over IPv6 from the peer to the host")


def dress(host: Namespace) -> None:
    """The uplink's addresses on the host's tap, as the guard leaves them."""
    host.ip("addr", "add", "192.0.2.1/24", "dev", "eth0")
    host.ip("addr", "add", "2001:db8:2::1/64", "dev", "eth0", "nodad")


def test_the_host_is_answered_for_every_address_it_asks_for(
    vpp: Vpp, life: Callable[[], WriterLife], namespace: Callable[[str], Namespace]
) -> None:
    peer, host = namespace("peer"), namespace("host")
    node = wired_node(vpp, host, peer)
    life().want(*worlds.guard(node))
    dress(host)
    until(lambda: host.pings("192.0.2.9"), "IPv4 from the host to the peer, through proxy ARP")
    until(lambda: host.pings("2001:db8:2::9"), "IPv6 from the host to the peer, through the ND proxy")
    assert "02:ca:11:c0:fd:00" in host.ip("neigh", "show", "192.0.2.9")
    assert host.ip("neigh", "show", "192.0.2.77") == ""
    host.pings("192.0.2.77")
    assert "02:ca:11:c0:fd:00" in host.ip("neigh", "show", "192.0.2.77")
