"""Addresses of a node are written to Calico where nobody else does, and nowhere else."""

import pytest

from actors.kube_watch.node_addresses import IPV4_ANNOTATION as FOUR
from actors.kube_watch.node_addresses import IPV6_ANNOTATION as SIX
from actors.kube_watch.node_addresses import addresses_to_write

UPLINK = ("fe80::1/64", "192.0.2.1/24", "192.0.2.9/24", "2001:db8::1/64")
POOLS = ("10.48.0.0/16", "fd48::/112")


@pytest.mark.parametrize(
    ("uplink", "annotated", "pools", "earlier", "wanted"),
    [
        pytest.param(UPLINK, {}, POOLS, UPLINK, {FOUR: "192.0.2.1/24", SIX: "2001:db8::1/64"}, id="nothing is there"),
        pytest.param(UPLINK, {}, POOLS[:1], UPLINK, {FOUR: "192.0.2.1/24"}, id="no IPv6 pool"),
        pytest.param(UPLINK, {}, (), UPLINK, {}, id="no pools yet"),
        pytest.param((), {}, POOLS, UPLINK, {}, id="no address"),
        pytest.param(("fe80::1/64",), {}, POOLS, (), {}, id="a link-local address is none"),
        pytest.param(UPLINK, {FOUR: "192.0.2.9/24", SIX: "2001:db8::1"}, POOLS, UPLINK, {}, id="they are there"),
        pytest.param(UPLINK, {FOUR: "198.51.100.1/24"}, POOLS[:1], UPLINK, {}, id="another NIC's stays"),
        pytest.param(UPLINK, {FOUR: "nonsense"}, POOLS[:1], UPLINK, {FOUR: "192.0.2.1/24"}, id="what is no address"),
        pytest.param(
            UPLINK[1:2], {FOUR: "192.0.2.7/24"}, POOLS[:1], (*UPLINK, "192.0.2.7/24"), {FOUR: "192.0.2.1/24"},
            id="what the uplink had before",
        ),
    ],
)  # fmt: skip
def test_what_is_written(
    uplink: tuple[str, ...],
    annotated: dict[str, str],
    pools: tuple[str, ...],
    earlier: tuple[str, ...],
    wanted: dict[str, str],
) -> None:
    assert addresses_to_write(uplink, annotated, pools, earlier) == wanted
