"""Calico's label selectors as trees: their one text form, and matching against labels. Pure.

Source: Calico documentation, "Selectors" of GlobalNetworkPolicy: `k == 'v'`, `k != 'v'`, `k in {...}`, `k not in
{...}`, `k contains 'v'`, `k starts with 'v'`, `k ends with 'v'`, `has(k)`, `all()`, `global()`, `!`, `&&`, `||`,
parentheses. A label that is absent differs from every value and is in no set.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from typing import TypeAlias

Labels: TypeAlias = Mapping[str, str]
LabelMatcher: TypeAlias = Callable[[Labels], bool]


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
def matcher(node: Selector) -> LabelMatcher:
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


def conjunction(first: LabelMatcher, second: LabelMatcher) -> LabelMatcher:
    """Both match."""
    return lambda labels: first(labels) and second(labels)


def disjunction(first: LabelMatcher, second: LabelMatcher) -> LabelMatcher:
    """At least one of them matches."""
    return lambda labels: first(labels) or second(labels)


def comparison(label: str, operator: str, value: str) -> LabelMatcher:
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
