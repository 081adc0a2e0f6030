"""What VPP's cnat answers, refuses and dumps; packets are compared in tests/unit/vppsim with what VPP did."""

from collections.abc import Callable
from ipaddress import ip_address
from typing import Any

import pytest

from tests.processes.vppsim.requests import INDEX_INVALID

FLAGS = 6


def endpoint(address: str, port: int) -> dict[str, Any]:
    return {"addr": ip_address(address), "sw_if_index": INDEX_INVALID, "if_af": 0, "port": port}


def update(api: Any, vip: str, *backends: tuple[str, int, int], **more: int) -> int:
    """Create or change the UDP translation of port 53 of `vip`; backends are (address, port, flags). Returns its id."""
    paths = [{"dst_ep": endpoint(a, p), "src_ep": endpoint("::", 0), "flags": f} for a, p, f in backends]
    fields = {"vip": endpoint(vip, 53), "id": 0, "ip_proto": 17, "is_real_ip": 0, "flags": 9, "lb_type": 0}
    translation = {**fields, "n_paths": len(paths), "flow_hash_config": 0, "paths": paths, **more}
    reply = api.cnat_translation_update(translation=translation)
    assert reply.retval == 0
    return int(reply.id)


def dumped(api: Any) -> dict[int, list[tuple[str, int, int]]]:
    """Paths by id: address, port, flags."""
    translations = [details.translation for details in api.cnat_translation_dump()]
    return {t.id: [(str(p.dst_ep.addr), p.dst_ep.port, p.flags) for p in t.paths] for t in translations}


def source_nat(api: Any, ip4: str = "0.0.0.0", ip6: str = "::") -> int:
    fields = {"fwd_fib_index": 0, "ret_fib_index": 0, "snat_ip4": ip4, "snat_ip6": ip6, "sw_if_index": INDEX_INVALID}
    retval: int = api.cnat_set_snat_addresses_v2(flags=FLAGS, **fields).retval
    return retval


def included(api: Any, index: int, table: int, is_add: int = 1) -> int:
    retval: int = api.cnat_snat_policy_add_del_if(sw_if_index=index, is_add=is_add, table=table).retval
    return retval


def test_ids_stay_with_their_translation_and_are_given_again(api: Any) -> None:
    backends = [("10.0.0.1", 53, 0)]
    assert [update(api, f"10.96.0.{n}", *backends) for n in (1, 2, 1)] == [0, 1, 0]
    assert [api.cnat_translation_del(id=0).retval for _ in range(2)] == [0, -6]
    assert update(api, "10.96.0.3", *backends) == 0


def test_an_update_keeps_the_flags_of_kept_paths_and_takes_the_order_given(api: Any) -> None:
    update(api, "10.96.0.1", ("10.0.0.1", 1, 0), ("10.0.0.2", 2, 2))
    assert dumped(api) == {0: [("10.0.0.1", 1, 4), ("10.0.0.2", 2, 6)]}
    update(api, "10.96.0.1", ("10.0.0.2", 2, 0), ("10.0.0.3", 3, 0), ("10.0.0.1", 1, 2))
    assert dumped(api) == {0: [("10.0.0.2", 2, 6), ("10.0.0.3", 3, 4), ("10.0.0.1", 1, 4)]}


def test_how_a_translation_balances_is_decided_when_it_is_created(api: Any) -> None:
    update(api, "10.96.0.1", ("10.0.0.1", 1, 0))
    update(api, "10.96.0.1", ("10.0.0.1", 1, 0), lb_type=1)
    (details,) = api.cnat_translation_dump()
    assert int(details.translation.lb_type) == 0


def test_a_purge_takes_translations_too(api: Any) -> None:
    update(api, "10.96.0.1", ("10.0.0.1", 1, 0))
    assert api.cnat_session_purge().retval == 0
    assert dumped(api) == {}


def test_source_nat_is_refused_before_its_addresses_and_keeps_them(api: Any) -> None:
    calls: list[Callable[[], int]] = [
        lambda: source_nat(api),
        lambda: api.cnat_set_snat_policy(policy=2).retval,
        lambda: included(api, 0, 2),
        lambda: included(api, 0, 2, is_add=0),
        lambda: api.cnat_snat_policy_add_del_exclude_pfx(is_add=0, prefix="10.0.0.0/8").retval,
        lambda: api.cnat_get_snat_addresses().retval,
    ]
    assert [call() for call in calls] == [-30] * 6
    assert source_nat(api, "10.0.0.1") == 0
    assert source_nat(api, ip6="fd00::1") == 0
    addresses = api.cnat_get_snat_addresses()
    assert (str(addresses.snat_ip4), str(addresses.snat_ip6), addresses.sw_if_index) == (
        "10.0.0.1",
        "fd00::1",
        INDEX_INVALID,
    )
    assert [call() for call in calls[1:]] == [0] * 5


def test_what_source_nat_does_not_know_is_invalid(api: Any) -> None:
    assert (included(api, 77, 9), included(api, 0, 9)) == (-2, -7)
    source_nat(api, "10.0.0.1")
    assert [api.cnat_set_snat_policy(policy=number).retval for number in (3, 4, 5)] == [0, 0, -7]


def test_deleted_source_nat_still_answers_with_its_addresses(api: Any) -> None:
    source_nat(api, "10.0.0.1")
    assert source_nat(api) == 0
    assert str(api.cnat_get_snat_addresses().snat_ip4) == "10.0.0.1"
    assert api.cnat_snat_addresses_dump() == []


@pytest.mark.parametrize(("arc", "feature"), [("no-such-arc", "cnat-lookup-ip4"), ("ip4-unicast", "no-such-feature")])
def test_unknown_arcs_and_features_count_as_enabled(api: Any, arc: str, feature: str) -> None:
    assert api.feature_is_enabled(arc_name=arc, feature_name=feature, sw_if_index=0).is_enabled is True


def test_the_feature_is_counted_and_goes_with_its_interface(api: Any) -> None:
    index = api.create_loopback().sw_if_index
    feature = {"arc_name": "ip4-unicast", "feature_name": "cnat-lookup-ip4", "sw_if_index": index}
    states = [api.feature_is_enabled(**feature).is_enabled]
    for on in (True, True, False, False, False):
        assert api.feature_cnat_enable_disable(sw_if_index=index, enable_disable=on).retval == 0
        states.append(api.feature_is_enabled(**feature).is_enabled)
    assert states == [False, True, True, True, False, False]
    api.feature_cnat_enable_disable(sw_if_index=index, enable_disable=True)
    api.delete_loopback(sw_if_index=index)
    assert api.create_loopback().sw_if_index == index
    assert api.feature_is_enabled(**feature).is_enabled is False
    assert api.feature_cnat_enable_disable(sw_if_index=77, enable_disable=True).retval == -2
