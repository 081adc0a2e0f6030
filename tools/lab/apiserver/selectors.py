"""Label and field selectors (Kubernetes API concepts, "Labels and Selectors", "Field Selectors")."""

import re
from collections.abc import Callable

from tools.lab.apiserver.resources import ServedResource
from tools.lab.apiserver.status import bad_request
from tools.lab.objects import Object

ObjectMatcher = Callable[[Object], bool]

COMMON_FIELDS = ("metadata.name", "metadata.namespace")
SET_TERM = re.compile(r"\s*([^\s!=,()]+)\s+(in|notin)\s*\(([^()]*)\)\s*")
EQUALITY_TERM = re.compile(r"\s*([^\s!=,()]+)\s*(==|=|!=)\s*([^\s!=,()]*)\s*")
PRESENCE_TERM = re.compile(r"\s*(!?)\s*([^\s!=,()]+)\s*")
BETWEEN_TERMS = re.compile(r",(?![^(]*\))")


def parse_selectors(resource: ServedResource, labels: str, fields: str) -> ObjectMatcher:
    """One predicate of both query parameters ("" selects all); raises ApiError 400."""
    terms = [label_term(text) for text in split_terms(labels)]
    terms += [field_term(resource, text) for text in split_terms(fields)]
    return lambda body: all(term(body) for term in terms)


def split_terms(text: str) -> list[str]:
    """The terms of a selector: commas separate, but not those within parentheses."""
    return BETWEEN_TERMS.split(text) if text.strip() else []


def label_term(text: str) -> ObjectMatcher:
    """`k in (a,b)`, `k notin (a,b)`, `k=v`, `k==v`, `k!=v`, `k`, `!k`."""
    if term := SET_TERM.fullmatch(text):
        key, operator, listed = term.groups()
        return label_among(key, {value.strip() for value in listed.split(",")}, operator == "in")
    if term := EQUALITY_TERM.fullmatch(text):
        key, operator, value = term.groups()
        return label_among(key, {value}, operator != "!=")
    if term := PRESENCE_TERM.fullmatch(text):
        absent, key = term.groups()
        return lambda body: (key in labels_of(body)) is not bool(absent)
    raise bad_request(f"unable to parse requirement {text!r} of the label selector")


def label_among(key: str, values: set[str], inside: bool) -> ObjectMatcher:
    """Matches if the label's value is among `values`, or, unless `inside`, is not. An absent label is among none."""
    return lambda body: (labels_of(body).get(key) in values) is inside


def labels_of(body: Object) -> dict[str, str]:
    """The object's labels."""
    labels: dict[str, str] = body["metadata"].get("labels", {})
    return labels


def field_term(resource: ServedResource, text: str) -> ObjectMatcher:
    """`a.b=v`, `a.b==v`, `a.b!=v` for the fields the registry names; an absent field counts as ""."""
    term = EQUALITY_TERM.fullmatch(text)
    if not term:
        raise bad_request(f"invalid field selector {text!r}")
    path, operator, value = term.groups()
    if path not in COMMON_FIELDS + resource.fields:
        raise bad_request(f"field label not supported: {path}")
    return lambda body: (field_of(body, path) == value) is (operator != "!=")


def field_of(body: Object, path: str) -> str:
    """The text of a dotted path in an object."""
    value: object = body
    for step in path.split("."):
        value = value.get(step) if isinstance(value, dict) else None
    if isinstance(value, bool):
        return str(value).lower()
    return "" if value is None else str(value)
