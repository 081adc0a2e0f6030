"""A pod's annotations that ask the dataplane for something that it does not have: each is named. Pure.

Source: docs of Calico/VPP and of Calico; bandwidth: Kubernetes' network plugins. What a value asks for is not looked at
beyond its form, so that a pod whose annotation is malformed hears that as well.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

import msgspec

from actors.cni.interface_spec import INTERFACES_SPEC_ANNOTATION
from schemas.calico_vpp import InterfaceSpec
from schemas.lenient_json import decode_lenient_json
from schemas.spelling import unknown_name_notice

_PREFIX = "cni.projectcalico.org/"
_OF_CALICO_VPP = f"{_PREFIX}vpp"
_VCL_OFF = (f"{_OF_CALICO_VPP}Vcl", "disable")  # asks for what is so
_NO_EFFECT = "has no effect: vppd does not have this"
_PORT_PROTOCOLS = ("tcp", "udp", "sctp", "icmp", "icmp6")
_PROBLEMS_MAX, _PROBLEM_CHARACTERS_MAX = 16, 240  # a pod's annotations may have 256 KiB
_PORT_MAX = 2**16 - 1
T = TypeVar("T")


def _interface_spec(text: str) -> None:
    decode_lenient_json("spec", text, InterfaceSpec)


def _port_ranges(text: str) -> None:
    for part in text.split(","):
        protocol, _, ports = part.partition(":")
        first, _, last = ports.partition("-")
        if protocol.lower() not in _PORT_PROTOCOLS or not all(map(_is_port, (first, last or first))):
            raise ValueError(f"{part!r} is not PROTOCOL:PORT or PROTOCOL:PORT-PORT")


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdigit() and int(text[:6]) <= _PORT_MAX


def _switch(text: str) -> None:
    if text not in ("enable", "disable"):
        raise ValueError(f"{text!r} is not enable or disable")


def _addresses(text: str) -> None:
    _json(text, list[str])


def _any_text(text: str) -> None:
    """Of a form that others judge."""


# Annotation -> what reads it, and raises ValueError if it is malformed.
_KNOWN: dict[str, Callable[[str], None]] = {
    f"{_OF_CALICO_VPP}ExtraMemifPorts": _port_ranges,
    f"{_OF_CALICO_VPP}ExtraMemifSpec": _interface_spec,
    f"{_OF_CALICO_VPP}Vcl": _switch,
    f"{_PREFIX}floatingIPs": _addresses,
    f"{_PREFIX}hwAddr": _any_text,
    "kubernetes.io/ingress-bandwidth": _any_text,
    "kubernetes.io/egress-bandwidth": _any_text,
}


def pod_annotation_problems(annotations: Mapping[str, str]) -> tuple[str, ...]:
    """A text for each annotation that asks for something that the pod does not get, bounded in number and length."""
    problems = [_shortened(problem) for problem in _problems(annotations)]
    more = len(problems) - _PROBLEMS_MAX
    return (*problems[:_PROBLEMS_MAX], *([f"{more} more annotations"] if more > 0 else []))


def _problems(annotations: Mapping[str, str]) -> Iterator[str]:
    for name, text in sorted(annotations.items()):
        if name in _KNOWN and (name, text) != _VCL_OFF:
            yield f"annotation {name}: {_form_error(name, text) or _NO_EFFECT}"
        elif name not in (*_KNOWN, INTERFACES_SPEC_ANNOTATION) and name.startswith(_OF_CALICO_VPP):
            yield f"annotation {unknown_name_notice(name, (*_KNOWN, INTERFACES_SPEC_ANNOTATION), _PREFIX)}"


def _shortened(problem: str) -> str:
    return problem if len(problem) <= _PROBLEM_CHARACTERS_MAX else f"{problem[: _PROBLEM_CHARACTERS_MAX - 3]}..."


def _form_error(name: str, text: str) -> str:
    try:
        _KNOWN[name](text)
    except ValueError as error:
        return f"malformed, and {_NO_EFFECT}: {error}"
    return ""


def _json(text: str, kind: type[T]) -> T:
    """The value. Raises ValueError."""
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise ValueError(str(error)) from None
