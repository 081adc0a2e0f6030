"""cnat's messages as a client sees them, on a running process."""

import signal
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.processes.vppsim.process import Simulator
from tests.processes.vppsim.requests import INDEX_INVALID
from tests.waiting import until

ARCS = [("ip4-unicast", "cnat-lookup-ip4"), ("ip6-unicast", "cnat-input-ip6"), ("ip4-output", "cnat-writeback-ip4")]


def endpoint(address: str, port: int) -> dict[str, Any]:
    return {"addr": ip_address(address), "sw_if_index": INDEX_INVALID, "if_af": 0, "port": port}


def translation(vip: str, port: int, *backends: tuple[str, int], **more: int) -> dict[str, Any]:
    paths = [{"dst_ep": endpoint(*backend), "src_ep": endpoint("::", 0), "flags": 0} for backend in backends]
    fields = {"vip": endpoint(vip, port), "ip_proto": 17, "flags": 9, "lb_type": 0, "is_real_ip": 1, "id": 55}
    return {**fields, "n_paths": len(paths), "paths": paths, "flow_hash_config": 5, **more}


def test_a_translation_is_dumped_as_vpp_does(simulator: Simulator) -> None:
    service = translation("10.96.0.10", 53, ("10.0.1.9", 53), ("10.0.2.9", 54), lb_type=1)
    reply = simulator.api.cnat_translation_update(translation=service)
    assert (reply.retval, reply.id) == (0, 0)
    (details,) = simulator.api.cnat_translation_dump()
    dumped = details.translation
    assert (str(dumped.vip.addr), dumped.vip.port, int(dumped.ip_proto), int(dumped.lb_type)) == (
        "10.96.0.10",
        53,
        17,
        1,
    )
    assert (dumped.is_real_ip, dumped.flags, int(dumped.flow_hash_config)) == (0, 0, 0)
    backends = [(str(p.dst_ep.addr), p.dst_ep.port, str(p.src_ep.addr), p.flags) for p in dumped.paths]
    assert backends == [("10.0.1.9", 53, "::", 4), ("10.0.2.9", 54, "::", 4)]
    assert "10.96.0.10;53 UDP lb:maglev fhc:0x5" in simulator.api.cli_inband(cmd="show cnat translation").reply


def test_unknown_translations_and_interfaces_are_refused(simulator: Simulator) -> None:
    assert simulator.api.cnat_translation_del(id=7).retval == -6
    assert simulator.api.feature_cnat_enable_disable(sw_if_index=77, enable_disable=True).retval == -2
    assert simulator.api.cnat_snat_policy_add_del_if(sw_if_index=77, is_add=1, table=2).retval == -2


def test_source_nat_begins_with_its_addresses(simulator: Simulator) -> None:
    api = simulator.api
    calls: list[Callable[[], Any]] = [
        lambda: api.cnat_set_snat_policy(policy=2).retval,
        lambda: api.cnat_snat_policy_add_del_if(sw_if_index=0, is_add=1, table=2).retval,
        lambda: api.cnat_snat_policy_add_del_exclude_pfx(is_add=1, prefix="10.0.0.0/8").retval,
        lambda: api.cnat_get_snat_addresses().retval,
    ]
    assert [call() for call in calls] == [-30] * 4
    addresses = {"snat_ip4": "10.0.2.1", "snat_ip6": "fd02::1", "sw_if_index": INDEX_INVALID}
    assert api.cnat_set_snat_addresses_v2(fwd_fib_index=0, ret_fib_index=0, flags=6, **addresses).retval == 0
    assert [call() for call in calls] == [0] * 4
    stored = api.cnat_get_snat_addresses()
    assert (str(stored.snat_ip4), str(stored.snat_ip6)) == ("10.0.2.1", "fd02::1")
    assert len(api.cnat_snat_addresses_dump()) == 1


def test_the_feature_is_counted(simulator: Simulator) -> None:
    api = simulator.api
    index = api.create_loopback().sw_if_index

    def is_on() -> list[bool]:
        features = [{"arc_name": arc, "feature_name": name, "sw_if_index": index} for arc, name in ARCS]
        return [api.feature_is_enabled(**feature).is_enabled for feature in features]

    def switch(on: bool) -> None:
        assert api.feature_cnat_enable_disable(sw_if_index=index, enable_disable=on).retval == 0

    assert is_on() == [False, False, True]  # VPP says yes for an interface that never had a feature on an output arc
    for on, expected in ((True, True), (True, True), (False, True), (False, False), (False, False)):
        switch(on)
        assert is_on() == [expected] * 3
    switch(True)
    api.delete_loopback(sw_if_index=index)
    assert api.create_loopback().sw_if_index == index
    assert is_on() == [False] * 3


def test_a_translation_without_paths_ends_the_process_as_it_ends_vpp(simulator: Simulator) -> None:
    assert simulator.api.show_version().retval == 0
    with pytest.raises(OSError, match="read failed"):
        simulator.api.cnat_translation_update(translation=translation("10.96.0.10", 53))
    until(lambda: not simulator.alive, "the process has ended")
    assert simulator.kill() == -signal.SIGABRT


@pytest.mark.parametrize("stanza", ["session-max 99999999", "nonsense 1", "maglev-len many", "scanner maybe"])
def test_a_stanza_that_vpp_would_not_start_with_is_one_error(stanza: str, tmp_path: Path) -> None:
    simulator = Simulator(tmp_path)
    with simulator.config.open("a") as config:
        config.write(f"cnat {{ {stanza} }}\n")
    simulator.start()
    until(lambda: not simulator.alive, "the process has ended")
    assert simulator.log.count("bad_configuration") == 1
    assert stanza.split()[0] in simulator.log
