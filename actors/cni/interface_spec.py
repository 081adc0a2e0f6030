"""The annotation by which a pod asks for queues and rings of its interface, as Calico/VPP knows it. Pure.

JSON: interface -> `{rx, tx, rxqsz, txqsz, isl3, rxMode}`. What an entry leaves out has VPP's own defaults, not those of
`defaultPodIfSpec`, which the entry replaces. Each entry keeps to the node's `maxPodIfSpec`, in which 0 is no limit.
"""

from collections.abc import Iterator, Mapping
from typing import NamedTuple

import msgspec

from schemas.calico_vpp import UPLINK_RX_MODES, InterfaceSpec
from schemas.lenient_json import decode_lenient_json

INTERFACES_SPEC_ANNOTATION = "cni.projectcalico.org/vppInterfacesSpec"
_RING_MAX = 32768  # descriptors (VPP: vnet/devices/tap/tap.c)
_BOUNDED = ("rx", "tx", "rxqsz", "txqsz")
_RINGS = ("rxqsz", "txqsz")


class AskedInterfaceSpec(NamedTuple):
    """`spec`: of the interface, None if the annotation says nothing of it. `problems`: what has no effect."""

    spec: InterfaceSpec | None = None
    problems: tuple[str, ...] = ()


def asked_interface_spec(
    annotations: Mapping[str, str], interface: str, limits: InterfaceSpec | None
) -> AskedInterfaceSpec:
    """What a pod asks for an interface. Raises ValueError: what is wrong with the annotation's value, by field."""
    text = annotations.get(INTERFACES_SPEC_ANNOTATION)
    if text is None:
        return AskedInterfaceSpec()
    try:
        entries = msgspec.json.decode(text, type=dict[str, msgspec.Raw] | None) or {}
    except (msgspec.MsgspecError, RecursionError) as error:
        raise ValueError(f"not a JSON map of interfaces: {error}") from None
    specs, problems = dict[str, InterfaceSpec](), list[str]()
    for name, raw in entries.items():
        specs[name], unknown = decode_lenient_json(name[:80], bytes(raw).decode(), InterfaceSpec)
        _check(name[:80], specs[name], limits or InterfaceSpec())
        problems += [*unknown, *_without_effect(name[:80], specs[name])]
    told = tuple(f"annotation {INTERFACES_SPEC_ANNOTATION}: {problem}" for problem in problems)
    return AskedInterfaceSpec(specs.get(interface), told)


def buffers_needed(spec: InterfaceSpec) -> int:
    """VPP's buffers that an interface's rings may hold: a receive ring is always full, a transmit ring at worst."""
    return spec.rx_queues * spec.rx_ring + spec.tx_queues * spec.tx_ring


def _check(name: str, spec: InterfaceSpec, limits: InterfaceSpec) -> None:
    for field in _BOUNDED:
        value, limit = getattr(spec, field), getattr(limits, field)
        if limit and value > limit:
            raise ValueError(f"{name}.{field}: {value} is more than maxPodIfSpec allows, {limit}")
    for field in _RINGS:
        value = getattr(spec, field)
        if value > _RING_MAX or value & (value - 1):
            raise ValueError(f"{name}.{field}: {value} is not a power of two up to {_RING_MAX}")
    if spec.rxMode and spec.rxMode not in UPLINK_RX_MODES:
        raise ValueError(f"{name}.rxMode: {spec.rxMode[:80]!r} is not one of {', '.join(UPLINK_RX_MODES)}")


def _without_effect(name: str, spec: InterfaceSpec) -> Iterator[str]:
    if spec.isl3 is False:
        yield f"{name}.isl3: false has no effect: pods' interfaces are layer 3"
