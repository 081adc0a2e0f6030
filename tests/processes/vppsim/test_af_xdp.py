"""AF_XDP uplinks of the stand-in: their names, MAC addresses, and what it refuses as VPP does.

Their packets: tests/contract/test_uplinks_on_vpp.py.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.processes.vppsim.process import Namespace, Simulator

MAC = "02:00:00:00:00:aa"


@pytest.fixture
def api(tmp_path: Path) -> Iterator[Any]:
    """A stand-in whose namespace has the links up0 and up1."""
    namespace = Namespace("xdp")
    try:
        namespace.ip("link", "add", "up0", "address", MAC, "type", "veth", "peer", "name", "up1")
        simulator = Simulator(tmp_path, namespace.name)
        simulator.start()
        try:
            yield simulator.api
        finally:
            simulator.terminate()
    finally:
        namespace.delete()


def make(api: Any, link: str, **fields: Any) -> Any:
    return api.af_xdp_create_v3(**{"host_if": link, "rxq_num": 1, "rxq_size": 1024, "txq_size": 1024} | fields)


def rows(api: Any) -> dict[str, Any]:
    return {row.interface_name: row for row in api.sw_interface_dump()}


def test_an_interface_is_named_after_its_link_and_the_lowest_free_number(api: Any) -> None:
    first, _ = make(api, "up0"), make(api, "up1")
    assert set(rows(api)) == {"local0", "up0/0", "up1/1"}
    assert api.af_xdp_delete(sw_if_index=first.sw_if_index).retval == 0
    make(api, "up0", name="mine")
    assert set(rows(api)) == {"local0", "mine", "up1/1"}


def test_its_mac_address_is_its_own_unless_the_links_is_asked_for(api: Any) -> None:
    make(api, "up0", flags=2)
    make(api, "up1")
    assert str(rows(api)["up0/0"].l2_address) == MAC
    assert str(rows(api)["up1/1"].l2_address).startswith("02:fe:")


def test_a_link_is_taken_once_and_never_without_copying(api: Any) -> None:
    assert make(api, "up0", mode=2).retval == -12
    assert make(api, "up0").retval == 0
    assert make(api, "up0").retval == -12
    assert make(api, "up1", netns="elsewhere").retval == -9


def test_its_link_is_up_when_it_is_and_vpp_cannot_change_the_device(api: Any) -> None:
    number = make(api, "up0").sw_if_index
    assert int(rows(api)["up0/0"].flags) == 0
    api.sw_interface_set_flags(sw_if_index=number, flags=1)
    assert int(rows(api)["up0/0"].flags) == 3
    assert api.sw_interface_set_promisc(sw_if_index=number, promisc_on=True).retval == -1
    assert api.hw_interface_set_mtu(sw_if_index=number, mtu=1500).retval == -126
