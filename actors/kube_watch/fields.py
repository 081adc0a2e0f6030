"""Checked reading of a JSON object: a field has the right type, or one error names object and field. Pure."""

from typing import Any

import msgspec

from actors.kube_watch.list_watch import KubeJsonObject
from schemas.addresses import parse_interface_address, parse_ip_prefix

_ASN_MAX = 2**32 - 1
_PORT_MAX = 2**16 - 1


class MalformedKubeObject(Exception):
    """An object of the API cannot be read; the text names object and field."""

    def __init__(self, subject: str, field: str, why: str) -> None:
        super().__init__(f"{subject}: {field}: {why}")
        self.subject, self.field, self.why = subject, field, why


class KubernetesFields:
    """One level of an object. `subject`: its kind and name. A field that is absent or null is None."""

    def __init__(self, subject: str, path: str, values: KubeJsonObject) -> None:
        self.subject, self._path, self._values = subject, path, values

    def wrong(self, field: str, why: str) -> MalformedKubeObject:
        """The error to raise about a field of this level."""
        return MalformedKubeObject(self.subject, f"{self._path}.{field}" if self._path else field, why)

    def value(self, field: str, expected: type | tuple[type, ...], description: str) -> Any:
        """A value of the expected JSON type, or None. JSON's true is not a number here."""
        value = self._values.get(field)
        if value is None:
            return None
        kinds = expected if isinstance(expected, tuple) else (expected,)
        if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
            raise self.wrong(field, f"expected {description}, got {shorten_kube_text(value)}")
        return value

    def within(self, field: str) -> "KubernetesFields":
        """The next level; an absent one is empty."""
        path = f"{self._path}.{field}" if self._path else field
        return KubernetesFields(self.subject, path, self.value(field, dict, "an object") or {})

    def text(self, field: str) -> str | None:
        """Text; "" counts as absent."""
        text: str | None = self.value(field, str, "text")
        return text or None

    def required_text(self, field: str) -> str:
        """Text; an absent one is an error."""
        text = self.text(field)
        if text is None:
            raise self.wrong(field, "missing")
        return text

    def boolean(self, field: str) -> bool | None:
        """true or false."""
        value: bool | None = self.value(field, bool, "true or false")
        return value

    def port(self, field: str) -> int | None:
        """A TCP or UDP port."""
        port: int | None = self.value(field, int, "a port number")
        if port is not None and not 0 < port <= _PORT_MAX:
            raise self.wrong(field, f"not a port: {port}")
        return port

    def choice(self, field: str, choices: tuple[str, ...]) -> str | None:
        """One of a few words."""
        word = self.text(field)
        if word is not None and word not in choices:
            raise self.wrong(field, f"expected one of {', '.join(choices)}, got {shorten_kube_text(word)}")
        return word

    def texts(self, field: str) -> dict[str, str]:
        """A map of text to text."""
        return self.within(field).all_texts()

    def all_texts(self) -> dict[str, str]:
        """This whole level as a map of text to text."""
        for key, value in self._values.items():
            if not isinstance(value, str):
                raise self.wrong(key, f"expected text, got {shorten_kube_text(value)}")
        return dict(self._values)

    def asn(self, field: str) -> int | None:
        """An AS number: a number, or text in plain or dotted notation (RFC 5396 asdot)."""
        value = self.value(field, (int, str), "an AS number")
        if value is None or value == "":
            return None
        number = value if isinstance(value, int) else _parse_asn(value)
        if number is None or not 0 < number <= _ASN_MAX:
            raise self.wrong(field, f"not an AS number: {shorten_kube_text(value)}")
        return number

    def interface_address(self, field: str, version: int) -> str | None:
        """Address with mask, host bits kept; without a mask it is a host address."""
        text = self.text(field)
        if text is None:
            return None
        try:
            address = parse_interface_address(text)
        except ValueError:
            raise self.wrong(field, f"not an address: {shorten_kube_text(text)}") from None
        if address.version != version:
            raise self.wrong(field, f"not an IPv{version} address: {shorten_kube_text(text)}")
        return address.with_prefixlen

    def prefix(self, field: str) -> str:
        """An address prefix, host bits cleared; an absent one is an error."""
        text = self.required_text(field)
        try:
            return str(parse_ip_prefix(text))
        except ValueError:
            raise self.wrong(field, f"not a prefix: {shorten_kube_text(text)}") from None

    def prefixes(self, field: str) -> tuple[str, ...]:
        """A list of objects with a `cidr` each, e.g. Calico's ServiceExternalIPBlock."""
        prefixes = []
        for number, item in enumerate(self.value(field, list, "a list") or []):
            if not isinstance(item, dict):
                raise self.wrong(f"{field}[{number}]", f"expected an object, got {shorten_kube_text(item)}")
            path = f"{self._path}.{field}[{number}]"
            prefixes.append(KubernetesFields(self.subject, path, item).prefix("cidr"))
        return tuple(prefixes)

    def json(self, field: str) -> "KubernetesFields":
        """An object that is written as JSON text in this field (annotations)."""
        text = self.text(field)
        if text is None:
            return KubernetesFields(self.subject, self._path, {})
        try:
            value = msgspec.json.decode(text)
        except (msgspec.MsgspecError, ValueError, RecursionError) as error:
            raise self.wrong(field, f"not JSON: {error}") from None
        return KubernetesFields(self.subject, self._path, {field: value}).within(field)


def _parse_asn(text: str) -> int | None:
    """An AS number as plain or dotted text; None if it is none."""
    halves = text.split(".")
    if len(halves) > 2 or not all(half.isascii() and half.isdigit() and len(half) <= 10 for half in halves):
        return None
    if len(halves) == 1:
        return int(text)
    high, low = (int(half) for half in halves)
    return (high << 16) + low if max(high, low) < 2**16 else None


def shorten_kube_text(value: object) -> str:
    """A value as an error message shows it."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
