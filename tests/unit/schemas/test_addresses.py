"""Addresses as Kubernetes and Calico read them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.addresses import parse_interface_address, parse_ip_address, parse_ip_prefix


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("192.0.2.51", "192.0.2.51"),
        ("::ffff:192.0.2.51", "192.0.2.51"),
        ("::FFFF:c000:233", "192.0.2.51"),
        ("192.000.002.051", "192.0.2.51"),
        ("::ffff:192.0.2.051", "192.0.2.51"),
        ("2001:DB8:0::1", "2001:db8::1"),
        ("::192.0.2.51", "::c000:233"),
    ],
)
def test_an_ipv4_address_in_ipv6_s_dress_is_ipv4(text: str, address: str) -> None:
    assert str(parse_ip_address(text)) == address


@pytest.mark.parametrize(
    ("text", "interface", "prefix"),
    [
        ("192.0.2.51/24", "192.0.2.51/24", "192.0.2.0/24"),
        ("192.0.2.51", "192.0.2.51/32", "192.0.2.51/32"),
        ("::ffff:192.0.2.51/120", "192.0.2.51/24", "192.0.2.0/24"),
        ("::ffff:192.0.2.51", "192.0.2.51/32", "192.0.2.51/32"),
        ("::ffff:0.0.0.0/96", "0.0.0.0/0", "0.0.0.0/0"),
        ("010.000.000.000/08", "10.0.0.0/8", "10.0.0.0/8"),
        ("2001:db8::1/64", "2001:db8::1/64", "2001:db8::/64"),
    ],
)
def test_so_are_its_prefixes(text: str, interface: str, prefix: str) -> None:
    assert (str(parse_interface_address(text)), str(parse_ip_prefix(text))) == (interface, prefix)


def test_a_prefix_that_holds_more_than_ipv4_s_addresses_is_ipv6() -> None:
    assert str(parse_ip_prefix("::ffff:192.0.2.0/64")) == "::/64"


@pytest.mark.parametrize(
    "text", ["", "x", "fe80::1%eth0", "1.2.3", "1.2.3.256", "1..2.3", "0.0.0.", "²", "::ffff:1.2.3"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    for read in (parse_ip_address, parse_interface_address, parse_ip_prefix):
        with pytest.raises(ValueError):  # noqa: PT011 - any text of it will do
            read(text)


@given(st.ip_addresses(v=4), st.integers(0, 32))
def test_every_ipv4_prefix_is_the_same_in_both_dresses(address: object, bits: int) -> None:
    assert parse_ip_prefix(f"::ffff:{address}/{96 + bits}") == parse_ip_prefix(f"{address}/{bits}")


@given(st.text(st.characters(codec="ascii"), max_size=20))
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    for read in (parse_ip_address, parse_interface_address, parse_ip_prefix):
        try:
            assert read(text) == read(str(read(text)))
        except ValueError:
            continue
