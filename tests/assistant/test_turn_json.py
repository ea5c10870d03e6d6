"""A turn comes back from its JSON as it was, and what was not written here is refused in one line."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import (
    Citation,
    Conversation,
    Dot,
    Filter,
    InvalidHistory,
    Mode,
    Outcome,
    Plan,
    References,
    Theme,
    TopicMap,
    Turn,
    Uncited,
    conversation_from_json,
    conversation_to_json,
)
from assistant.conversations import new_id
from assistant.turn_json import dump_turn, load_turn
from assistant.usage import Usage
from index_store import Paper

from .making import make_paper

# Two surrogates side by side are a character to JSON, so a text has low ones only; others stand alone anyway.
TEXTS = st.text(st.characters(exclude_categories=()).filter(lambda c: not "\ud800" <= c <= "\udbff"), max_size=12) | (
    st.sampled_from(["\0", "\udc80", "a\u2028b", "{{title}}", "[1] [P1.2]", "</script>", "é́", "𝔘\x1b[0m", "\ud800x"])
)
NUMBERS = st.integers(0, 2**53)
SHARES = st.floats(0, 1)
NAMES = st.lists(TEXTS, max_size=3).map(tuple)
PAPERS = st.builds(
    Paper, TEXTS, TEXTS, NAMES, st.none() | st.integers(-5, 3000), *[TEXTS] * 6, sources=NAMES, collections=NAMES
)
THEMES = st.lists(st.builds(Theme, TEXTS, NAMES), max_size=2).map(tuple)
FILTERS = st.builds(
    Filter, st.none() | NUMBERS, st.none() | NUMBERS, TEXTS, TEXTS, TEXTS, st.none() | st.just(()) | NAMES
)
PLANS = st.from_type(Plan).flatmap(
    lambda plan: st.builds(
        replace,
        st.just(plan),
        question=TEXTS,
        standalone=TEXTS,
        topic=TEXTS,
        subjects=NAMES,
        aspects=NAMES,
        within=NAMES,
        left_out=NAMES,
        limits=FILTERS,
    )
)
SUPPORT = st.sampled_from(["verbatim", "supported", "partly", "not found"])
CITATIONS = st.builds(Citation, NUMBERS, TEXTS, PAPERS, NUMBERS, NUMBERS, NUMBERS, TEXTS, SUPPORT, NUMBERS)
TURNS = st.builds(
    Turn,
    plan=PLANS,
    pieces=st.lists(TEXTS | CITATIONS | st.builds(Uncited, NUMBERS), max_size=5).map(tuple),
    papers=st.lists(PAPERS, max_size=3).map(tuple),
    outcome=st.sampled_from(Outcome),
    searched=NUMBERS,
    llm=st.none() | TEXTS,
    problem=TEXTS,
    note=TEXTS,
    dropped_markers=NUMBERS,
    usage=st.none() | st.builds(Usage, NUMBERS, NUMBERS, NUMBERS, st.booleans()),
    cost=st.none() | st.floats(0, 1e6),
    timings=st.dictionaries(TEXTS, st.floats(0, 1e6), max_size=3),
    missing=NAMES,
    themes=THEMES,
    topic_map=st.none()
    | st.builds(
        TopicMap, THEMES, st.lists(st.builds(Dot, PAPERS, NUMBERS, SHARES, SHARES), max_size=2).map(tuple), NUMBERS
    ),
    id=TEXTS,
)


@given(TURNS)
def test_a_turn_comes_back_as_it_was(turn: Turn) -> None:
    written = dump_turn(turn)
    assert load_turn(written) == turn
    assert written.isascii() and "\0" not in written


def test_every_field_of_a_turn_is_generated() -> None:
    assert {*Turn.__dataclass_fields__} == {
        *("plan pieces papers outcome searched llm problem note dropped_markers usage cost timings missing").split(),
        *("themes topic_map id").split(),
    }


def test_a_paper_is_written_once() -> None:
    turn = cited_conversation().turns[0]
    written = json.loads(dump_turn(replace(turn, pieces=turn.pieces * 3)))
    assert [paper["title"] for paper in written["papers"]] == ["Ben", "Ada"]


def test_what_an_older_version_did_not_write_has_its_default() -> None:
    turn = cited_conversation().turns[0]
    written = json.loads(dump_turn(turn))
    del written["turn"]["note"]
    assert load_turn(json.dumps(written)) == turn


def cited_conversation() -> Conversation:
    """A sound conversation with a citation, a claim without one, and a map."""
    ada, ben = make_paper("Ada"), make_paper("Ben", year=2020, url="https://example.org/ben")
    references, number = References().offer((ada, ben)).cite("ben")
    citation = Citation(number, "P2", ben, 1, 0, 26, "Ben is the first sentence.", "partly", 1)
    shown = TopicMap((Theme("Names", ("ada", "ben")),), (Dot(ada, 0, 0.1, 0.9), Dot(ben, 0, 0, 1)), 2)
    pieces = ("Ben says ", citation, " and more.", Uncited(2))
    turn = Turn(Plan(Mode.ASK, "Who?", "Who?"), pieces, (ada, ben), Outcome.STOPPED, topic_map=shown, id=new_id())
    return Conversation((turn,), references, new_id())


def test_a_conversation_comes_back_as_it_was() -> None:
    conversation = cited_conversation()
    assert conversation_from_json(conversation_to_json(conversation)) == conversation
    assert conversation_from_json(conversation_to_json(Conversation())) == Conversation()


Change = Callable[[Any], object]


def changed(change: Change) -> str:
    data = json.loads(conversation_to_json(cited_conversation()))
    change(data)
    return json.dumps(data)


def citation(data: Any) -> Any:
    return data["conversation"]["turns"][0]["pieces"][1]


def turn(data: Any) -> Any:
    return data["conversation"]["turns"][0]


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.update(version=2),
        lambda data: data.update(version="x" * 1000),
        lambda data: data.pop("conversation"),
        lambda data: data.pop("papers"),
        lambda data: data.update(papers={}),
        lambda data: data["papers"].append(3),
        lambda data: data["papers"][1].update(year="2020"),
        lambda data: data["papers"][1].update(year=10**400),
        lambda data: data["papers"][1].update(authors="Ben"),
        lambda data: data["papers"][1].update(unheard_of=1),
        lambda data: data["papers"][0].update(abstract="Another text."),
        lambda data: data["papers"][1].update(id="ben"),
        lambda data: data["papers"][0].pop("id"),
        lambda data: data["conversation"].update(id="../../etc/passwd"),
        lambda data: data["conversation"].update(turns=[None]),
        lambda data: data["conversation"]["references"].update(cited=["zoe"]),
        lambda data: data["conversation"]["references"].update(reserved=-1),
        lambda data: data["conversation"]["references"].update(offered=[0, 7]),
        lambda data: turn(data).update(papers=[-1]),
        lambda data: turn(data).update(papers=[True]),
        lambda data: turn(data).update(outcome="splendid"),
        lambda data: turn(data).update(outcome=["failed"]),
        lambda data: turn(data).update(cost=float("nan")),
        lambda data: turn(data).update(searched=1.5),
        lambda data: turn(data).update(searched=True),
        lambda data: turn(data).update(timings=[]),
        lambda data: turn(data).update(pieces=[None]),
        lambda data: turn(data).update(pieces=[{"claim": 1, "number": 1}]),
        lambda data: turn(data).update(id="<b>"),
        lambda data: turn(data)["plan"].update(mode="auto?"),
        lambda data: turn(data)["topic_map"]["dots"][0].update(theme=1),
        lambda data: turn(data)["topic_map"]["dots"][0].update(x=-0.5),
        lambda data: citation(data).update(number=2),
        lambda data: citation(data).update(number=0),
        lambda data: citation(data).update(key="P1"),
        lambda data: citation(data).update(key="P99999999999"),
        lambda data: citation(data).update(paper=1),
        lambda data: citation(data).update(start=-26, end=26),
        lambda data: citation(data).update(end=10_000),
        lambda data: citation(data).update(quote="Ben says nothing."),
        lambda data: citation(data).update(support="certain"),
        lambda data: citation(data).pop("quote"),
    ],
)
def test_a_conversation_that_is_not_sound_is_refused_in_one_line(change: Change) -> None:
    assert conversation_from_json(changed(lambda _: None))
    with pytest.raises(InvalidHistory) as refused:
        conversation_from_json(changed(change))
    assert re.fullmatch(r"The conversation cannot be read: .{10,100}\.", str(refused.value))


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "[" * 100_000, '{"version": 1' + "0" * 5000 + "}", "\ud800", "x"]
)
def test_what_is_no_json_of_ours_is_refused(text: str) -> None:
    with pytest.raises(InvalidHistory, match="cannot be read"):
        conversation_from_json(text)
    with pytest.raises(InvalidHistory, match="cannot be read"):
        load_turn(text)


def test_a_text_without_end_is_refused_before_it_is_read() -> None:
    with pytest.raises(InvalidHistory, match="are allowed"):
        conversation_from_json(" " * 64_000_001)
