"""Calico's selectors, as its documentation describes them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.lab.felix.selector import (
    SELECT_ALL,
    Among,
    Compare,
    Join,
    Not,
    Selector,
    all_of,
    matcher,
    replace_all,
    to_text,
    with_prefix,
)
from tools.lab.felix.selector_parser import BadSelector, parse

LABELS = {"app": "web", "tier": "front-end", "projectcalico.org/namespace": "shop"}
WORDS = st.text("abcxyz./-_019", min_size=1, max_size=6)
TREES: st.SearchStrategy[Selector] = st.recursive(
    st.just(SELECT_ALL)
    | st.builds(Compare, WORDS, st.just("has"))
    | st.builds(Compare, WORDS, st.sampled_from(["==", "!=", "contains", "starts with", "ends with"]), WORDS)
    | st.builds(lambda k, v, inside: Among(k, tuple(sorted(set(v))), inside), WORDS, st.lists(WORDS), st.booleans()),
    lambda inner: (
        st.builds(Not, inner)
        | st.builds(Join, st.sampled_from(["&&", "||"]), st.lists(inner, min_size=2, max_size=3).map(tuple))
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", True),
        ("all()", True),
        ("global()", False),
        ("app == 'web'", True),
        ('app == "web"', True),
        ("app != 'web'", False),
        ("absent != 'x'", True),
        ("absent == ''", False),
        ("has(app) && !has(absent)", True),
        ("! has( app )", False),
        ("app in { 'web', 'db' }", True),
        ("app not in {'web'}", False),
        ("absent not in {'web'}", True),
        ("app notin {'db'}", True),
        ("app in {}", False),
        ("tier contains 't-e'", True),
        ("tier starts with 'front'", True),
        ("tier ends with 'front'", False),
        ("absent contains ''", False),
        ("app == 'db' || app == 'web' && has(tier)", True),
        ("(app == 'web' || app == 'db') && tier == 'x'", False),
        ("projectcalico.org/namespace == 'shop'", True),
    ],
)
def test_a_selector_selects_as_calico_says(text: str, expected: bool) -> None:
    assert matcher(parse(text))(LABELS) is expected


@pytest.mark.parametrize(
    "text",
    [
        "app",
        "app = 'web'",
        "app == web",
        "app == 'web",
        "has()",
        "all(app)",
        "(app == 'web'",
        "app in 'web'",
        "&& has(app)",
        "has(a) has(b)",
        "a &",
    ],
)
def test_what_is_no_selector_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(BadSelector) as refused:
        parse(text)
    assert repr(text) in str(refused.value)


@given(TREES, st.dictionaries(WORDS, WORDS, max_size=4))
def test_the_text_of_a_tree_reads_back_to_the_same_choice(tree: Selector, labels: dict[str, str]) -> None:
    again = parse(to_text(tree))
    assert matcher(again)(labels) is matcher(tree)(labels)
    assert to_text(again) == to_text(parse(to_text(again)))


def test_a_namespace_selector_is_about_the_namespace_s_labels() -> None:
    in_namespace = Compare("ns", "has")
    tree = replace_all(with_prefix(parse("team == 'a' && all()"), "pcns."), in_namespace, Not(in_namespace))
    assert to_text(tree) == '(pcns.team == "a" && has(ns))'


def test_joining_leaves_out_what_says_nothing() -> None:
    first = parse("has(a)")
    assert all_of(None, SELECT_ALL) == SELECT_ALL
    assert all_of(SELECT_ALL, first, None) == first
    assert to_text(all_of(first, parse("has(b)"))) == "(has(a) && has(b))"
