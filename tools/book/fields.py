"""A struct's fields: type, default, and what they mean, read from the source that declares them.

A field's meaning is the comment on its line; else its line in `COMMON`; else the sentences of the struct's docstring
that name it in backticks.
"""

import ast
import inspect
import io
import re
import tokenize
from typing import Any, NamedTuple, get_args, get_type_hints

from msgspec import Struct

from bus.envelope import PART_BYTES_MAX, PART_ROWS_MAX

# Fields that mean the same wherever a module has them.
COMMON: dict[str, dict[str, str]] = {
    "schemas.intents": {
        "interface": "intent name of an interface",
        "table": "name of a table",
        "ip_version": "4 or 6",
    },
    "schemas.cnat": {"interface": "intent name of an interface"},
    "schemas.npol": {"interface": "intent name of an interface"},
    "schemas.requests": {
        "level": "debug, info, warning or error",
        "name": "name of the process",
        "progress": "turns of the working loop since it started",
        "ready": "does it do its work?",
        "waiting": "named reasons for not being ready",
    },
    "bus.envelope": {
        "key": "key of the row; of a trace event: of what it is about",
        "value": "MessagePack of the word's struct; None: the row is gone",
        "name": "name of the process",
        "session": "one life of a stream's owner: ns of the monotonic clock at its start; rises from life to life",
        "pid": "process id",
        "progress": "turns of the working loop since it started",
        "ready": "does it do its work?",
        "waiting": "named reasons for not being ready",
        "counters": "by name, since the process started",
        "broker_session": "one life of the broker: ns of the monotonic clock at its start",
        "sender": "name of the process that sends it",
        "owner": "name of the process whose stream it is",
        "word": "word of the stream",
        "seq": "number of the checkpoint, rising by one in a session",
        "part": "number of the part in its checkpoint or snapshot, from 0",
        "last": "is it the last part?",
        "full": "the rows of all its parts are all rows of the stream",
        "rows": f"at most {PART_ROWS_MAX} rows or {PART_BYTES_MAX >> 10} KiB in a part; a larger row is alone in one",
        "reason": "in words, for people",
        "words": "all of them; a word of an earlier message that is not here is unsubscribed",
        "bytes": "since it knows this broker",
        "took_s": "seconds that it took; 0: it took no time",
        "fields": "what else there is to say, by name",
        "heads": "one for each stream that the broker holds",
        "id": "of the request, unique",
        "service": "name of the process that is to answer",
        "within_s": "seconds from now until it fails for want of an answer",
        "body": "MessagePack of the request, or of its reply",
        "error": "why there is no reply, in words; empty: there is one",
        "cause": "name of the event that led to it: what, and when, e.g. `cni-add#m1x2y3z4`",
    },
}


class FieldEntry(NamedTuple):
    """One field as the book shows it; `default` None: it is required; `meaning` empty: the code does not say it."""

    name: str
    type: str
    default: str | None
    meaning: str


def fields_of(struct: type[Struct]) -> list[FieldEntry]:
    """The fields that the struct declares itself, in order."""
    source = inspect.getsource(struct)
    comments = _comments(source)
    declared = ast.parse(source).body[0]
    assert isinstance(declared, ast.ClassDef)
    return [
        FieldEntry(
            each.target.id,
            ast.unparse(each.annotation),
            None if each.value is None else ast.unparse(each.value),
            comments.get(each.lineno) or _meaning_elsewhere(struct, each.target.id),
        )
        for each in declared.body
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name)
    ]


def parts_of(struct: type[Struct]) -> list[type[Struct]]:
    """Structs that stand in the fields of this one, and in theirs; each once, in order."""
    parts: dict[type[Struct], None] = {}
    for hint in get_type_hints(struct).values():
        for part in _structs_in(hint):
            parts |= dict.fromkeys((part, *parts_of(part)))
    return list(parts)


def _structs_in(hint: Any) -> list[type[Struct]]:
    if isinstance(hint, type) and issubclass(hint, Struct):
        return [hint]
    return [struct for inner in get_args(hint) for struct in _structs_in(inner)]


def _comments(source: str) -> dict[int, str]:
    """Line number -> the comment on it."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    return {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}


def _meaning_elsewhere(struct: type[Struct], field: str) -> str:
    if common := COMMON.get(struct.__module__, {}).get(field):
        return common
    sentences = re.split(r"(?<=[.:]) (?=[A-Z`])|\n\n", inspect.getdoc(struct) or "")
    quoted = f"`{field}`"
    about = [" ".join(each.split()).rstrip(".") for each in _joined(sentences) if quoted in each]
    return "; ".join(each.removeprefix(f"{quoted}: ") for each in about)


def _joined(sentences: list[str]) -> list[str]:
    """A sentence that ends with a colon goes with the next."""
    joined: list[str] = []
    for sentence in sentences:
        if joined and joined[-1].endswith(":"):
            joined[-1] += f" {sentence}"
        else:
            joined.append(sentence)
    return joined
