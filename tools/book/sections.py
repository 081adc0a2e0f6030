"""The generated parts of the book: one text for each pair of markers."""

import inspect
import re
from collections.abc import Iterable
from typing import get_args

from msgspec import Struct

from bus import envelope
from schemas import facts, intents, requests, statuses
from schemas.intents import Intent
from schemas.words import BUS_WORDS, FELIX_WORDS, INTENT_OWNERS, INTENT_WORD, BusWord
from tools.book.fields import fields_of, parts_of
from tools.book.subscribers import subscribers_of


def sections() -> dict[str, str]:
    """Name of the markers -> the text between them."""
    kinds = [kind for kind in get_args(intents.AnyIntent) if issubclass(kind, Intent)]
    return {
        "words": _words(),
        "facts": "\n\n".join(_fact(name, word) for name, word in BUS_WORDS.items() if _is_fact(word)),
        "intents": "\n\n".join(map(_intent, kinds)),
        "statuses": "\n\n".join(map(_struct, (statuses.IntentStatus, *get_args(statuses.AnyIntentStatus)))),
        "requests": "\n\n".join(map(_request, get_args(requests.AnyBusRequest))),
        "messages": _messages(),
    }


def structs() -> list[type[Struct]]:
    """Every struct that the book is to show."""
    tops = [word.type for word in BUS_WORDS.values() if _is_fact(word)]
    tops += [*get_args(intents.AnyIntent), statuses.IntentStatus, *get_args(statuses.AnyIntentStatus)]
    tops += [*get_args(requests.AnyBusRequest), *requests.REPLY_TYPE_OF_REQUEST.values()]
    tops += [envelope.BusMessage, *get_args(envelope.AnyBusMessage)]
    return list(dict.fromkeys(struct for top in tops for struct in (top, *parts_of(top))))


def _is_fact(word: BusWord) -> bool:
    return isinstance(word.type, type) and issubclass(word.type, facts.Fact)


def _words() -> str:
    rows = [
        (f"`{name}`", _owner(name, word), f"`{word.key_form}`", "yes", ", ".join(subscribers_of(name)) or "nobody yet")
        for name, word in BUS_WORDS.items()
    ]
    return _table(("word", "published by", "key", "retained", "subscribers"), rows)


def _owner(name: str, word: BusWord) -> str:
    if name == INTENT_WORD:
        return ", ".join(INTENT_OWNERS)
    return f"{word.owner}, or policy" if name in FELIX_WORDS else str(word.owner)


def _fact(name: str, word: BusWord) -> str:
    return _struct(word.type, f"`{name}`: {word.type.__name__}")


def _intent(kind: type[Intent]) -> str:
    return _struct(kind, f"`{kind.__struct_config__.tag}`: {kind.__name__}", f"Key: `{_key_form(kind)}`")


def _key_form(kind: type[Intent]) -> str:
    """The key of an intent whose every field holds its own name."""
    return kind(**{name: f"<{name}>" for name in kind.__struct_fields__}).key


def _request(kind: type[requests.BusRequest]) -> str:
    section = _struct(kind, f"`{kind.__struct_config__.tag}`: {kind.__name__}")
    return f"{section}\n\n{_described(requests.REPLY_TYPE_OF_REQUEST[kind])}"


def _messages() -> str:
    kinds = get_args(envelope.AnyBusMessage)
    kind_sections = (_struct(kind, f"`{kind.__struct_config__.tag}`: {kind.__name__}") for kind in kinds)
    return "\n\n".join((_struct(envelope.BusMessage), *kind_sections))


def _struct(struct: type[Struct], title: str = "", more: str = "") -> str:
    """A section: the struct, then what stands in its fields."""
    head = [f"### {title or struct.__name__}", *([more] if more else [])]
    return "\n\n".join((*head, _described(struct), *map(_part, parts_of(struct))))


def _part(struct: type[Struct]) -> str:
    return f"**{struct.__name__}**: {_described(struct)}"


def _described(struct: type[Struct]) -> str:
    says = _prose(inspect.getdoc(struct) or "")
    if not (fields := fields_of(struct)):
        return says
    rows = [
        (f"`{name}`", f"`{kind}`", "required" if default is None else f"`{default}`", _prose(meaning))
        for name, kind, default, meaning in fields
    ]
    return f"{says}\n\n{_table(('field', 'type', 'default', 'meaning'), rows)}"


def _prose(text: str) -> str:
    """Text that Markdown would take for HTML, escaped where it is not in backticks."""
    return re.sub(r"(`[^`]*`)|<", lambda found: found[1] or r"\<", text)


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
