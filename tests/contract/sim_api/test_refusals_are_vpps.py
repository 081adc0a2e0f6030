"""What VPP refuses and with which return value; what it quietly accepts."""

from typing import Any

import pytest

from tests.processes.vppsim.requests import INDEX_INVALID, path, route

ABSENT = 77
BY_INDEX = [
    "sw_interface_set_flags",
    "hw_interface_set_mtu",
    "sw_interface_set_table",
    "sw_interface_get_table",
    "sw_interface_add_del_address",
    "sw_interface_tag_add_del",
    "sw_interface_set_rx_mode",
    "sw_interface_set_rx_placement",
    "sw_interface_set_promisc",
    "sw_interface_set_mac_address",
    "sw_interface_ip6_enable_disable",
    "sw_interface_ip6nd_ra_config",
    "ip6nd_proxy_enable_disable",
    "ip6nd_proxy_add_del",
    "proxy_arp_intfc_enable_disable",
    "feature_gso_enable_disable",
    "tap_delete_v2",
    "delete_loopback",
]


def loopback(api: Any, *prefixes: str, up: bool = True) -> int:
    """A loopback with addresses; returns its index."""
    index: int = api.create_loopback().sw_if_index
    api.sw_interface_set_flags(sw_if_index=index, flags=int(up))
    for prefix in prefixes:
        assert api.sw_interface_add_del_address(sw_if_index=index, is_add=True, prefix=prefix).retval == 0
    return index


def add_address(api: Any, index: int, prefix: str) -> int:
    retval: int = api.sw_interface_add_del_address(sw_if_index=index, is_add=True, prefix=prefix).retval
    return retval


def table(number: int, name: str = "", v6: bool = False) -> dict[str, Any]:
    return {"table_id": number, "is_ip6": v6, "name": name}


def prefixes(api: Any, number: int = 0, v6: bool = False) -> set[str]:
    return {str(details.route.prefix) for details in api.ip_route_dump(table=table(number, v6=v6))}


def tables(api: Any) -> set[tuple[int, bool]]:
    return {(details.table.table_id, details.table.is_ip6) for details in api.ip_table_dump()}


def test_an_unknown_interface_is_an_invalid_index_everywhere(api: Any) -> None:
    assert {name: getattr(api, name)(sw_if_index=ABSENT).retval for name in BY_INDEX} == dict.fromkeys(BY_INDEX, -2)


def test_freed_indices_are_given_again_last_freed_first(api: Any) -> None:
    first, second, third = (loopback(api) for _ in range(3))
    for index in (first, second):
        assert api.delete_loopback(sw_if_index=index).retval == 0
    assert [loopback(api) for _ in range(3)] == [second, first, third + 1]


def test_overlapping_addresses_are_refused_but_siblings_are_not(api: Any) -> None:
    index, other_index = loopback(api, "10.0.0.1/24", "fd00::1/64"), loopback(api)
    assert add_address(api, index, "10.0.0.2/24") == 0
    assert add_address(api, index, "10.0.0.1/24") == -105
    assert add_address(api, index, "10.0.0.3/25") == -105
    assert add_address(api, other_index, "10.0.0.3/24") == -105
    assert add_address(api, other_index, "fd00::2/64") == -127


def test_link_local_addresses_are_whole_and_cannot_be_deleted(api: Any) -> None:
    index = loopback(api)
    assert add_address(api, index, "fe80::5/64") == -59
    assert add_address(api, index, "fe80::5/128") == 0
    assert str(api.sw_interface_ip6_get_link_local_address(sw_if_index=index).ip) == "fe80::5"
    deleted = [
        api.sw_interface_add_del_address(sw_if_index=index, prefix=p).retval for p in ("fe80::5/128", "fe80::6/128")
    ]
    assert deleted == [-61, -60]


def test_addresses_bring_routes_only_while_the_interface_is_up(api: Any) -> None:
    index = loopback(api, "10.0.0.1/24", up=False)
    connected_prefixes = {"10.0.0.0/24", "10.0.0.0/32", "10.0.0.1/32", "10.0.0.255/32"}
    assert not connected_prefixes & prefixes(api)
    api.sw_interface_set_flags(sw_if_index=index, flags=1)
    assert connected_prefixes <= prefixes(api)
    api.sw_interface_set_flags(sw_if_index=index, flags=0)
    assert not connected_prefixes & prefixes(api)


def test_an_interface_with_addresses_stays_in_its_table(api: Any) -> None:
    index = loopback(api, "10.0.0.1/24")
    api.ip_table_add_del(is_add=True, table=table(5))
    assert api.sw_interface_set_table(sw_if_index=index, vrf_id=5).retval == -114
    assert api.sw_interface_set_table(sw_if_index=index, vrf_id=66).retval == -3


def test_lenders_and_borrowers_of_addresses_share_a_table(api: Any) -> None:
    lender, borrower = loopback(api, "10.0.0.1/32"), loopback(api)
    api.ip_table_add_del(is_add=True, table=table(5))
    api.sw_interface_set_table(sw_if_index=borrower, vrf_id=5)
    ask = {"sw_if_index": lender, "unnumbered_sw_if_index": borrower, "is_add": True}
    assert api.sw_interface_set_unnumbered(**ask).retval == -74
    api.sw_interface_set_table(sw_if_index=borrower, vrf_id=0)
    assert api.sw_interface_set_unnumbered(**ask).retval == 0
    assert api.sw_interface_set_table(sw_if_index=borrower, vrf_id=5).retval == -114
    assert api.sw_interface_set_unnumbered(**{**ask, "sw_if_index": ABSENT}).retval == -10


def test_tags_are_cut_at_63_characters_and_not_empty(api: Any) -> None:
    index = loopback(api)
    assert api.sw_interface_tag_add_del(sw_if_index=index, is_add=True, tag="").retval == -7
    assert api.sw_interface_tag_add_del(sw_if_index=index, is_add=True, tag="t" * 63).retval == 0
    assert api.sw_interface_dump(sw_if_index=index)[0].tag == "t" * 63


def test_ipv6_is_switched_on_once_and_off_when_it_was_on(api: Any) -> None:
    index, other_index = loopback(api), loopback(api)
    on = [api.sw_interface_ip6_enable_disable(sw_if_index=index, enable=True).retval for _ in range(2)]
    assert on == [0, -81]
    assert api.sw_interface_ip6_enable_disable(sw_if_index=other_index, enable=False).retval == -62
    assert api.sw_interface_ip6nd_ra_config(sw_if_index=other_index, suppress=1).retval == -62
    assert api.sw_interface_ip6nd_ra_config(sw_if_index=index, suppress=1).retval == 0


def add(api: Any, prefix: str, *paths: dict[str, Any], number: int = 0, multipath: bool = False) -> int:
    fields = route(prefix, *paths, table=number)
    retval: int = api.ip_route_add_del(is_add=True, is_multipath=multipath, route=fields).retval
    return retval


def test_routes_need_paths_tables_and_interfaces_that_exist(api: Any) -> None:
    index = loopback(api, "10.0.0.1/24")
    assert add(api, "20.0.0.0/8") == -52
    assert add(api, "20.0.0.0/8", path(interface=index), number=888) == -3
    assert add(api, "20.0.0.0/8", path(table=777)) == -3
    assert add(api, "20.0.0.0/8", path(interface=ABSENT)) == -54
    assert add(api, "20.0.0.0/8", {**path(), "type": 10}) == -65


def hops(api: Any, prefix: str) -> list[tuple[str, int]]:
    shown_route = next(d.route for d in api.ip_route_dump(table=table(0)) if str(d.route.prefix) == prefix)
    return sorted((str(each.nh.address.ip4), each.weight) for each in shown_route.paths)


def test_a_route_is_replaced_unless_a_path_is_added(api: Any) -> None:
    index = loopback(api, "10.0.0.1/24")
    add(api, "20.0.0.0/8", path("10.0.0.8", index))
    add(api, "20.0.0.0/8", path("10.0.0.9", index))
    assert hops(api, "20.0.0.0/8") == [("10.0.0.9", 1)]
    add(api, "20.0.0.0/8", path("10.0.0.10", index, weight=3), multipath=True)
    assert hops(api, "20.0.0.0/8") == [("10.0.0.10", 3), ("10.0.0.9", 1)]
    add(api, "20.0.0.0/8", path("10.0.0.9", index, weight=7), multipath=True)
    assert hops(api, "20.0.0.0/8") == [("10.0.0.10", 3), ("10.0.0.9", 1)]


def test_deleting_a_route_takes_all_paths_and_may_be_repeated(api: Any) -> None:
    index = loopback(api, "10.0.0.1/24")
    add(api, "20.0.0.0/8", path("10.0.0.8", index), path("10.0.0.9", index))
    for _ in range(2):
        assert api.ip_route_add_del(is_add=False, route=route("20.0.0.0/8")).retval == 0
    assert "20.0.0.0/8" not in prefixes(api)


def test_an_address_outlives_the_deletion_of_a_route_to_it(api: Any) -> None:
    index = loopback(api, "10.0.0.1/24")
    add(api, "10.0.0.1/32", path("10.0.0.254", index))
    api.ip_route_add_del(is_add=False, route=route("10.0.0.1/32"))
    assert "10.0.0.1/32" in prefixes(api)


def test_a_path_of_a_deleted_interface_does_not_come_back_with_its_index(api: Any) -> None:
    index = loopback(api, "10.0.0.1/24")
    add(api, "20.0.0.0/8", path("10.0.0.9", index))
    api.delete_loopback(sw_if_index=index)
    assert "20.0.0.0/8" in prefixes(api)
    assert loopback(api) == index
    assert "20.0.0.0/8" in prefixes(api)


def test_a_table_is_held_once_and_lives_while_something_needs_it(api: Any) -> None:
    for _ in range(2):
        assert api.ip_table_add_del(is_add=True, table=table(5, "five")).retval == 0
    add(api, "20.0.0.0/8", path(table=5))
    assert api.ip_table_add_del(is_add=False, table=table(5)).retval == 0
    assert (5, False) in tables(api)
    api.ip_route_add_del(is_add=False, route=route("20.0.0.0/8"))
    assert (5, False) not in tables(api)


def test_tables_that_are_not_there_and_table_0_are_deleted_without_complaint(api: Any) -> None:
    for number in (0, 999):
        assert api.ip_table_add_del(is_add=False, table=table(number)).retval == 0
    assert tables(api) == {(0, False), (0, True)}


def neighbour(
    api: Any, index: int, address: str, mac: str = "02:00:00:00:00:77", flags: int = 0, on: bool = True
) -> int:
    entry = {"sw_if_index": index, "mac_address": mac, "ip_address": address, "flags": flags}
    retval: int = api.ip_neighbor_add_del(is_add=on, neighbor=entry).retval
    return retval


def test_static_neighbours_are_not_overwritten(api: Any) -> None:
    index = loopback(api, "10.0.0.1/24")
    assert neighbour(api, index, "10.0.0.9", flags=1) == 0
    assert neighbour(api, index, "10.0.0.9") == 0
    assert neighbour(api, index, "10.0.0.9", mac="02:00:00:00:00:78") == -2
    assert neighbour(api, index, "10.0.0.10", on=False) == -6


def test_neighbours_have_host_routes_unless_told_not_to(api: Any) -> None:
    index = loopback(api, "10.0.0.1/24")
    neighbour(api, index, "10.0.0.9")
    neighbour(api, index, "10.0.0.10", flags=2)
    assert {"10.0.0.9/32", "10.0.0.10/32"} & prefixes(api) == {"10.0.0.9/32"}


@pytest.mark.parametrize(
    ("protocol", "port", "retval"), [(6, 65535, 0), (17, 65535, 0), (17, 5000, 0), (6, 80, -1), (47, 1, -1)]
)
def test_only_tcp_as_a_whole_and_udp_can_be_punted(api: Any, protocol: int, port: int, retval: int) -> None:
    l4 = {"af": 0, "protocol": protocol, "port": port}
    assert api.set_punt(is_add=True, punt={"type": 0, "punt": {"l4": l4}}).retval == retval


def test_a_punt_reason_that_vpp_does_not_have_is_not_listed(api: Any) -> None:
    assert api.punt_reason_dump(reason={"name": "ip6-nd-neigh-adv"}) == []


def test_punt_redirection_needs_a_table(api: Any) -> None:
    def redirect(number: int) -> int:
        punt = {"rx_sw_if_index": INDEX_INVALID, "af": 0, "n_paths": 1, "paths": [path(table=number)]}
        retval: int = api.add_del_ip_punt_redirect_v2(is_add=True, punt=punt).retval
        return retval

    api.ip_table_add_del(is_add=True, table=table(1))
    assert [redirect(1), redirect(1111)] == [0, -3]


def test_proxied_ranges_need_a_table_and_are_deleted_once(api: Any) -> None:
    def proxy(number: int, on: bool) -> int:
        proxy = {"table_id": number, "low": "10.0.0.1", "hi": "10.0.0.9"}
        retval: int = api.proxy_arp_add_del(is_add=on, proxy=proxy).retval
        return retval

    assert [proxy(66, True), proxy(0, True), proxy(0, True), proxy(0, False), proxy(0, False)] == [-3, 0, 0, 0, -6]


def test_events_are_subscribed_to_once(api: Any) -> None:
    retvals = [api.want_interface_events(enable_disable=on, pid=1).retval for on in (1, 1, 0, 0)]
    assert retvals == [0, -31, 0, -31]


def test_links_that_do_not_exist_are_no_uplinks(api: Any) -> None:
    assert api.af_packet_create_v3(mode=1, host_if_name="nope0").retval == -71
    assert api.af_packet_delete(host_if_name="nope0").retval == -11


def test_a_namespace_that_does_not_exist_holds_no_tap(api: Any) -> None:
    reply = api.tap_create_v3(id=INDEX_INVALID, tap_flags=16, host_namespace_set=True, host_namespace="/nonexistent")
    assert (reply.retval, reply.sw_if_index) == (-12, INDEX_INVALID)


def xdp(api: Any, **fields: Any) -> tuple[int, int]:
    reply = api.af_xdp_create_v3(**{"host_if": "nope0", "rxq_num": 1, "rxq_size": 1024, "txq_size": 1024} | fields)
    return reply.retval, reply.sw_if_index


def test_af_xdp_wants_a_link_with_that_many_queues_and_rings_that_fit(api: Any) -> None:
    unfit: list[dict[str, Any]] = [
        {},
        {"host_if": ""},
        {"host_if": "n" * 16},
        {"host_if": "lo", "rxq_size": 128},
        {"host_if": "lo", "txq_size": 1000},
        {"host_if": "lo", "rxq_num": 2},
    ]
    assert [xdp(api, **fields) for fields in unfit] == [(-7, 0)] * len(unfit)


def test_an_interface_of_another_kind_is_not_deleted_as_an_uplink(api: Any) -> None:
    index = loopback(api)
    deletes = (api.af_xdp_delete, api.virtio_pci_delete, api.vmxnet3_delete)
    answers = [[delete(sw_if_index=number).retval for number in (index, ABSENT)] for delete in deletes]
    assert answers == [[-71, -71], [-2, -2], [-2, -2]]
    removed = api.dev_remove_port_if(sw_if_index=index)
    assert (removed.retval, removed.error_string) == (-31, "unknown interface")


def test_a_nic_that_is_not_there_cannot_be_driven(api: Any) -> None:
    reply = api.virtio_pci_create_v2(pci_addr={"domain": 0, "bus": 0xFF, "slot": 2, "function": 0}, use_random_mac=True)
    assert (reply.retval, reply.sw_if_index) == (-71, INDEX_INVALID)
    for fields, retval in (({}, -71), ({"rxq_size": 100}, -7), ({"txq_num": 9}, -7), ({"rxq_num": 17}, -7)):
        reply = api.vmxnet3_create(**{"pci_addr": 0x02FF0000} | fields)
        assert (reply.retval, reply.sw_if_index) == (retval, 0)
    for device, error, text in (("pci/0000:ff:02.0", -12, "invalid device id"), ("nonsense", -10, "invalid bus")):
        attached = api.dev_attach(device_id=device, driver_name="iavf")
        assert (attached.retval, attached.dev_index, attached.error_string) == (error, INDEX_INVALID, text)
    reply = api.dev_create_port_if(dev_index=0, intf_name="iavf0")
    assert (reply.retval, reply.sw_if_index, reply.error_string) == (-20, INDEX_INVALID, "not found")
