"""Linux's own TCP through a service and through source NAT: offloads, real sockets, both families."""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

import pytest

from tests.processes.vppsim.pods import PodsAndOutside
from tests.processes.vppsim.process import Namespace
from tests.processes.vppsim.requests import INDEX_INVALID
from tests.processes.vppsim.transfer import transfer

MEGABYTES = 4
POLICY_K8S, POD_TABLE = 2, 2
NODE = {4: "192.0.2.1", 6: "2001:db8::1"}
EXCLUDED = ("10.1.0.0/16", "fd00::/64")


def endpoint(address: str, port: int) -> dict[str, Any]:
    return {"addr": ip_address(address), "sw_if_index": INDEX_INVALID, "if_af": 0, "port": port}


def translate(api: Any, vip: str, backend: str) -> None:
    """Translate TCP port 7000 of `vip` to that of `backend`."""
    paths = [{"dst_ep": endpoint(backend, 7000), "src_ep": endpoint("::", 0), "flags": 0}]
    service = {"vip": endpoint(vip, 7000), "id": 0, "ip_proto": 6, "is_real_ip": 0, "flags": 9, "lb_type": 0}
    reply = api.cnat_translation_update(translation={**service, "n_paths": 1, "flow_hash_config": 0, "paths": paths})
    assert reply.retval == 0


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodsAndOutside]:
    pods = PodsAndOutside(tmp_path_factory.mktemp("sim"))
    try:
        api = pods.simulator.api
        addresses = {"snat_ip4": NODE[4], "snat_ip6": NODE[6], "sw_if_index": INDEX_INVALID}
        assert api.cnat_set_snat_addresses_v2(fwd_fib_index=0, ret_fib_index=0, flags=6, **addresses).retval == 0
        assert api.cnat_set_snat_policy(policy=POLICY_K8S).retval == 0
        for prefix in EXCLUDED:
            assert api.cnat_snat_policy_add_del_exclude_pfx(is_add=1, prefix=prefix).retval == 0
        for interface in api.sw_interface_dump():
            index, is_pod = interface.sw_if_index, interface.interface_name.startswith("tun")
            assert api.feature_cnat_enable_disable(sw_if_index=index, enable_disable=True).retval == 0
            for table in (0, 1, POD_TABLE) if is_pod else ():
                assert api.cnat_snat_policy_add_del_if(sw_if_index=index, is_add=1, table=table).retval == 0
        translate(api, "10.96.0.10", "10.1.0.2")
        translate(api, "fd96::10", "fd00::2")
        translate(api, "10.96.0.11", "10.1.0.1")
        yield pods
    finally:
        pods.close()


def client_address_seen_by(server: Namespace, listening: str, client: Namespace, calling: str) -> str:
    """The client's address as the server sees it, after MEGABYTES have arrived."""
    tcp = transfer(server, listening, client, calling, MEGABYTES)
    assert tcp.sent == tcp.received
    return tcp.client


@pytest.mark.parametrize(
    ("vip", "backend", "client"), [("10.96.0.10", "10.1.0.2", "10.1.0.1"), ("fd96::10", "fd00::2", "fd00::1")]
)
def test_a_pod_reaches_a_pod_through_a_service(world: PodsAndOutside, vip: str, backend: str, client: str) -> None:
    assert client_address_seen_by(world.pods[1], backend, world.pods[0], vip) == client


def test_a_pod_reaches_itself_through_its_service(world: PodsAndOutside) -> None:
    assert client_address_seen_by(world.pods[0], "10.1.0.1", world.pods[0], "10.96.0.11") == NODE[4]


@pytest.mark.parametrize(("family", "outside"), [(4, "192.0.2.9"), (6, "2001:db8::9")])
def test_the_outside_sees_the_node_instead_of_the_pod(world: PodsAndOutside, family: int, outside: str) -> None:
    assert client_address_seen_by(world.outside, outside, world.pods[0], outside) == NODE[family]


def test_a_pod_pings_the_outside_as_the_node(world: PodsAndOutside) -> None:
    assert world.pods[0].pings("192.0.2.9")
    assert "ICMP [192.0.2.9;" in world.simulator.api.cli_inband(cmd="show cnat session").reply
