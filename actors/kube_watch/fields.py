"""Checked reading of a JSON object: a field has the right type, or one error names object and field. Pure."""

import ipaddress
from typing import Any

import msgspec

from actors.kube_watch.watching import Object

ASN_MAX = 2**32 - 1
PORT_MAX = 2**16 - 1


class Malformed(Exception):
    """An object of the API is not what it should be."""

    def __init__(self, object: str, field: str, why: str) -> None:
        super().__init__(f"{object}: {field}: {why}")
        self.object, self.field, self.why = object, field, why


class Fields:
    """One level of an object. An absent field and a null one are the same: None."""

    def __init__(self, object: str, path: str, values: Object) -> None:
        self.object, self._path, self._values = object, path, values

    def wrong(self, field: str, why: str) -> Malformed:
        """The error to raise about a field of this level."""
        return Malformed(self.object, f"{self._path}.{field}" if self._path else field, why)

    def value(self, field: str, expected: type | tuple[type, ...], what: str) -> Any:
        """A value of the expected JSON type, or None. JSON's true is not a number here."""
        value = self._values.get(field)
        if value is None:
            return None
        kinds = expected if isinstance(expected, tuple) else (expected,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.wrong(field, f"expected {what}, got {shorten(value)}")
        return value

    def within(self, field: str) -> "Fields":
        """The next level; an absent one is empty."""
        path = f"{self._path}.{field}" if self._path else field
        return Fields(self.object, path, self.value(field, dict, "an object") or {})

    def text(self, field: str) -> str | None:
        """Text; "" counts as absent."""
        text: str | None = self.value(field, str, "text")
        return text or None

    def required_text(self, field: str) -> str:
        """Text that has to be there."""
        text = self.text(field)
        if text is None:
            raise self.wrong(field, "missing")
        return text

    def truth(self, field: str) -> bool | None:
        """true or false."""
        truth: bool | None = self.value(field, bool, "true or false")
        return truth

    def port(self, field: str) -> int | None:
        """A TCP or UDP port."""
        port: int | None = self.value(field, int, "a port number")
        if port is not None and not 0 < port <= PORT_MAX:
            raise self.wrong(field, f"not a port: {port}")
        return port

    def choice(self, field: str, choices: tuple[str, ...]) -> str | None:
        """One of a few words."""
        word = self.text(field)
        if word is not None and word not in choices:
            raise self.wrong(field, f"expected one of {', '.join(choices)}, got {shorten(word)}")
        return word

    def texts(self, field: str) -> dict[str, str]:
        """A map of text to text."""
        return self.within(field).all_texts()

    def all_texts(self) -> dict[str, str]:
        """This whole level as a map of text to text."""
        for key, value in self._values.items():
            if not isinstance(value, str):
                raise self.wrong(key, f"expected text, got {shorten(value)}")
        return dict(self._values)

    def asn(self, field: str) -> int | None:
        """An AS number: a number, or text in plain or dotted notation (RFC 5396 asdot)."""
        value = self.value(field, (int, str), "an AS number")
        if value is None or value == "":
            return None
        number = value if isinstance(value, int) else asn_of(value)
        if number is None or not 0 < number <= ASN_MAX:
            raise self.wrong(field, f"not an AS number: {shorten(value)}")
        return number

    def interface_address(self, field: str, version: int) -> str | None:
        """Address with mask, host bits kept; without a mask it is a host's own."""
        text = self.text(field)
        if text is None:
            return None
        try:
            address = ipaddress.ip_interface(text)
        except ValueError:
            raise self.wrong(field, f"not an address: {shorten(text)}") from None
        if address.version != version or "%" in text:
            raise self.wrong(field, f"not an IPv{version} address: {shorten(text)}")
        return address.with_prefixlen

    def prefix(self, field: str) -> str:
        """An address prefix that has to be there, host bits cleared."""
        text = self.required_text(field)
        try:
            return str(ipaddress.ip_network(text, strict=False))
        except ValueError:
            raise self.wrong(field, f"not a prefix: {shorten(text)}") from None

    def prefixes(self, field: str) -> tuple[str, ...]:
        """A list of objects with a `cidr` each (Calico's ServiceExternalIPBlock and its like)."""
        found = []
        for number, item in enumerate(self.value(field, list, "a list") or []):
            if not isinstance(item, dict):
                raise self.wrong(f"{field}[{number}]", f"expected an object, got {shorten(item)}")
            path = f"{self._path}.{field}[{number}]"
            found.append(Fields(self.object, path, item).prefix("cidr"))
        return tuple(found)

    def json(self, field: str) -> "Fields":
        """An object that is written as JSON text in this field (annotations)."""
        text = self.text(field)
        if text is None:
            return Fields(self.object, self._path, {})
        try:
            value = msgspec.json.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self.wrong(field, f"not JSON: {error}") from None
        return Fields(self.object, self._path, {field: value}).within(field)


def asn_of(text: str) -> int | None:
    """The number that plain or dotted text means; None when it means none."""
    halves = text.split(".")
    if len(halves) > 2 or not all(half.isascii() and half.isdigit() and len(half) <= 10 for half in halves):
        return None
    if len(halves) == 1:
        return int(text)
    high, low = (int(half) for half in halves)
    return (high << 16) + low if max(high, low) < 2**16 else None


def shorten(value: object) -> str:
    """A value as an error message shows it."""
    shown = repr(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}..."
