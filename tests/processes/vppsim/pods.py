"""Pods behind tuns, and an outside host behind the uplink, of one vppsim in its own namespace."""

from pathlib import Path

from tests.processes.vppsim.process import UPLINK_MAC, Namespace, Simulator, wire
from tests.processes.vppsim.requests import POD, path, route, tap


class PodsAndOutside:
    """Two pods and an outside host: 10.1.0.1 and 10.1.0.2 behind tuns, 192.0.2.9 behind the uplink 192.0.2.1."""

    def __init__(self, directory: Path) -> None:
        self.node, self.outside = Namespace("node"), Namespace("out")
        self.pods = [Namespace("pod1"), Namespace("pod2")]
        wire(self.node, self.outside)
        self.outside.ip("route", "add", "10.1.0.0/16", "via", "192.0.2.1")
        self.outside.ip("route", "add", "fd00::/64", "via", "2001:db8::1")
        self.simulator = Simulator(directory, self.node.name)
        self.simulator.start()
        self.configure()
        self.address_pods()

    def configure(self) -> None:
        """Configure everything over the API; called again after each restart."""
        api = self.simulator.api
        up = api.af_packet_create_v3(
            mode=1, hw_addr=UPLINK_MAC, host_if_name="up0", flags=2, num_rx_queues=1, num_tx_queues=1
        ).sw_if_index
        api.sw_interface_set_flags(sw_if_index=up, flags=1)
        for prefix in ("192.0.2.1/24", "2001:db8::1/64"):
            assert api.sw_interface_add_del_address(sw_if_index=up, is_add=True, prefix=prefix).retval == 0
        for number, pod in enumerate(self.pods, 1):
            self.connect_pod(number, pod)

    def connect_pod(self, number: int, pod: Namespace) -> None:
        api = self.simulator.api
        loop = api.create_loopback(mac_address="02:00:00:00:00:01").sw_if_index
        for prefix in (f"169.254.{number}.1/32", f"fd00:ff::{number}/128"):
            assert api.sw_interface_add_del_address(sw_if_index=loop, is_add=True, prefix=prefix).retval == 0
        tun = api.tap_create_v3(**tap(pod.name, "eth0", POD, host_mtu_set=True, host_mtu_size=1400))
        assert tun.retval == 0
        assert api.sw_interface_set_mtu(sw_if_index=tun.sw_if_index, mtu=[1400, 0, 0, 0]).retval == 0
        unnumbered = api.sw_interface_set_unnumbered(sw_if_index=loop, unnumbered_sw_if_index=tun.sw_if_index, is_add=1)
        assert unnumbered.retval == 0
        for index in (loop, tun.sw_if_index):
            api.sw_interface_set_flags(sw_if_index=index, flags=1)
        for prefix in (f"10.1.0.{number}/32", f"fd00::{number}/128"):
            way = path(interface=tun.sw_if_index, v6=":" in prefix)
            assert api.ip_route_add_del(is_add=True, route=route(prefix, way)).retval == 0

    def address_pods(self) -> None:
        for number, pod in enumerate(self.pods, 1):
            pod.ip("addr", "add", f"10.1.0.{number}/32", "dev", "eth0")
            pod.ip("-6", "addr", "add", f"fd00::{number}/128", "dev", "eth0", "nodad")
            pod.ip("route", "add", "default", "dev", "eth0")
            pod.ip("-6", "route", "add", "default", "dev", "eth0")

    def close(self) -> None:
        if self.simulator.alive:
            self.simulator.terminate()
        for namespace in (*self.pods, self.outside, self.node):
            namespace.delete()
