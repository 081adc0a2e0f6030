"""cnat's messages as a client sees them, on a running process."""

import signal
from collections.abc import Callable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from tests.unit.vppsim.process import Simulator
from tests.unit.vppsim.requests import INDEX_INVALID
from tests.waiting import until

ARCS = [("ip4-unicast", "cnat-lookup-ip4"), ("ip6-unicast", "cnat-input-ip6"), ("ip4-output", "cnat-writeback-ip4")]


@pytest.fixture
def vppsim(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path)
    simulator.start()
    yield simulator
    if simulator.alive:
        simulator.terminate()


def endpoint(address: str, port: int) -> dict[str, Any]:
    return {"addr": ip_address(address), "sw_if_index": INDEX_INVALID, "if_af": 0, "port": port}


def translation(vip: str, port: int, *backends: tuple[str, int], **more: int) -> dict[str, Any]:
    paths = [{"dst_ep": endpoint(*each), "src_ep": endpoint("::", 0), "flags": 0} for each in backends]
    fields = {"vip": endpoint(vip, port), "ip_proto": 17, "flags": 9, "lb_type": 0, "is_real_ip": 1, "id": 55}
    return {**fields, "n_paths": len(paths), "paths": paths, "flow_hash_config": 5, **more}


def test_a_translation_is_dumped_as_vpp_does(vppsim: Simulator) -> None:
    wanted = translation("10.96.0.10", 53, ("10.0.1.9", 53), ("10.0.2.9", 54), lb_type=1)
    made = vppsim.api.cnat_translation_update(translation=wanted)
    assert (made.retval, made.id) == (0, 0)
    (details,) = vppsim.api.cnat_translation_dump()
    seen = details.translation
    assert (str(seen.vip.addr), seen.vip.port, int(seen.ip_proto), int(seen.lb_type)) == ("10.96.0.10", 53, 17, 1)
    assert (seen.is_real_ip, seen.flags, int(seen.flow_hash_config)) == (0, 0, 0)
    ways = [(str(p.dst_ep.addr), p.dst_ep.port, str(p.src_ep.addr), p.flags) for p in seen.paths]
    assert ways == [("10.0.1.9", 53, "::", 4), ("10.0.2.9", 54, "::", 4)]
    assert "10.96.0.10;53 UDP lb:maglev fhc:0x5" in vppsim.api.cli_inband(cmd="show cnat translation").reply


def test_unknown_translations_and_interfaces_are_refused(vppsim: Simulator) -> None:
    assert vppsim.api.cnat_translation_del(id=7).retval == -6
    assert vppsim.api.feature_cnat_enable_disable(sw_if_index=77, enable_disable=True).retval == -2
    assert vppsim.api.cnat_snat_policy_add_del_if(sw_if_index=77, is_add=1, table=2).retval == -2


def test_source_nat_begins_with_its_addresses(vppsim: Simulator) -> None:
    api = vppsim.api
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
    known = api.cnat_get_snat_addresses()
    assert (str(known.snat_ip4), str(known.snat_ip6)) == ("10.0.2.1", "fd02::1")
    assert len(api.cnat_snat_addresses_dump()) == 1


def test_the_feature_is_counted(vppsim: Simulator) -> None:
    api = vppsim.api
    index = api.create_loopback().sw_if_index

    def is_on() -> list[bool]:
        asked = [{"arc_name": arc, "feature_name": name, "sw_if_index": index} for arc, name in ARCS]
        return [api.feature_is_enabled(**each).is_enabled for each in asked]

    def switch(on: bool) -> None:
        assert api.feature_cnat_enable_disable(sw_if_index=index, enable_disable=on).retval == 0

    assert is_on() == [False, False, True]  # VPP says yes for an interface that never had a feature on an output arc
    for on, seen in ((True, True), (True, True), (False, True), (False, False), (False, False)):
        switch(on)
        assert is_on() == [seen] * 3
    switch(True)
    api.delete_loopback(sw_if_index=index)
    assert api.create_loopback().sw_if_index == index
    assert is_on() == [False] * 3


def test_a_translation_without_paths_ends_the_process_as_it_ends_vpp(vppsim: Simulator) -> None:
    assert vppsim.api.show_version().retval == 0
    with pytest.raises(OSError, match="read failed"):
        vppsim.api.cnat_translation_update(translation=translation("10.96.0.10", 53))
    until(lambda: not vppsim.alive, "the process has ended")
    assert vppsim.kill() == -signal.SIGABRT


@pytest.mark.parametrize("stanza", ["session-max 99999999", "nonsense 1", "maglev-len many", "scanner maybe"])
def test_a_stanza_that_vpp_would_not_start_with_is_one_error(stanza: str, tmp_path: Path) -> None:
    simulator = Simulator(tmp_path)
    with simulator.config.open("a") as config:
        config.write(f"cnat {{ {stanza} }}\n")
    simulator.start()
    until(lambda: not simulator.alive, "the process has ended")
    assert simulator.log.count("bad_configuration") == 1
    assert stanza.split()[0] in simulator.log
