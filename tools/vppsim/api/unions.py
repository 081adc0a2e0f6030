"""Unions are read as all of their members: the wire does not say which it is, and those that do not fit are None."""

from typing import Any

from vpp_papi.vpp_serializer import VPPUnionType, vpp_get_type


class UnionMember:
    """The packer of one member; unpacks to None where the bytes do not fit."""

    def __init__(self, packer: Any) -> None:
        self._packer = packer
        self.size = packer.size

    def pack(self, *arguments: Any) -> Any:
        return self._packer.pack(*arguments)

    def unpack(self, data: bytes, offset: int = 0, result: Any = None, ntc: bool = False) -> tuple[Any, int]:
        try:
            value, size = self._packer.unpack(data, offset, ntc=ntc)
        except ValueError:
            return None, self.size
        return value, size


def make_readable(name: str) -> None:
    """Make the union `name` readable whatever its members make of the bytes."""
    union = vpp_get_type(f"vl_api_{name}_t")  # type: ignore[no-untyped-call]
    if isinstance(union, VPPUnionType):
        union.packers.update({field: UnionMember(packer) for field, packer in union.packers.items()})
