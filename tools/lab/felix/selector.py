"""Calico's label selectors: text to a tree, a tree to one text form, a tree against labels. Pure.

Source: Calico documentation, "Selectors" of GlobalNetworkPolicy: `k == 'v'`, `k != 'v'`, `k in {...}`, `k not in
{...}`, `k contains 'v'`, `k starts with 'v'`, `k ends with 'v'`, `has(k)`, `all()`, `global()`, `!`, `&&`, `||`,
parentheses. A label that is absent differs from every value and is in no set.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from typing import TypeAlias

Labels: TypeAlias = Mapping[str, str]
Matches: TypeAlias = Callable[[Labels], bool]

TOKEN = re.compile(
    r"""[ \t]*(?:
        (?P<call>(?:has|all|global)\([ \t]*(?P<argument>[\w./-]*)[ \t]*\))
      | (?P<text>"[^"]*"|'[^']*')
      | (?P<word>[A-Za-z0-9_./-]+)
      | (?P<sign>==|!=|&&|\|\||[!(){},])
      | (?P<end>$)
    )""",
    re.VERBOSE | re.ASCII,
)
TEXT_OPERATORS = ("==", "!=", "contains", "starts with", "ends with")


class BadSelector(ValueError):
    """A selector that cannot be read; the text has it."""


@dataclass(frozen=True)
class Compare:
    """A label against a text, or its presence (`operator` "has")."""

    label: str
    operator: str
    value: str = ""


@dataclass(frozen=True)
class Among:
    """A label in a set of texts, or (not `inside`) not in it."""

    label: str
    values: tuple[str, ...]
    inside: bool = True


@dataclass(frozen=True)
class AllSelector:
    """`all()` or `global()`; the latter selects what has no namespace, once it is a namespace selector."""

    word: str = "all()"


@dataclass(frozen=True)
class Not:
    """Selects whatever its operand does not."""

    operand: "Selector"


@dataclass(frozen=True)
class Join:
    """Operands joined by `&&` or `||`."""

    operator: str
    operands: tuple["Selector", ...]


Selector: TypeAlias = Compare | Among | AllSelector | Not | Join
SELECT_ALL = AllSelector()


@lru_cache(maxsize=4096)
def parse(text: str) -> Selector:
    """The tree of a selector; "" is `all()`. Raises BadSelector."""
    if not text.strip():
        return SELECT_ALL
    reader = SelectorParser(text)
    selector = reader.alternatives()
    if reader.peek() != ("end", ""):
        raise BadSelector(f"selector {text!r}: unexpected {reader.peek()[1]!r}")
    return selector


def all_of(*parts: Selector | None) -> Selector:
    """The conjunction of all parts; None and `all()` do not restrict it."""
    restricting = tuple(part for part in parts if part is not None and part != SELECT_ALL)
    if not restricting:
        return SELECT_ALL
    return restricting[0] if len(restricting) == 1 else Join("&&", restricting)


def to_text(node: Selector) -> str:
    """One text for every way to write a tree."""
    match node:
        case Compare(label, "has"):
            return f"has({label})"
        case Compare(label, operator, value):
            return f'{label} {operator} "{value}"'
        case Among(label, values, inside):
            listed = ", ".join(f'"{value}"' for value in values)
            return f"{label} {'in' if inside else 'not in'} {{{listed}}}"
        case AllSelector(word):
            return word
        case Not(operand):
            return f"!{to_text(operand)}"
        case Join(operator, operands):
            return f"({f' {operator} '.join(to_text(part) for part in operands)})"


def with_prefix(node: Selector, prefix: str) -> Selector:
    """The tree with every label renamed: how namespace and service account selectors become label selectors."""
    match node:
        case Compare() | Among():
            return replace(node, label=prefix + node.label)
        case Not(operand):
            return Not(with_prefix(operand, prefix))
        case Join(operator, operands):
            return Join(operator, tuple(with_prefix(part, prefix) for part in operands))
    return node


def replace_all(node: Selector, for_all: Selector, for_global: Selector) -> Selector:
    """The tree with `all()` and `global()` replaced."""
    match node:
        case AllSelector(word):
            return for_all if word == "all()" else for_global
        case Not(operand):
            return Not(replace_all(operand, for_all, for_global))
        case Join(operator, operands):
            return Join(operator, tuple(replace_all(part, for_all, for_global) for part in operands))
    return node


@lru_cache(maxsize=4096)
def matcher(node: Selector) -> Matches:
    """A predicate over labels."""
    match node:
        case Compare(label, operator, value):
            return comparison(label, operator, value)
        case Among(label, values, inside):
            allowed = frozenset(values)
            return lambda labels: (labels.get(label) in allowed) is inside
        case AllSelector(word):
            return lambda _: word == "all()"
        case Not(operand):
            inner = matcher(operand)
            return lambda labels: not inner(labels)
        case Join(operator, operands):
            parts = [matcher(part) for part in operands]
            return reduce(conjunction if operator == "&&" else disjunction, parts)


def conjunction(first: Matches, second: Matches) -> Matches:
    """Both match."""
    return lambda labels: first(labels) and second(labels)


def disjunction(first: Matches, second: Matches) -> Matches:
    """At least one of them matches."""
    return lambda labels: first(labels) or second(labels)


def comparison(label: str, operator: str, value: str) -> Matches:
    """The predicate of one comparison."""
    match operator:
        case "has":
            return lambda labels: label in labels
        case "==":
            return lambda labels: labels.get(label) == value
        case "!=":
            return lambda labels: labels.get(label) != value
        case "contains":
            return lambda labels: label in labels and value in labels[label]
        case "starts with":
            return lambda labels: label in labels and labels[label].startswith(value)
        case _:
            return lambda labels: label in labels and labels[label].endswith(value)


class SelectorParser:
    """Reads tokens from left to right; each method reads one level of precedence."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._place = 0

    def alternatives(self) -> Selector:
        """Terms joined by `||`."""
        return self._joined("||", lambda: self._joined("&&", self.factor))

    def _joined(self, operator: str, part: Callable[[], Selector]) -> Selector:
        parts = [part()]
        while self.peek() == ("sign", operator):
            self.take()
            parts.append(part())
        return parts[0] if len(parts) == 1 else Join(operator, tuple(parts))

    def factor(self) -> Selector:
        """A negation, parentheses, a call, or a label with an operator."""
        kind, text = self.take()
        match kind, text:
            case "sign", "!":
                return Not(self.factor())
            case "sign", "(":
                inner = self.alternatives()
                self._expect("sign", ")")
                return inner
            case "call", _:
                name, _, argument = text.rstrip(")").partition("(")
                return self._call(name, argument.strip())
            case "word", _:
                return self._operation(text)
        raise BadSelector(f"selector {self._text!r}: unexpected {text or 'end'!r}")

    def _call(self, name: str, argument: str) -> Selector:
        if (name == "has") is not bool(argument):
            raise BadSelector(f"selector {self._text!r}: {name}({argument})")
        return Compare(argument, "has") if name == "has" else AllSelector(f"{name}()")

    def _operation(self, label: str) -> Selector:
        _, operator = self.take()
        if operator in ("starts", "ends", "not"):
            operator += f" {self.take()[1]}"
        if operator in TEXT_OPERATORS:
            return Compare(label, operator, self._expect("text"))
        if operator in ("in", "not in", "notin"):
            return Among(label, self._set(), operator == "in")
        raise BadSelector(f"selector {self._text!r}: {operator!r} is no operator")

    def _set(self) -> tuple[str, ...]:
        self._expect("sign", "{")
        values: list[str] = []
        while self.peek() != ("sign", "}"):
            values.append(self._expect("text"))
            if self.peek() == ("sign", ","):
                self.take()
        self._expect("sign", "}")
        return tuple(sorted(set(values)))

    def _expect(self, kind: str, text: str | None = None) -> str:
        token = self.take()
        if token[0] != kind or (text is not None and token[1] != text):
            raise BadSelector(f"selector {self._text!r}: {token[1] or 'end'!r} instead of {text or kind!r}")
        return token[1]

    def peek(self) -> tuple[str, str]:
        """The next token: its kind, and its text without quotes."""
        place, token = self._place, self.take()
        self._place = place
        return token

    def take(self) -> tuple[str, str]:
        """Consumes the next token."""
        match = TOKEN.match(self._text, self._place)
        if match is None:
            raise BadSelector(f"selector {self._text!r}: cannot read {self._text[self._place :]!r}")
        self._place = match.end()
        for kind in ("call", "text", "word", "sign"):
            if (text := match[kind]) is not None:
                return kind, text[1:-1] if kind == "text" else text
        return "end", ""
