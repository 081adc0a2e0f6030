"""The annotation by which a pod may send from further addresses, as Calico/VPP knows it. Pure.

Calico's own annotation, `allowedSourcePrefixes` with a small letter, comes to us by Felix
(actors/policy/spoofing.py), where the cluster's configuration decides whether it counts.
"""

from collections.abc import Mapping

import msgspec

from schemas.addresses import parse_ip_prefix

ALLOWED_SOURCES_ANNOTATION = "cni.projectcalico.org/AllowedSourcePrefixes"
_PREFIXES_MAX = 256


def allowed_sources(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """The prefixes, host bits cleared, each once. Raises ValueError: what is wrong with the annotation's value."""
    text = annotations.get(ALLOWED_SOURCES_ANNOTATION)
    if text is None:
        return ()
    try:
        entries = msgspec.json.decode(text, type=list[str] | None) or []  # null is an empty list, as in Go
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not a JSON list of prefixes: {error}") from None
    prefixes = tuple(dict.fromkeys(_prefix(number, entry) for number, entry in enumerate(entries)))
    if len(prefixes) > _PREFIXES_MAX:
        raise ValueError(f"{len(prefixes)} prefixes, at most {_PREFIXES_MAX}")
    return prefixes


def _prefix(number: int, text: str) -> str:
    try:
        return str(parse_ip_prefix(text))
    except ValueError:
        shown = text if len(text) <= 80 else f"{text[:77]}..."
        raise ValueError(f"[{number}]: {shown!r} is not a prefix") from None
