"""Checks of an intent's fields, and what they mean to VPP: an address, a name, a number. Each raises IntentRejected."""

from ipaddress import IPv4Interface, IPv6Interface, ip_address, ip_interface, ip_network

from actors.vpp_writer.kinds.call import IntentRejected
from actors.vpp_writer.kinds.wire import vpp_call_address_parts, vpp_call_prefix_bytes


def checked_interface_address(field: str, text: str) -> IPv4Interface | IPv6Interface:
    """The address with its mask. Raises IntentRejected."""
    try:
        return ip_interface(text)
    except ValueError as error:
        raise IntentRejected(f"{field}: {error}") from None


def checked_address_version(field: str, text: str) -> int:
    """4 or 6. Raises IntentRejected for what is not an address."""
    try:
        return 6 if vpp_call_address_parts(text)[0] else 4
    except OSError:
        pass
    try:
        return ip_address(text).version
    except ValueError as error:
        raise IntentRejected(f"{field}: {error}") from None


def checked_prefix_version(field: str, text: str) -> int:
    """4 or 6. Raises IntentRejected for what is not a prefix, host bits included."""
    try:
        return 6 if vpp_call_prefix_bytes(text)[0] else 4
    except (ValueError, OSError):
        return _version_of_prefix(field, text)


def packed_vpp_prefix(field: str, text: str) -> bytes:
    """VPP's prefix (ip_types.api) of an address and its length. Raises IntentRejected as `checked_prefix_version`."""
    try:
        return vpp_call_prefix_bytes(text)
    except (ValueError, OSError):
        _version_of_prefix(field, text)
        raise IntentRejected(f"{field}: {text} is not an address, a slash and a length") from None


def _version_of_prefix(field: str, text: str) -> int:
    """4 or 6; slower than `vpp_call_prefix_bytes`, with the standard library's errors. Raises IntentRejected."""
    try:
        return ip_network(text).version
    except ValueError as error:
        raise IntentRejected(f"{field}: {error}") from None


def check_intent_range(field: str, value: int, low: int, high: int) -> None:
    """Raises IntentRejected unless low <= value <= high."""
    if not low <= value <= high:
        raise IntentRejected(f"{field}: {value} outside {low} to {high}")


def check_intent_text(field: str, text: str, limit: int) -> None:
    """Raises IntentRejected for an empty text, one of more than `limit` bytes, or one that VPP would not give back."""
    if not 1 <= len(text) <= limit or not text.isascii() or not text.isprintable():
        raise IntentRejected(f"{field}: {text!r}: 1 to {limit} printable ASCII characters")


def check_intent_mac(field: str, text: str) -> None:
    """Raises IntentRejected for what is not the MAC address of one interface."""
    octets = text.split(":")
    if len(octets) != 6 or any(len(o) != 2 or not set(o) <= set("0123456789abcdefABCDEF") for o in octets):
        raise IntentRejected(f"{field}: {text!r} is not a MAC address")
    if int(octets[0], 16) & 1:
        raise IntentRejected(f"{field}: {text} is a group address")


def checked_ip_version(value: int) -> None:
    """Raises IntentRejected unless 4 or 6."""
    if value not in (4, 6):
        raise IntentRejected(f"ip_version: {value} is not 4 or 6")


def vpp_address_family(version: int) -> int:
    """VPP's address_family (ip_types.api): ADDRESS_IP4 0, ADDRESS_IP6 1."""
    return 0 if version == 4 else 1
