"""Packers compiled from vpp_papi's message definitions: the same bytes, many times faster.

A packer is a Python function made for one message: the fixed part is one `struct.Struct`, however deep its fields
lie; variable lists follow. What vpp_papi accepts it accepts too (texts as addresses, a missing field is zero or its
default); beyond that, a fixed list that is missing is zeros.

What it cannot pack it hands to vpp_papi, whose error names the field. The head that all requests share (message
number, client, context) is not packed here.
"""

import struct
from collections.abc import Callable, Mapping
from socket import AF_INET, AF_INET6, inet_pton
from typing import Any

from vpp_papi import vpp_serializer as papi
from vpp_papi.vpp_format import conversion_table

from actors.vpp_writer.kinds.wire import vpp_call_address_parts, vpp_call_interface_address_parts, vpp_call_prefix_parts

HEAD = ("_vl_msg_id", "client_index", "context")
VPP_SCALAR_FORMATS = {
    "u8": "B",
    "i8": "b",
    "u16": "H",
    "i16": "h",
    "u32": "I",
    "i32": "i",
    "u64": "Q",
    "i64": "q",
    "bool": "?",
}
_ADDRESS, _PREFIX, _ADDRESS_WITH_PREFIX = "vl_api_address_t", "vl_api_prefix_t", "vl_api_address_with_prefix_t"

VppRequestPacker = Callable[[Mapping[str, Any]], bytes]


def compile_vpp_packer(definition: Any) -> VppRequestPacker:
    """The packer of a request (a vpp_papi VPPMessage). It raises ValueError for what cannot be packed."""
    body = [name for name in definition.fields if name not in HEAD]
    fast = _Compiler().function(definition, body)

    def pack(fields: Mapping[str, Any]) -> bytes:
        try:
            return fast(fields)
        except (struct.error, ValueError, TypeError, KeyError, AttributeError, OSError):
            return _by_papi(definition, fields)

    return pack


def _by_papi(definition: Any, fields: Mapping[str, Any]) -> bytes:
    """What vpp_papi makes of it, without the head; its error if it makes nothing of it."""
    whole = definition.pack({**fields, "_vl_msg_id": 0, "client_index": 0, "context": 0})
    head = (packer.size for name, packer in zip(definition.fields, definition.packers, strict=True) if name in HEAD)
    return bytes(whole[sum(head) :])


class _Compiler:
    """Writes one function. `lines` are its statements, `world` the names that it uses."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.world: dict[str, Any] = {
            "address": vpp_call_address_parts,
            "prefix": vpp_call_prefix_parts,
            "interface": vpp_call_interface_address_parts,
            "none": {},
        }
        self._names = 0

    def function(self, definition: Any, fields: list[str]) -> VppRequestPacker:
        """The function for these fields of a structure or message."""
        return self._function(definition.name, self._structure(definition, "m", fields))

    def place(self, packer: Any) -> VppRequestPacker:
        """The function for an address or a prefix."""
        return self._function(packer.name, self._place(packer, "m"))

    def _function(self, name: str, pieces: list[tuple[str, str]]) -> VppRequestPacker:
        self.lines.append(f"return {self._joined(pieces)}")
        source = "def pack(m):\n" + "".join(f"    {line}\n" for line in self.lines)
        exec(compile(source, f"<{name}>", "exec"), self.world)
        packer: VppRequestPacker = self.world["pack"]
        return packer

    def _joined(self, pieces: list[tuple[str, str]]) -> str:
        """An expression for (format, expression) pieces in order; format "" is bytes of any length."""
        parts: list[str] = []
        formats, values = "", list[str]()
        for form, value in [*pieces, ("", "")]:
            if form:
                formats, values = formats + form, [*values, value]
                continue
            if formats:
                pack = self._name(struct.Struct(">" + formats).pack)
                parts.append(f"{pack}({', '.join(values)})")
                formats, values = "", []
            if value:
                parts.append(value)
        return " + ".join(parts) or "b''"

    def _name(self, value: Any) -> str:
        """A name of the function's world for a value."""
        self._names += 1
        name = f"x{self._names}"
        self.world[name] = value
        return name

    def _local(self, expression: str) -> str:
        self._names += 1
        self.lines.append(f"v{self._names} = {expression}")
        return f"v{self._names}"

    def _structure(self, definition: Any, holder: str, fields: list[str]) -> list[tuple[str, str]]:
        """Pieces for the fields of what `holder` names."""
        pieces: list[tuple[str, str]] = []
        for name in fields:
            packer = definition.packers[definition.fields.index(name)]
            pieces += self._field(packer, f"{holder}.get({name!r})", holder)
        return pieces

    def _field(self, packer: Any, value: str, holder: str) -> list[tuple[str, str]]:
        """Pieces for one field, whose value the expression gives."""
        match packer:
            case papi.BaseTypes() if packer._type in VPP_SCALAR_FORMATS:
                return [(VPP_SCALAR_FORMATS[packer._type], self._scalar(value, packer.options))]
            case papi.VPPEnumType():
                return [(VPP_SCALAR_FORMATS[packer.enumtype], self._scalar(value, packer.options))]
            case papi.VPPTypeAlias() if isinstance(packer.packer, papi.BaseTypes | papi.VPPEnumType):
                return self._field(packer.packer, self._scalar(value, packer.options), holder)
            case papi.FixedList_u8():
                check = self._name(_at_most(packer.num))
                return [(f"{packer.num}s", f"{check}({value} or b'')")]
            case papi.String(fixed=True):
                return [(f"{packer.limit}s", f"{self._name(_text(packer.limit))}({value} or '')")]
            case papi.VPPType() if packer.name in (_ADDRESS, _PREFIX, _ADDRESS_WITH_PREFIX):
                return self._place(packer, value)
            case papi.VPPType() if packer.name not in conversion_table and not _varies(packer):
                return self._structure(packer, self._local(f"{value} or none"), packer.fields)
            case papi.VLAList():
                return [("", f"{self._name(_list(packer))}({value}, {holder}.get({packer.length_field!r}))")]
            case _ if packer.size and not _varies(packer):
                return [(f"{packer.size}s", f"{self._name(_whole(packer))}({value})")]
            case _:
                return [("", f"{self._name(_whole(packer))}({value})")]

    def _scalar(self, value: str, options: Mapping[str, Any] | None) -> str:
        """A missing number is zero or its default."""
        default = options.get("default") if options else None
        if not default:
            return f"({value} or 0)"
        local = self._local(value)
        return f"({default!r} if {local} is None else {local})"

    def _place(self, packer: Any, value: str) -> list[tuple[str, str]]:
        """An address or a prefix, given as text, address object or structure."""
        if packer.name == _ADDRESS:
            local = self._local(f"address({value})")
            return [("B", f"{local}[0]"), ("16s", f"{local}[1]")]
        read = "prefix" if packer.name == _PREFIX else "interface"
        local = self._local(f"{read}({value})")
        return [("B", f"{local}[0]"), ("16s", f"{local}[1]"), ("B", f"{local}[2]")]


def _varies(packer: Any) -> bool:
    """Is its length not known before its value is?"""
    if isinstance(packer, papi.VLAList | papi.VLAList_legacy):
        return True
    if isinstance(packer, papi.String):
        return not packer.fixed
    return isinstance(packer, papi.VPPType) and any(map(_varies, packer.packers))


def _at_most(size: int) -> Callable[[Any], bytes]:
    """`struct` would cut what is too long."""

    def check(data: Any) -> bytes:
        if len(data) > size:
            raise ValueError(f"{len(data)} bytes for {size}")
        return data if type(data) is bytes else bytes(data)

    return check


def _text(limit: int) -> Callable[[str], bytes]:
    def check(text: str) -> bytes:
        if len(text) >= limit:
            raise ValueError(f"{len(text)} characters for {limit - 1}")
        return text.encode("ascii")

    return check


def _list(packer: papi.VLAList) -> Callable[[Any, Any], bytes]:
    """A list as long as another field says."""
    if packer.field_type == "u8":
        return _octets
    pack_element = _element(packer.packer)

    def pack(elements: Any, length: Any) -> bytes:
        elements = elements or ()
        if len(elements) != (length or 0):
            raise ValueError(f"{len(elements)} elements, said to be {length}")
        return b"".join([pack_element(element) for element in elements])

    return pack


def _octets(data: Any, length: Any) -> bytes:
    octets = bytes(data or b"")
    if len(octets) != (length or 0):
        raise ValueError(f"{len(octets)} bytes, said to be {length}")
    return octets


def _element(packer: Any) -> Callable[[Any], bytes]:
    """One element of a list."""
    if not isinstance(packer, papi.VPPType) or packer.name in conversion_table:
        return _whole(packer)
    fast = _Compiler().function(packer, packer.fields)

    def pack(element: Any) -> bytes:
        return fast(element or {})

    return pack


def _whole(packer: Any) -> Callable[[Any], bytes]:
    """A field that is packed by itself."""
    match packer:
        case papi.VPPUnionType():
            return _union(packer)
        case papi.FixedList():
            return _fixed(packer)
        case papi.VPPTypeAlias() if packer.name in ("vl_api_ip4_address_t", "vl_api_ip6_address_t"):
            family, size = (AF_INET, 4) if packer.size == 4 else (AF_INET6, 16)

            def pack_address(value: Any) -> bytes:
                return inet_pton(family, value) if type(value) is str else bytes(value or size)

            return pack_address
        case papi.VPPType() if packer.name not in conversion_table:
            return _element(packer)
        case papi.VPPType() if packer.name in (_ADDRESS, _PREFIX, _ADDRESS_WITH_PREFIX):
            return _Compiler().place(packer)
        case _:
            return lambda value: bytes(packer.pack(value, {}))


def _union(packer: papi.VPPUnionType) -> Callable[[Any], bytes]:
    """The first arm that is given, filled up with zeros."""
    arms = {name: _whole(arm) for name, arm in packer.packers.items()}
    size = packer.size

    def pack(value: Any) -> bytes:
        for name, arm_value in (value or {}).items():
            return arms[name](arm_value).ljust(size, b"\0")
        return bytes(size)

    return pack


def _fixed(packer: papi.FixedList) -> Callable[[Any], bytes]:
    """A list of a fixed number of elements; missing, it is zeros."""
    pack_element, number, size = _element(packer.packer), packer.num, packer.size

    def pack(value: Any) -> bytes:
        if value is None:
            return bytes(size)
        if len(value) != number:
            raise ValueError(f"{len(value)} elements for {number}")
        return b"".join([pack_element(element) for element in value])

    return pack
