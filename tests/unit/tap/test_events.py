"""Events of frames: rows with old and new, notes, gaps; their filters and their forms."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bus.envelope import FetchSnapshot
from tests.unit.tap.frames import AFTER, BEFORE, CAUSE, SERVICES, STORY, beacon, intents, rows
from tools.cli.tap.scrolling import scrolled
from tools.tap import chain, export, show, state, top
from tools.tap.filter import BadExpression, EventFilter, FieldMatch, unmatched_patterns
from tools.tap.observer import NOTE, Observer, TapEvent, field_differences
from tools.tap.show import Painter
from tools.tap.top import TopTable

WIDTH = 80
COLOURLESS, COLOURED = Painter(False), Painter(True)


def story() -> tuple[Observer, list[TapEvent]]:
    observer = Observer()
    return observer, [event for now, data in STORY for event in observer.feed(data, now)]


def test_rows_are_seen_with_what_they_were_before_and_why() -> None:
    _, events = story()
    changed = next(event for event in events if event.old and event.new)
    assert (changed.process, changed.word, changed.key, changed.cause) == (SERVICES, "intent", AFTER.key, CAUSE)
    assert [len(event["backends"]) for event in (changed.old, changed.new)] == [1, 2]
    assert changed.time == 102.0


def test_what_was_there_before_the_tap_is_marked() -> None:
    _, events = story()
    assert [(event.word, event.load) for event in events[:3]] == [("node", True), ("intent", True), ("intent", False)]


def test_what_a_tap_missed_is_asked_for_and_counted() -> None:
    observer = Observer()
    observer.feed(intents(1, BEFORE), 1.0)
    assert observer.fetches(0.0) == []
    observer.feed(intents(3, AFTER), 3.0)
    assert observer.gaps() == 1
    assert observer.fetches(10.0) == [FetchSnapshot(word="intent", owner=SERVICES)]


def test_it_is_whole_when_all_that_the_beacon_speaks_of_has_been_heard() -> None:
    observer = Observer()
    assert not observer.complete
    observer.feed(beacon(("intent", SERVICES, 1)), 1.0)
    assert not observer.complete
    assert observer.fetches(1.0) == [FetchSnapshot(word="intent", owner=SERVICES)]
    observer.feed(intents(1, BEFORE), 2.0)
    assert observer.complete


@given(st.binary(max_size=100))
def test_no_bytes_end_a_tap(data: bytes) -> None:
    observer = Observer()
    for event in observer.feed(data, 1.0):
        assert list(show.event_lines(event, WIDTH, COLOURED))


def test_only_fields_that_differ_are_shown_and_lists_by_what_came_and_went() -> None:
    _, events = story()
    changed = next(event for event in events if event.old and event.new)
    assert [field for field, _, _ in field_differences(changed.old, changed.new)] == ["backends"]
    text = "\n".join(show.event_lines(changed, WIDTH, COLOURLESS))
    assert "backends: +{address=10.48.0.2 port=8080}" in text
    assert "10.48.0.1 " not in text
    assert CAUSE in text


values = st.recursive(
    st.none() | st.integers() | st.text(max_size=100) | st.booleans(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=30), inner, max_size=4),
    max_leaves=20,
)


@given(values, values, st.text(max_size=200), st.integers(40, 120))
def test_no_line_is_wider_than_the_terminal(old: object, new: object, key: str, width: int) -> None:
    event = TapEvent(1.0, "vpp-writer", "endpoint-slice", key.replace("\n", " "), CAUSE, {"a": old}, {"a": new})
    assert max(map(len, show.event_lines(event, width, COLOURLESS))) <= width


def test_colours_change_no_letter() -> None:
    _, events = story()
    for event in events:
        plain = list(show.event_lines(event, WIDTH, COLOURLESS))
        assert [show.without_colours(line) for line in show.event_lines(event, WIDTH, COLOURED)] == plain


@pytest.mark.parametrize(
    ("chosen", "count"),
    [
        (EventFilter(), 4),
        (EventFilter(loads=True), 6),
        (EventFilter(processes=("vpp-*",)), 3),
        (EventFilter(words=("intent",)), 1),
        (EventFilter(words=(NOTE,)), 1),
        (EventFilter(keys=("translation/6/*",), causes=("kube/*",)), 3),
        (EventFilter(fields=(FieldMatch.read("backends.address=10.48.0.2"),)), 1),
        (EventFilter(fields=(FieldMatch.read("retval=0"),)), 1),
        (EventFilter(fields=(FieldMatch.read("took_s>0.0005"),)), 1),
        (EventFilter(fields=(FieldMatch.read("needs~table/*"),)), 1),
        (EventFilter(words=("status.*",), fields=(FieldMatch.read("state!=applied"),)), 1),
    ],
)
def test_filters(chosen: EventFilter, count: int) -> None:
    _, events = story()
    assert sum(map(chosen.fits, events)) == count, [event for event in events if chosen.fits(event)]


@pytest.mark.parametrize("text", ["", "a", "=b", "a>", "a>b", "a b=c"])
def test_a_field_expression_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadExpression, match="FIELD=VALUE"):
        FieldMatch.read(text)


def test_a_chain_is_all_that_one_event_set_off_with_the_time_of_each_hop() -> None:
    _, events = story()
    for pattern in (CAUSE, "kube/services/d/web", "kube/*"):
        hops = list(chain.hops(events, pattern))
        assert [hop.event.word for hop in hops] == ["intent", NOTE, "status.services"]
        assert [round(hop.after_s, 4) for hop in hops] == [0.0, 0.003, 0.005]
        assert [round(hop.hop_s, 4) for hop in hops] == [0.0, 0.003, 0.002]
    assert list(chain.hops(events, "cni-add/*")) == []


def test_state_shows_intents_beside_their_statuses_and_what_is_not_applied() -> None:
    observer, _ = story()
    (head, *_lines) = state.rows(observer, "intent", "*", WIDTH, COLOURLESS)
    assert head == f"intent services {AFTER.key}  applied"
    assert list(state.unapplied(observer, COLOURLESS)) == []
    newcomer = Observer()
    newcomer.feed(intents(1, BEFORE), 1.0)
    assert list(state.unapplied(newcomer, COLOURLESS)) == [f"services {BEFORE.key}  no status  ({CAUSE})"]


def test_a_perfetto_trace_has_a_slice_for_what_took_time_and_a_flow_for_each_cause() -> None:
    _, events = story()
    trace = json.loads(export.perfetto(events))["traceEvents"]
    names = {event["args"]["name"] for event in trace if event["name"] == "process_name"}
    assert names == {SERVICES, "vpp-writer"}
    (call,) = [event for event in trace if event["ph"] == "X" and event["cat"] == NOTE]
    assert round(call["dur"]) == 1000
    assert [event["ph"] for event in trace if event.get("cat") == "cause"] == ["s", "t", "t"]


def test_a_sequence_diagram_names_those_who_speak_before_they_do() -> None:
    _, events = story()
    lines = list(export.mermaid(chain.hops(events, CAUSE)))
    assert lines[0] == "sequenceDiagram"
    assert "    participant vpp_writer as vpp-writer" in lines
    assert any(line.startswith("    vpp_writer->>VPP: +3.0 ms cnat_translation_update") for line in lines)


def test_top_counts_rates_and_says_who_is_in_trouble() -> None:
    observer, rates = Observer(), top.Rates()
    for now, data in STORY:
        for event in observer.feed(data, now):
            rates.take(event, now)
    processes = top.process_table(observer, rates, {}, {}, 103.0, COLOURLESS)
    words = top.word_table(observer, rates, 103.0)
    assert "intent             services          1     0.2     0.0" in words.lines
    assert max(map(len, (processes.head, *processes.lines, words.head, *words.lines))) <= WIDTH


PROCESSES = TopTable("processes", ("bus", "cni"))
WORDS = TopTable("words", tuple(f"word {number}" for number in range(30)))


@pytest.mark.parametrize("height", range(1, 60))
@pytest.mark.parametrize("first", [0, 7, 29])
def test_top_is_never_higher_than_the_screen_and_shows_processes_first(height: int, first: int) -> None:
    lines = top.fit_screen(PROCESSES, WORDS, height, first, COLOURLESS)
    assert len(lines) <= height
    assert lines[:3] == ["processes", "bus", "cni"][:height]
    if height >= 8:
        assert f"word {first}" in lines


def test_top_says_how_much_is_out_of_sight() -> None:
    assert "words  (25 more: arrows)" in top.fit_screen(PROCESSES, WORDS, 10, 0, COLOURLESS)
    assert "words" in top.fit_screen(PROCESSES, WORDS, 60, 0, COLOURLESS)


def test_top_sorts_by_what_is_asked_for_and_by_name_where_that_is_equal() -> None:
    observer = Observer()
    for word, count in (("few", 1), ("many", 3), ("as-many", 3)):
        observer.feed(rows(word, SERVICES, 1, {f"key{at}": BEFORE for at in range(count)}), 1.0)
    order = [line.split()[0] for line in top.word_table(observer, top.Rates(), 1.0, "rows").lines]
    assert order == ["as-many", "many", "few"]


@pytest.mark.parametrize(
    ("key", "line"), [("up", 4), ("down", 6), ("page up", 0), ("page down", 15), ("", 5), ("sort", 5)]
)
def test_keys_scroll(key: str, line: int) -> None:
    assert scrolled(5, key, page=10, last=20) == line
    assert 0 <= scrolled(20, key, page=10, last=20) <= 20


def test_the_state_has_rows_in_full_and_as_json() -> None:
    observer, _ = story()
    text = "\n".join(state.rows(observer, "intent", "*", WIDTH, COLOURLESS))
    assert "…" not in text
    assert "10.48.0.2" in text
    (line,) = state.rows_as_json(observer, "intent", "translation*")
    row = json.loads(line)
    assert (row["word"], row["owner"], row["key"], row["cause"]) == ("intent", SERVICES, AFTER.key, CAUSE)
    assert [backend["address"] for backend in row["value"]["backends"]] == ["10.48.0.1", "10.48.0.2"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (EventFilter(words=("intnet",)), "no word is called 'intnet'; there are intent"),
        (EventFilter(processes=("servces",)), "no process is called 'servces'; there are services"),
        (EventFilter(keys=("translation/nope",)), "no row has a key 'translation/nope' now"),
        (EventFilter(words=("int*", "note", "bgp-peer"), processes=("serv*",), keys=("translation/*",)), None),
    ],
)
def test_a_pattern_that_fits_nothing_is_told_with_what_it_may_be(wanted: EventFilter, said: str | None) -> None:
    observer, _ = story()
    texts = list(unmatched_patterns(wanted, observer))
    assert (texts == []) if said is None else (len(texts) == 1 and texts[0].startswith(said))


def test_top_forgets_what_came_before_the_clock_was_set_back() -> None:
    rates = top.Rates()
    event = next(event for event in story()[1] if not event.load)
    for number in range(100):
        rates.take(event, 7200.0 + number / 100)
    rates.take(event, 3600.0)
    assert rates.of(3600.0)[event.word, event.process][0] == 1 / top.WINDOW_S
