"""What the compiled packers make is what vpp_papi makes, for every request and any values."""

import json
from ipaddress import ip_address, ip_interface, ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from vpp_papi import vpp_serializer as papi

from actors.vpp_writer.kinds import vpp_request_names
from actors.vpp_writer.kinds.wire import VppCallTemplate, vpp_call_prefix_bytes
from actors.vpp_writer.vpp.definitions import VppApiDefinitions
from actors.vpp_writer.vpp.packing import HEAD, compile_vpp_packer
from tools.vppsim.api.catalogue import Catalogue
from tools.vppsim.api.unions import UnionMember

RDMA = Path(__file__).with_name("rdma.api.json")  # of VPP 26.10, by its vppapigen: the stand-in has no such plugin
DEFINITIONS = VppApiDefinitions(vpp_request_names(), Path("/nonexistent"))
MESSAGES = DEFINITIONS.parse(json.dumps([*json.loads(Catalogue().json), json.loads(RDMA.read_text())]))
REQUESTS = sorted(DEFINITIONS.requests)
INTEGERS = {"u8": 8, "u16": 16, "u32": 32, "u64": 64}
TEXTS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=40)
PLACES = {
    "vl_api_address_t": st.ip_addresses(),
    "vl_api_prefix_t": st.builds(
        lambda a, n: ip_network((a, n % (a.max_prefixlen + 1)), strict=False), st.ip_addresses(), st.integers(0, 128)
    ),
    "vl_api_address_with_prefix_t": st.builds(
        lambda a, n: ip_interface((a, n % (a.max_prefixlen + 1))), st.ip_addresses(), st.integers(0, 128)
    ),
    "vl_api_ip4_address_t": st.ip_addresses(v=4),
    "vl_api_ip6_address_t": st.ip_addresses(v=6),
    "vl_api_mac_address_t": st.binary(min_size=6, max_size=6).map(lambda mac: mac.hex(":")),
}


def values(packer: Any) -> st.SearchStrategy[Any]:
    """Values that a field may have, as texts where the writer gives texts."""
    if packer is None:
        return st.none()
    if getattr(packer, "name", "") in PLACES:
        return PLACES[packer.name].map(str)
    match packer:
        case papi.BaseTypes() if packer._type == "bool":
            return st.booleans()
        case papi.BaseTypes() if packer._type in INTEGERS:
            return st.integers(0, 2 ** INTEGERS[packer._type] - 1)
        case papi.BaseTypes() if packer._type.startswith("i"):
            return st.integers(-(2 ** (packer.size * 8 - 1)), 2 ** (packer.size * 8 - 1) - 1)
        case papi.VPPEnumType():
            return st.integers(0, 2 ** (packer.size * 8) - 1)
        case papi.VPPTypeAlias():
            return values(packer.packer)
        case papi.FixedList_u8():
            return st.binary(max_size=packer.num)
        case papi.FixedList():
            return st.lists(values(packer.packer), min_size=packer.num, max_size=packer.num)
        case papi.String():
            return TEXTS.map(lambda text: text[: (packer.limit or 41) - 1])
        case UnionMember():  # what the stand-in makes of unions
            return values(packer._packer)
        case papi.VPPUnionType():
            return st.one_of([st.fixed_dictionaries({name: values(arm)}) for name, arm in packer.packers.items()])
        case papi.VPPType():
            return structure(packer, packer.fields)
    raise AssertionError(f"no values for {packer}")


def has_fixed_list(packer: Any) -> bool:
    """Then it may not be missing: vpp_papi has no zero for it."""
    if isinstance(packer, papi.VPPType):
        return any(map(has_fixed_list, packer.packers))
    return isinstance(packer, papi.FixedList)


@st.composite
def structure(draw: Any, packer: Any, fields: list[str]) -> dict[str, Any]:
    """A structure whose lists are as long as it says; fields may be missing where that means zero."""
    packed: dict[str, Any] = {}
    for name in fields:
        element = packer.packers[packer.fields.index(name)]
        if isinstance(element, papi.VLAList):
            elements = (
                draw(st.binary(max_size=5))
                if element.field_type == "u8"
                else draw(st.lists(values(element.packer), max_size=3))
            )
            packed[name], packed[element.length_field] = elements, len(elements)
        elif has_fixed_list(element) or draw(st.integers(0, 9)):
            packed[name] = draw(values(element))
    return packed


def by_papi(message: Any, fields: dict[str, Any]) -> bytes:
    head = sum(message.packers[message.fields.index(name)].size for name in HEAD if name in message.fields)
    return bytes(message.pack({**fields, "_vl_msg_id": 0, "client_index": 0, "context": 0})[head:])


@pytest.mark.parametrize("name", REQUESTS)
@given(data=st.data())
def test_the_bytes_are_those_of_vpp_papi(name: str, data: st.DataObject) -> None:
    message = MESSAGES[name]
    fields = data.draw(structure(message, [field for field in message.fields if field not in HEAD]))
    assert compile_vpp_packer(message)(fields) == by_papi(message, fields)


@pytest.mark.parametrize("name", REQUESTS)
def test_without_any_field_all_is_zero_or_its_default(name: str) -> None:
    message = MESSAGES[name]
    try:
        expected = by_papi(message, {})
    except ValueError:
        return  # vpp_papi has no zero for fixed lists
    assert compile_vpp_packer(message)({}) == expected


ROUTE = MESSAGES["ip_route_add_del"]
NO_LABELS = [{"ttl": 0, "label": 0, "exp": 0}] * 16
PATH = {"sw_if_index": 5, "weight": 1, "proto": 0, "nh": {"address": {"ip4": "10.0.0.1"}}}


def route(**fields: Any) -> dict[str, Any]:
    return {"is_add": True, "route": {"table_id": 2, "prefix": "10.1.2.0/24", **fields}}


def test_a_missing_fixed_list_is_zeros() -> None:
    whole = route(n_paths=1, paths=[{**PATH, "label_stack": NO_LABELS}])
    assert compile_vpp_packer(ROUTE)(route(n_paths=1, paths=[PATH])) == by_papi(ROUTE, whole)


@example("0.0.0.0/0")
@example("255.255.255.255/32")
@example("::/0")
@given(PLACES["vl_api_prefix_t"].map(str))
def test_calls_that_differ_in_their_prefix_alone_are_stamped(prefix: str) -> None:
    paths = [{**PATH, "label_stack": NO_LABELS}]

    def packed(text: str) -> bytes:
        return compile_vpp_packer(ROUTE)(route(table_id=2, n_paths=1, paths=paths, prefix=text))

    assert VppCallTemplate(packed).packed(vpp_call_prefix_bytes(prefix)) == by_papi(
        ROUTE, route(n_paths=1, paths=paths, prefix=prefix)
    )


@pytest.mark.parametrize("text", ["10.0.0.1/24", "fd00::1/64", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "", "/", "a/24"])
def test_what_is_no_prefix_has_no_bytes(text: str) -> None:
    with pytest.raises((ValueError, OSError)):
        vpp_call_prefix_bytes(text)


@pytest.mark.parametrize(
    "place",
    ["10.1.2.3/24", ip_network("10.1.2.0/24"), {"address": {"af": 0, "un": {"ip4": b"\x0a\x01\x02\x03"}}, "len": 24}],
)
def test_a_place_may_be_told_as_text_object_or_structure(place: Any) -> None:
    fields = {"route": {"prefix": place}}
    assert compile_vpp_packer(ROUTE)(fields) == by_papi(ROUTE, fields)
    assert str(ip_address("10.1.2.3")) == "10.1.2.3"


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        (route(n_paths=2, paths=[{**PATH, "label_stack": NO_LABELS}]), "paths"),
        ({"route": {"prefix": "10.1.2.300/24"}}, "prefix"),
        ({"route": {"table_id": 2**32}}, "table_id"),
    ],
)
def test_what_cannot_be_packed_is_refused_by_field(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(ValueError, match="Exception while packing") as refused:
        compile_vpp_packer(ROUTE)(fields)
    inner: BaseException | None = refused.value
    texts = []
    while inner is not None:
        texts.append(str(inner))
        inner = inner.__cause__
    assert any(field in text for text in texts)
