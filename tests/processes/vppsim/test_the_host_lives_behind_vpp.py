"""The node's own traffic: VPP has the uplink and its addresses, the host has a tap with the same ones.

The calls are those of the guard, in its order.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.processes.vppsim.process import UPLINK_MAC, Namespace, Simulator, wire
from tests.processes.vppsim.requests import GSO, INDEX_INVALID, path, route, tap
from tests.processes.vppsim.transfer import transfer
from tests.waiting import until

HOST = {4: ("192.0.2.1", 24, 32), 6: ("2001:db8::1", 64, 128)}
ND_GROUPS = [("ff02::1:ff00:0", 104), ("ff02::1", 128), ("ff02::2", 128), ("ff02::16", 128), ("ff02::1:2", 128)]


def table(number: int, six: bool, name: str = "") -> dict[str, Any]:
    return {"table_id": number, "is_ip6": six, "name": name}


def default(api: Any, source: int, to: int, six: bool) -> None:
    """All of one table that nothing else matches goes to another."""
    default_route = route("::/0" if six else "0.0.0.0/0", path(table=to, v6=six), table=source)
    assert api.ip_route_add_del(is_add=True, route=default_route).retval == 0


class Node:
    """VPP in its own namespace, the host in another, an outside host on the wire."""

    def __init__(self, directory: Path) -> None:
        self.vpp, self.host, self.outside = Namespace("vpp"), Namespace("host"), Namespace("wire")
        wire(self.vpp, self.outside)
        self.simulator = Simulator(directory, self.vpp.name, "plugin ping_plugin.so { disable }")
        self.simulator.start()
        self.api = self.simulator.api
        self.globals()
        self.uplink = self.make_uplink()
        self.tap = self.make_tap()
        self.linux_side()

    def globals(self) -> None:
        for six in (False, True):
            for number in (1, 2):
                assert self.api.ip_table_add_del(is_add=True, table=table(number, six)).retval == 0
            default(self.api, 2, 0, six)
            redirect = {"rx_sw_if_index": INDEX_INVALID, "af": int(six), "n_paths": 1, "paths": [path(table=1, v6=six)]}
            assert self.api.add_del_ip_punt_redirect_v2(is_add=True, punt=redirect).retval == 0
            for protocol in (6, 17):
                l4 = {"af": int(six), "protocol": protocol, "port": 65535}
                assert self.api.set_punt(is_add=True, punt={"type": 0, "punt": {"l4": l4}}).retval == 0

    def make_uplink(self) -> int:
        reply = self.api.af_packet_create_v3(mode=1, hw_addr=UPLINK_MAC, host_if_name="up0", flags=2)
        index: int = reply.sw_if_index
        assert self.api.sw_interface_ip6_enable_disable(sw_if_index=index, enable=True).retval == 0
        assert self.api.sw_interface_ip6nd_ra_config(sw_if_index=index, suppress=1).retval == 0
        assert self.api.sw_interface_set_flags(sw_if_index=index, flags=1).retval == 0
        for address, mask, _ in HOST.values():
            prefix = f"{address}/{mask}"
            assert self.api.sw_interface_add_del_address(sw_if_index=index, is_add=True, prefix=prefix).retval == 0
        return index

    def make_tap(self) -> int:
        macs = {"use_random_mac": False, "mac_address": "02:ca:11:c0:fd:00", "host_mac_addr": UPLINK_MAC}
        reply = self.api.tap_create_v3(**tap(self.host.name, "up0", GSO, host_mac_addr_set=True, **macs))
        index: int = reply.sw_if_index
        tables = {family: self.tap_table(index, family) for family in (4, 6)}
        assert self.api.sw_interface_ip6_enable_disable(sw_if_index=index, enable=True).retval == 0
        tap_address = {"sw_if_index": index, "is_add": True, "prefix": "169.254.0.1/32"}
        assert self.api.sw_interface_add_del_address(**tap_address).retval == 0
        assert self.api.ip6nd_proxy_enable_disable(sw_if_index=index, is_enable=True).retval == 0
        for address, mask, _ in HOST.values():
            self.route(f"{address}/{mask}", path(address, index), 1)
        all_addresses = {"table_id": tables[4], "low": "0.0.0.0", "hi": "255.255.255.255"}
        assert self.api.proxy_arp_add_del(is_add=True, proxy=all_addresses).retval == 0
        assert self.api.proxy_arp_intfc_enable_disable(sw_if_index=index, enable=True).retval == 0
        assert self.api.sw_interface_set_flags(sw_if_index=index, flags=1).retval == 0
        return index

    def tap_table(self, index: int, family: int) -> int:
        six, (address, _, bits) = family == 6, HOST[family]
        number: int = self.api.ip_table_allocate(table=table(INDEX_INVALID, six, f"host-tap-ip{family}")).table.table_id
        for group, length in ND_GROUPS if six else []:
            self.multicast(number, group, length, index)
        default(self.api, number, 0, six)
        assert self.api.sw_interface_set_table(sw_if_index=index, is_ipv6=six, vrf_id=number).retval == 0
        self.route(f"{address}/{bits}", path(address, index), number)
        entry = {"sw_if_index": index, "mac_address": UPLINK_MAC, "ip_address": address, "flags": 1}
        assert self.api.ip_neighbor_add_del(is_add=True, neighbor=entry).retval == 0
        return number

    def multicast(self, number: int, group: str, length: int, index: int) -> None:
        ways = [(6, path(interface=self.uplink, v6=True)), (2, path(interface=index, v6=True))]
        prefix = {"af": 1, "grp_address_length": length, "grp_address": {"ip6": ip_address(group).packed}}
        mroute = {
            "table_id": number,
            "prefix": prefix,
            "n_paths": len(ways),
            "paths": [{"itf_flags": flags, "path": way} for flags, way in ways],
        }
        assert self.api.ip_mroute_add_del(is_add=True, route=mroute).retval == 0

    def route(self, prefix: str, way: dict[str, Any], number: int) -> None:
        address, _, length = prefix.partition("/")
        network = {"address": address, "len": int(length)}
        ip_route = {"table_id": number, "prefix": network, "n_paths": 1, "paths": [way]}
        assert self.api.ip_route_add_del(is_add=True, route=ip_route).retval == 0

    def linux_side(self) -> None:
        for address, mask, _ in HOST.values():
            self.host.ip("addr", "add", f"{address}/{mask}", "dev", "up0", *(["nodad"] if ":" in address else []))

    def close(self) -> None:
        if self.simulator.alive:
            self.simulator.terminate()
        for namespace in (self.host, self.outside, self.vpp):
            namespace.delete()


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    running = Node(tmp_path_factory.mktemp("node"))
    try:
        yield running
    finally:
        running.close()


@pytest.mark.parametrize("address", ["192.0.2.9", "2001:db8::9"])
def test_the_host_pings_its_neighbour_on_the_wire(node: Node, address: str) -> None:
    until(lambda: node.host.pings(address), "the neighbour answers the host")


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
def test_pings_to_the_node_reach_the_host_when_vpp_has_no_ping_plugin(node: Node, address: str) -> None:
    assert "ttl=63" in node.outside.run("ping", "-c", "1", "-W", "2", address)


def test_the_hop_through_vpp_can_be_made_free(node: Node) -> None:
    pair = {"src_sw_if_index": node.tap, "dst_sw_if_index": node.uplink}
    assert node.api.ip_ttl_fixup_configure(**pair, enable=True).retval == 0
    assert "ttl=64" in node.outside.run("ping", "-c", "1", "-W", "2", "192.0.2.1")
    assert node.api.ip_ttl_fixup_configure(**pair, enable=False).retval == 0


@pytest.mark.parametrize(("address", "peer"), [("192.0.2.1", "192.0.2.9"), ("2001:db8::1", "2001:db8::9")])
def test_connections_to_the_node_are_the_hosts(node: Node, address: str, peer: str) -> None:
    tcp = transfer(node.host, address, node.outside, address)
    assert tcp.client == peer
    assert tcp.sent == tcp.received != []


@pytest.mark.parametrize("address", ["192.0.2.9", "2001:db8::9"])
def test_the_host_connects_out(node: Node, address: str) -> None:
    tcp = transfer(node.outside, address, node.host, address)
    assert tcp.client == HOST[6 if ":" in address else 4][0]
    assert tcp.sent == tcp.received != []


def test_the_host_may_ask_for_any_address_and_gets_vpps_mac(node: Node) -> None:
    node.host.run("ping", "-c", "1", "-W", "0.1", "192.0.2.77", check=False)
    assert "02:ca:11:c0:fd:00" in node.host.ip("neigh", "show", "192.0.2.77")
