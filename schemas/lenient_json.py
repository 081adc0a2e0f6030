"""JSON of others into our structs: an unknown key is a warning, a wrong type an error with the field's path.

Keys are found whatever their case and `null` means the default, as in Go: the JSON's first reader is written in it.
"""

import re
from types import UnionType
from typing import Any, TypeVar, Union, get_args, get_origin

import msgspec
from msgspec import Struct

from schemas.spelling import unknown_name_notice

T = TypeVar("T", bound=Struct)
_ERROR = re.compile(r"(?P<message>.*?)(?: - at `\$(?P<path>.*)`)?", re.DOTALL)


def decode_lenient_json(name: str, text: str, kind: type[T]) -> tuple[T, list[str]]:
    """The value, and a warning for each unknown key.

    Raises ValueError: what is wrong, after the path of the field: "NAME.list[0].field: expected int, got str".
    """
    warnings: list[str] = []
    try:
        value = _with_our_keys(msgspec.json.decode(text), kind, name, warnings)
        return msgspec.convert(value, kind), warnings
    except msgspec.ValidationError as error:
        match = _ERROR.fullmatch(str(error))
        path, message = (match["path"] or "", match["message"]) if match else ("", str(error))
        message = message.replace("`", "")
        raise ValueError(f"{name}{path}: {message[:1].lower()}{message[1:]}") from None
    except msgspec.DecodeError as error:
        raise ValueError(f"{name}: {error}") from None


def _with_our_keys(value: Any, kind: Any, path: str, warnings: list[str]) -> Any:
    """The value with its keys spelt as the struct's fields; unknown keys are left out."""
    if isinstance(value, list):
        [entry, *_] = get_args(kind) or (None,)
        return [_with_our_keys(x, entry, f"{path}[{number}]", warnings) for number, x in enumerate(value)]
    struct = _struct(kind)
    if not isinstance(value, dict) or struct is None:
        return value
    fields = {field.name.lower(): field for field in msgspec.structs.fields(struct)}
    fields_set = {}
    for key, inner in value.items():
        field = fields.get(key.lower())
        if field is None:
            warnings.append(f"{path}.{unknown_name_notice(key, (field.name for field in fields.values()))}")
        elif inner is not None:
            fields_set[field.name] = _with_our_keys(inner, field.type, f"{path}.{field.name}", warnings)
    return fields_set


def _struct(kind: Any) -> type[Struct] | None:
    """The struct that a type is, or may be."""
    if isinstance(kind, type) and issubclass(kind, Struct):
        return kind
    options = get_args(kind) if get_origin(kind) in (Union, UnionType) else ()
    return next((option for option in options if _struct(option)), None)


def non_default_json_fields(path: str, value: Struct, silent: Any = None) -> list[str]:
    """Paths of the fields whose value is neither their default nor `silent`.

    `path`: "list[].field" or "field", of `value`.
    """
    head, _, inner_path = path.partition(".")
    name = head.removesuffix("[]")
    inner = getattr(value, name)
    if head.endswith("[]"):
        return [
            f"{name}[{i}].{found}"
            for i, entry in enumerate(inner)
            for found in non_default_json_fields(inner_path, entry, silent)
        ]
    if inner_path:
        return [f"{name}.{found}" for found in non_default_json_fields(inner_path, inner, silent)]
    return [] if inner in (_default(type(value), name), silent) else [name]


def _default(kind: type[Struct], name: str) -> Any:
    field = next(field for field in msgspec.structs.fields(kind) if field.name == name)
    return field.default if field.default is not msgspec.NODEFAULT else field.default_factory()
