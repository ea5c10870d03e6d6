"""Summaries as whole turns, in quotations and written: themes, sources, length, and what they say they cover."""

import asyncio
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from assistant import (
    Assistant,
    Citation,
    Conversation,
    Done,
    Estimated,
    Event,
    Failed,
    Length,
    Mode,
    Outcome,
    Paper,
    Plan,
    Planned,
    Reading,
    References,
    Retrieved,
    Settings,
    Theme,
    Turn,
    from_messages,
    sentences,
    stored,
)
from assistant.llm import LanguageModel
from assistant.roles import Role, roles
from assistant.testing import Reply, ScriptedServer
from assistant.topics import topic_map
from index_store import Embedder, Library, State

from .conftest import Model
from .making import make_paper
from .turns import ask, collect, short, stop_once, talk, told

CACHES = "Summarise KV cache compression"
STATES = "Summarise state space models"  # eleven papers: more than are read without notes
ABSENT = "Summarise sourdough baking"
COVERAGE = re.compile(
    r"\*(\d+) papers? on this topic, (\d+) cited(?:; (\d+) not used: (.+?))?\.(?: At least (\d+) more .+)?\*"
)
HEADING = re.compile(r"^### (\d+)\. (.+) \((\d+) papers?\)$", re.MULTILINE)


@pytest.fixture(scope="module")
def assistant(sample_library: Library) -> Assistant:
    return Assistant(sample_library, Settings(home=sample_library.home))


@pytest.fixture(scope="module")
def collection(assistant: Assistant) -> Turn:
    """The whole collection, quoted once for the tests that look at it: its map takes a second or two."""
    return asyncio.run(assistant.answer("What is in this collection?"))


def plain(text: str) -> str:
    return re.sub(r"\\(.)", r"\1", text)


def assert_covered(turn: Turn) -> None:
    """The last line says how many papers there are, how many are cited, and names the others."""
    *_, last = turn.answer.strip().splitlines()
    found = COVERAGE.fullmatch(last)
    assert found, last
    used = {citation.paper.id for citation in turn.citations}
    assert (int(found[1]), int(found[2]), int(found[3] or 0)) == (len(turn.papers), len(used), len(turn.unused))
    assert used | {paper.id for paper in turn.unused} == {paper.id for paper in turn.papers}
    if found[4]:
        for paper in turn.unused[:6]:
            assert plain(found[4]).count(short(paper)) >= 1
        assert ("; and " in found[4]) == (len(turn.unused) > 6)


def assert_sourced(turn: Turn) -> None:
    """What is cited was found, word for word, and every paper of the turn is in one theme."""
    for citation in turn.citations:
        assert citation.paper in turn.papers
        assert citation.quote == citation.paper.abstract[citation.start : citation.end]
    in_themes = [paper_id for theme in turn.themes for paper_id in theme.papers]
    assert sorted(in_themes) == sorted(paper.id for paper in turn.papers)


# -- in quotations ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("question", "topic", "among"),
    [
        (CACHES, "KV cache compression", {"MiniCache", "ZipCache", "DuoAttention"}),
        ("Give me an overview of offline reinforcement learning", "offline reinforcement learning", {"ODICE"}),
        ("What do the papers say about radiology?", "radiology", {"MAIRA-2", "RAD-DINO"}),
        ("quantum computing: a summary", "quantum computing", set()),
        ("/summarise bandits", "bandits", {"Last Switch Dependent Bandits with Monotone Payoff Functions"}),
        ("Summarise MiniCache", "MiniCache", {"MiniCache"}),
    ],
)
async def test_a_topic_is_summarised_theme_by_theme_from_the_papers_on_it(
    assistant: Assistant, question: str, topic: str, among: set[str]
) -> None:
    turn = await ask(assistant, question)
    assert (turn.mode, turn.plan.topic, turn.outcome) == (Mode.SUMMARISE, topic, Outcome.ANSWERED)
    assert among <= {short(paper) for paper in turn.papers}
    assert_sourced(turn)
    assert_covered(turn)
    assert turn.unused == ()  # in quotations of normal length every paper speaks
    assert {citation.support for citation in turn.citations} == {"verbatim"}


async def test_themes_are_numbered_named_and_counted_and_hold_their_own_papers(assistant: Assistant) -> None:
    turn = await ask(assistant, STATES)
    found = HEADING.findall(turn.answer)
    assert found == [
        (str(place), theme.name, str(len(theme.papers))) for place, theme in enumerate(turn.themes, start=1)
    ]
    assert len(found) > 1
    parts = re.split(r"^### .+$", turn.answer, flags=re.MULTILINE)[1:]
    known = {paper.id: short(paper) for paper in turn.papers}
    for part, theme in zip(parts, turn.themes, strict=False):
        items = re.findall(r"^- \*\*(.+)\.\*\* .+\[\d+\]$", part, re.MULTILINE)
        assert {plain(item) for item in items} == {known[paper_id] for paper_id in theme.papers}


async def test_a_topic_of_one_theme_has_no_heading_for_it(assistant: Assistant) -> None:
    turn = await ask(assistant, "Summarise MiniCache")
    assert not HEADING.search(turn.answer)
    assert turn.answer.startswith("- **MiniCache.** ")


async def test_every_line_that_quotes_a_paper_cites_it(assistant: Assistant) -> None:
    turn = await ask(assistant, "Summarise offline reinforcement learning in detail")
    for line in turn.answer.splitlines():
        if line.startswith(("- ", "> ", "Figures: ")):
            assert re.search(r"\[\d+\]\.?$", line), line


async def test_open_questions_are_what_the_abstracts_themselves_leave_open(assistant: Assistant) -> None:
    turn = await ask(assistant, CACHES)
    _, heading, rest = turn.answer.partition("### Open questions that the abstracts name")
    assert heading
    limits = {
        sentence.text
        for paper in turn.papers
        for sentence, role in zip(sentences(paper.abstract), roles(paper), strict=True)
        if role is Role.LIMIT
    }
    found = re.findall(r"^- (.+) \[\d+\]$", rest, re.MULTILINE)
    assert found and {plain(text) for text in found} <= limits
    turn = await ask(assistant, "Summarise quantum computing")
    assert "The abstracts name no open questions." in turn.answer


async def test_figures_and_years_stand_under_a_theme_only_where_there_are_several(
    embedder: Embedder, tmp_path: Path
) -> None:
    papers = [
        Paper("Flight of glass bees", "We study glass bees. Glass bees fly 12% faster than clay bees.", year=2019),
        Paper("Honey of glass bees", "We study glass bees. Glass bees save 30% of their honey in winter.", year=2021),
    ]
    with Library(tmp_path / "own", embedder) as library:
        library.add_records(papers)
        library.index()
        turn = await Assistant(library, Settings(home=library.home)).answer("Summarise glass bees")
    flight, honey = "Flight of glass bees 12%", "Honey of glass bees 30%"
    assert (
        f"Figures: {flight} [1]; {honey} [2]." in turn.answer or f"Figures: {honey} [1]; {flight} [2]." in turn.answer
    )
    assert "By year: 2019: 1, 2021: 1." in turn.answer


@pytest.mark.parametrize(("question", "chosen"), [(STATES, True), (STATES, False)])
async def test_short_says_less_than_normal_and_long_more(assistant: Assistant, question: str, chosen: bool) -> None:
    asked = {
        Length.SHORT: f"Briefly summarise {STATES[10:]}",
        Length.NORMAL: STATES,
        Length.LONG: f"{STATES} in detail",
    }
    turns = {
        length: await assistant.answer(question, length=length) if chosen else await assistant.answer(asked[length])
        for length in Length
    }
    assert [turn.plan.length for turn in turns.values()] == list(Length)
    assert {turn.plan.topic for turn in turns.values()} == {"state space models"}
    sizes = [len(turns[length].answer) for length in (Length.SHORT, Length.NORMAL, Length.LONG)]
    assert sizes == sorted(sizes) and sizes[0] * 2 < sizes[1]
    for turn in turns.values():
        assert_covered(turn)
        assert_sourced(turn)
    assert turns[Length.SHORT].unused and not turns[Length.LONG].unused


async def test_a_length_chosen_apart_wins_over_the_words(assistant: Assistant) -> None:
    turn = await assistant.answer("Briefly summarise bandits", length=Length.LONG)
    assert turn.plan.length is Length.LONG


async def test_at_most_so_many_papers_are_taken_in_as_the_settings_say(sample_library: Library) -> None:
    few = Assistant(sample_library, Settings(home=sample_library.home, summary_papers=4))
    turn = await few.answer(STATES)
    assert len(turn.papers) == 4
    assert_covered(turn)
    assert re.search(r"At least \d+ more were not taken in \(RESEARCH_ASSISTANT_SUMMARY_PAPERS\)", turn.answer)


@pytest.mark.parametrize("question", [ABSENT, "overview of medieval castles", "/summarise lasagne recipes"])
async def test_a_topic_that_is_not_there_is_refused_without_a_citation_or_a_coverage_line(
    assistant: Assistant, question: str
) -> None:
    events = await collect(assistant.ask(question))
    _, retrieved, *written, done = events
    assert isinstance(retrieved, Retrieved) and isinstance(done, Done)
    turn = done.turn
    assert (turn.outcome, retrieved.hits, turn.papers, turn.themes, turn.citations) == (Outcome.REFUSED, (), (), (), ())
    assert turn.answer.startswith(f"**Nothing in this collection is on {turn.plan.topic}.** 97 papers were searched.")
    assert turn.answer.count("\n- ") == 3
    assert "on this topic" not in turn.answer
    assert told(written) == list(turn.pieces)


async def test_streamed_and_whole_summaries_are_the_same(assistant: Assistant) -> None:
    events = await collect(assistant.ask(CACHES))
    planned, retrieved, *written, done = events
    assert isinstance(planned, Planned) and isinstance(retrieved, Retrieved) and isinstance(done, Done)
    assert told(written) == list(done.turn.pieces)
    assert tuple(hit.paper for hit in retrieved.hits) == done.turn.papers
    assert retrieved.topic_map is None
    assert replace(await assistant.answer(CACHES), timings={}) == replace(done.turn, timings={})


async def test_a_stopped_summary_still_says_what_it_covers(assistant: Assistant) -> None:
    whole, stop, events = await assistant.answer(STATES), asyncio.Event(), list[Event]()
    async for event in assistant.ask(STATES, stop=stop):
        events.append(event)
        if len([piece for piece in told(events) if isinstance(piece, Citation)]) == 2:
            stop.set()
    done = events[-1]
    assert isinstance(done, Done) and done.turn.outcome is Outcome.STOPPED
    assert_covered(done.turn)
    assert len({citation.paper for citation in done.turn.citations}) <= 2 < len(done.turn.papers)
    assert done.turn.papers == whole.papers
    written = done.turn.answer.rpartition("\n\n*")[0].rstrip()
    assert whole.answer.startswith(written)


# -- themes of the summary before -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ("more on the second theme", 1),
        ("Tell me more about theme 2", 1),
        ("and the last theme?", -1),
        ("expand on the first one", 0),
        ("more about {name}", 1),
        ("{name}", 0),
    ],
)
async def test_more_on_a_theme_takes_its_papers_and_no_others(assistant: Assistant, message: str, place: int) -> None:
    before = await talk(assistant, STATES)
    theme = before.turns[0].themes[place]
    turn = await ask(assistant, message.format(name=theme.name), before=before)
    assert (turn.mode, turn.plan.topic, turn.standalone) == (Mode.SUMMARISE, theme.name, f"More on {theme.name}")
    assert {paper.id for paper in turn.papers} == set(theme.papers)
    assert_covered(turn)
    numbers = {citation.paper.id: citation.number for citation in before.turns[0].citations}
    assert all(numbers[citation.paper.id] == citation.number for citation in turn.citations)


async def test_a_theme_that_does_not_exist_is_not_made_up(assistant: Assistant) -> None:
    turn = await ask(assistant, STATES, "more on the ninth theme")
    assert turn.plan.within == ()


async def test_a_question_of_its_own_after_a_summary_is_a_question(assistant: Assistant) -> None:
    turn = await ask(assistant, CACHES, "What is TabPFN?")
    assert (turn.mode, turn.standalone) == (Mode.ASK, "What is TabPFN?")


async def test_another_topic_can_be_asked_for_in_a_few_words(assistant: Assistant) -> None:
    turn = await ask(assistant, CACHES, "and what about bandits?")
    assert (turn.mode, turn.plan.topic) == (Mode.SUMMARISE, "bandits")


async def test_a_printed_summary_given_back_as_history_can_be_followed_up(assistant: Assistant) -> None:
    first = json.loads(json.dumps((await ask(assistant, STATES)).to_dict()))
    assert [theme["name"] for theme in first["themes"]] and first["topic"] == "state space models"
    kept = {name: first[name] for name in ("mode", "topic", "themes", "citations")}
    messages = [
        {"role": "user", "content": first["question"]},
        {"role": "assistant", "content": first["answer"], **kept},
    ]
    history = from_messages(messages, assistant.library.catalogue.papers)
    turn = await ask(assistant, "more on the second theme", before=history)
    assert turn.plan.topic == first["themes"][1]["name"]
    assert {paper.id for paper in turn.papers} == set(first["themes"][1]["papers"])


@pytest.mark.parametrize(
    "asked_before",
    [
        "What is MiniCache?",
        "MiniCache vs ZipCache",
    ],
)
async def test_summarise_that_speaks_of_what_was_spoken_of(assistant: Assistant, asked_before: str) -> None:
    turn = await ask(assistant, asked_before, "summarise that")
    assert turn.outcome is Outcome.ANSWERED
    assert turn.plan.topic.startswith("MiniCache")


@pytest.mark.parametrize(("message", "length"), [("shorter please", Length.SHORT), ("in more detail", Length.LONG)])
async def test_the_length_can_be_changed_afterwards(assistant: Assistant, message: str, length: Length) -> None:
    turn = await ask(assistant, STATES, message)
    assert (turn.mode, turn.plan.topic, turn.plan.length) == (Mode.SUMMARISE, "state space models", length)


# -- the whole collection ---------------------------------------------------------------------------------------------


def test_the_collection_is_shown_as_themes_that_hold_every_paper(collection: Turn) -> None:
    assert (collection.mode, collection.plan.topic, collection.outcome) == (Mode.SUMMARISE, "", Outcome.ANSWERED)
    assert_sourced(collection)
    assert len(collection.papers) == 97
    found = HEADING.findall(collection.answer)
    assert found == [(str(n), theme.name, str(len(theme.papers))) for n, theme in enumerate(collection.themes, start=1)]
    assert sum(int(size) for *_, size in found) == 97
    assert 4 <= len(found) <= 12
    sizes = [len(theme.papers) for theme in collection.themes]
    assert sizes == sorted(sizes, reverse=True)
    assert collection.answer.startswith(f"**97 papers in {len(found)} themes.**")


def test_every_theme_of_the_collection_has_examples_of_its_own(collection: Turn) -> None:
    theme_of = {paper_id: place for place, theme in enumerate(collection.themes) for paper_id in theme.papers}
    cited = [theme_of[citation.paper.id] for citation in collection.citations]
    assert cited == sorted(cited)
    assert {cited.count(place) for place in range(len(collection.themes))} <= {1, 2}


def test_the_map_holds_every_paper_at_a_place_of_its_own_within_the_frame(collection: Turn) -> None:
    shown = collection.topic_map
    assert shown and shown.themes == collection.themes and shown.total == 97
    assert len({dot.paper.id for dot in shown.dots}) == len(shown.dots) == 97
    assert len({(dot.x, dot.y) for dot in shown.dots}) == 97
    for dot in shown.dots:
        assert 0 <= dot.x <= 1 and 0 <= dot.y <= 1
        assert dot.paper.id in shown.themes[dot.theme].papers


def test_the_coverage_of_the_collection_counts_examples_and_points_at_the_map(collection: Turn) -> None:
    cited = len({citation.paper.id for citation in collection.citations})
    *_, last = collection.answer.strip().splitlines()
    assert last == (
        f"*97 papers in this collection, {cited} shown as examples; the other {97 - cited} are on the map.*"
    )


async def test_a_theme_of_the_collection_can_be_followed_up(assistant: Assistant, collection: Turn) -> None:
    before = Conversation((collection,), References().offer(collection.papers))
    turn = await ask(assistant, "more on the third theme", before=before)
    assert {paper.id for paper in turn.papers} == set(collection.themes[2].papers)
    assert turn.topic_map is None
    assert_covered(turn)


async def test_an_empty_library_has_no_themes(embedder: Embedder, tmp_path: Path) -> None:
    with Library(tmp_path / "own", embedder) as library:
        turn = await Assistant(library, Settings(home=library.home)).answer("What is in this collection?")
    assert (turn.outcome, turn.themes, turn.topic_map) == (Outcome.REFUSED, (), None)
    assert "The collection is empty" in turn.answer


@pytest.mark.parametrize("count", [1, 2])
async def test_a_collection_of_very_few_papers_is_one_theme_on_a_map(
    embedder: Embedder, tmp_path: Path, count: int
) -> None:
    with Library(tmp_path / "own", embedder) as library:
        library.add_records([make_paper(name) for name in ("Alpha", "Beta")[:count]])
        library.index()
        turn = await Assistant(library, Settings(home=library.home)).answer("What is in this collection?")
    assert turn.topic_map and len(turn.topic_map.dots) == count
    assert sum(len(theme.papers) for theme in turn.themes) == count


def test_of_very_many_papers_the_map_draws_some_of_every_theme() -> None:
    papers = [make_paper(f"Paper{place}") for place in range(450)]
    vectors = np.random.default_rng(0).normal(size=(450, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    big, small = tuple(paper.id for paper in papers[:440]), tuple(paper.id for paper in papers[440:])
    shown = topic_map(papers, vectors, [Theme("big", big), Theme("small", small)])
    assert shown.total == 450
    assert 200 <= len(shown.dots) <= 400
    themes = [dot.theme for dot in shown.dots]
    assert themes.count(1) == pytest.approx(10 * len(themes) / 450, abs=1)
    assert all(0 <= dot.x <= 1 and 0 <= dot.y <= 1 for dot in shown.dots)


# -- written ----------------------------------------------------------------------------------------------------------

NO_PLAN = '{"question": ""}'
MANY, FEW = "more on the first theme", "more on the second theme"
STATE_PAPERS = (
    "An Empirical Study of Mamba", "Multimodal Mamba", "Mixture-of-Mamba", "How to Train Your HiPPO", "Robustifying",
    "On the Parameterization", "Convolutional State Space", "Demystifying", "Unlocking State-Tracking", "TransMLA",
    "DuoAttention",
)  # fmt: skip
CACHE_PAPERS = ("MiniCache", "ZipCache", "DuoAttention", "Cache-Craft")


@pytest.fixture(scope="module")
def before(sample_library: Library) -> Conversation:
    """A summary that found a theme of eleven papers, which are noted first, and one of four, which are not."""
    known = list(sample_library.catalogue.papers(sample_library.catalogue.ids(State.INDEXED)).values())

    def theme(name: str, titles: Sequence[str]) -> Theme:
        return Theme(name, tuple(paper.id for title in titles for paper in known if paper.title.startswith(title)))

    themes = (theme("state space models", STATE_PAPERS), theme("KV caches", CACHE_PAPERS))
    assert [len(found.papers) for found in themes] == [11, 4]
    plan = Plan(Mode.SUMMARISE, "Summarise models", "Summarise models", topic="models")
    return Conversation((Turn(plan, ("Models.",), (), Outcome.ANSWERED, themes=themes),))


def notes_of(count: int = 11, **known: Any) -> str:
    """Good notes on the papers P1 to P11; a batch takes those of its own."""
    return "\n".join(
        json.dumps({"paper": f"P{key}", "note": f"finding {key}", "sentences": [1, f"P{key}.2"], "open": []} | known)
        for key in range(1, count + 1)
    )


def text_on(papers: Sequence[Paper]) -> str:
    """An answer that says what the first sentence of each of these papers says; their keys are P1, P2, ..."""
    told = [sentences(paper.abstract)[0].text.rstrip(".") for paper in papers]
    return "### 1. theme\n\n" + " ".join(f"{text} [P{place}.1]." for place, text in enumerate(told, start=1)) + "\n"


@pytest.fixture(scope="module")
def text(sample_library: Library, before: Conversation) -> str:
    """An answer that cites the first two papers on KV caches."""
    ids = before.turns[0].themes[1].papers[:2]
    papers = sample_library.catalogue.papers(ids)
    return text_on([papers[paper_id] for paper_id in ids])


async def test_few_papers_are_read_whole_by_the_one_call_that_writes(
    server: ScriptedServer, model: Model, before: Conversation, text: str
) -> None:
    server.enqueue(NO_PLAN, text)
    events = await collect(model().ask(FEW, before))
    assert not [event for event in events if isinstance(event, Estimated | Reading)]
    done = events[-1]
    assert isinstance(done, Done)
    turn = done.turn
    assert (len(server.chats), turn.usage and turn.usage.calls, turn.llm) == (2, 2, "scripted")
    assert told(events) == list(turn.pieces)
    assert_covered(turn)
    assert [citation.key for citation in turn.citations] == ["P1", "P2"]
    assert len(turn.papers) == 4 and len(turn.unused) == 2
    system, *_, user = server.chats[-1].messages
    assert "Speak of every paper at least once." in system["content"]
    content = user["content"]
    assert content.endswith("Summarise: More on KV caches\nLength: three to five sentences for each theme")
    for place, theme in enumerate(turn.themes, start=1):
        assert f"Theme {place}: {theme.name}\n" in content
    for paper in turn.papers:
        assert all(f" {sentence.text}\n" in content for sentence in sentences(paper.abstract))


async def test_a_summary_is_written_without_a_plan_of_the_model_where_it_stands_alone(
    server: ScriptedServer, model: Model
) -> None:
    server.fallback = Reply("KV caches take memory [P1.1].")
    turn = await model().answer(CACHES)
    assert turn.outcome is Outcome.ANSWERED
    assert "Next message:" not in server.chats[0].text
    assert_covered(turn)


async def test_many_papers_are_noted_first_with_what_it_will_take_and_progress(
    server: ScriptedServer, model: Model, before: Conversation
) -> None:
    server.enqueue(NO_PLAN, notes_of(), notes_of(), "State space models are trained here [P1.2]. More follow [P2.1].\n")
    events = await collect(model(llm_prices={"scripted": (1.0, 2.0)}).ask(MANY, before))
    planned, retrieved, estimated, first, second, *_, done = events
    assert isinstance(planned, Planned) and isinstance(retrieved, Retrieved) and isinstance(done, Done)
    assert isinstance(estimated, Estimated)
    assert (estimated.papers, estimated.calls) == (11, 3)
    assert estimated.cost and estimated.tokens / 1e6 < estimated.cost < 2 * estimated.tokens / 1e6
    assert isinstance(first, Reading) and isinstance(second, Reading)
    assert first.done in (5, 6)
    assert (first.total, second) == (11, Reading(11, 11))
    turn = done.turn
    assert turn.usage and turn.usage.calls == len(server.chats) == 4
    assert turn.note == ""
    assert_covered(turn)
    content = server.chats[-1].messages[-1]["content"]
    for place, paper in enumerate(turn.papers, start=1):
        told_of = sentences(paper.abstract)
        assert f"Note: finding {place} (P{place}.1, P{place}.2)\nP{place}.1 {told_of[0].text}\n" in content
        assert told_of[2].text not in content
    for note_call in server.chats[1:3]:
        assert "Take notes for a summary on: state space models" in note_call.text
        assert note_call.body["max_tokens"] <= 6 * 90


async def test_what_is_foreseen_is_not_less_than_what_is_sent(
    server: ScriptedServer, model: Model, before: Conversation
) -> None:
    server.fallback = Reply(notes_of(note="It finds many things. " * 20, sentences=[1, 2, 3], open=[4, 5]))
    assistant = model()
    events = await collect(assistant.ask(MANY, before))
    (estimated,) = [event for event in events if isinstance(event, Estimated)]
    assert estimated.cost is None  # no price is known
    assert assistant.connection
    count = LanguageModel(assistant.connection).count_tokens
    sent = sum(count(asked.text) for asked in server.chats if "Next message:" not in asked.text)
    written = assistant.connection.max_tokens + 11 * 90
    assert sent + written <= estimated.tokens


async def test_papers_beyond_the_limit_of_calls_are_not_read_and_that_is_said(
    server: ScriptedServer, model: Model, before: Conversation
) -> None:
    server.enqueue(NO_PLAN, notes_of(), "State space models are trained on identical data [P1.2].")
    events = await collect(model(summary_calls=1).ask(MANY, before))
    assert [event for event in events if isinstance(event, Reading)] == [Reading(6, 6)]
    (estimated,) = [event for event in events if isinstance(event, Estimated)]
    assert (estimated.papers, estimated.calls) == (6, 2)
    done = events[-1]
    assert isinstance(done, Done)
    assert re.match(r"5 papers on this topic were not read, .*\(RESEARCH_ASSISTANT_SUMMARY_CALLS\)", done.turn.note)
    assert_covered(done.turn)
    assert len(done.turn.papers) == 11
    content = server.chats[-1].messages[-1]["content"]
    assert "P6: " in content and "P7: " not in content


async def test_papers_that_were_not_read_are_told_of_even_if_the_answer_is_cut(
    server: ScriptedServer, model: Model, before: Conversation
) -> None:
    server.enqueue(NO_PLAN, notes_of(), Reply("State space models are trained [P1.2].", finish="length"))
    turn = await model(summary_calls=1).answer(MANY, before)
    assert "were not read" in turn.note and "cut at its limit" in turn.note


async def test_keys_of_papers_that_were_not_read_are_no_citations(
    server: ScriptedServer, model: Model, before: Conversation
) -> None:
    server.enqueue(NO_PLAN, notes_of(), "Mamba models are trained [P1.2]. Others were not read [P9.1][P77.1].")
    turn = await model(summary_calls=1).answer(MANY, before)
    assert {citation.key for citation in turn.citations} == {"P1"}
    assert turn.dropped_markers == 2


@pytest.mark.parametrize("bad", ["I have no notes.", "{", '{"paper": "P1"}', "[]", '{"paper": "P99", "note": "x"}'])
async def test_notes_that_cannot_be_read_are_made_by_rules(
    server: ScriptedServer, model: Model, before: Conversation, bad: str
) -> None:
    server.enqueue(NO_PLAN, bad, bad, "Selective state space models are studied [P1.1].")
    turn = await model().answer(MANY, before)
    assert turn.outcome is Outcome.ANSWERED
    content = server.chats[-1].messages[-1]["content"]
    assert "Note: " not in content
    for place in range(1, 12):
        assert re.search(rf"^P{place}\.\d ", content, re.MULTILINE)


async def test_a_call_for_notes_that_fails_does_not_fail_the_summary(
    server: ScriptedServer, model: Model, before: Conversation
) -> None:
    server.enqueue(NO_PLAN, Reply(status=500), notes_of(), "Selective state space models are studied [P1.1].")
    turn = await model().answer(MANY, before)
    assert turn.outcome is Outcome.ANSWERED
    content = server.chats[-1].messages[-1]["content"]
    assert content.count("Note: ") in (5, 6)
    assert_covered(turn)


async def test_where_all_calls_for_notes_fail_the_turn_fails_and_can_be_tried_again(
    server: ScriptedServer, model: Model, before: Conversation
) -> None:
    server.enqueue(NO_PLAN, Reply(status=500), Reply(status=500))
    *_, failed = await collect(model().ask(MANY, before))
    assert isinstance(failed, Failed) and failed.retryable
    assert (failed.turn.outcome, failed.turn.citations, len(server.chats)) == (Outcome.FAILED, (), 3)
    assert len(failed.turn.papers) == 11


@pytest.mark.parametrize(
    ("length", "told_so"), [(Length.SHORT, "one or two sentences"), (Length.LONG, "two paragraphs")]
)
async def test_the_model_is_told_how_long_it_may_be(
    server: ScriptedServer, model: Model, before: Conversation, text: str, length: Length, told_so: str
) -> None:
    server.enqueue(NO_PLAN, text)
    await model().answer(FEW, before, length=length)
    assert f"Length: {told_so} for each theme" in server.chats[-1].text


async def test_absent_topics_ask_no_model_and_the_map_does_not_either(server: ScriptedServer, model: Model) -> None:
    turn = await model().answer(ABSENT)
    assert (turn.outcome, turn.llm, turn.usage) == (Outcome.REFUSED, None, None)
    turn = await model().answer("What is in this collection?")
    assert (turn.outcome, turn.llm, turn.usage) == (Outcome.ANSWERED, None, None)
    assert server.chats == []


async def test_the_summary_before_is_part_of_what_the_next_call_sees(
    server: ScriptedServer, model: Model, before: Conversation, text: str
) -> None:
    server.enqueue(NO_PLAN, text, NO_PLAN, text)
    conversation = await talk(model(), FEW, before=before)
    first = conversation.turns[-1]
    await ask(model(), "more on the first theme", before=conversation)
    past = server.chats[-1].messages[1:-1]
    assert past[-1]["content"] == stored(first.pieces).strip()
    content = server.chats[-1].messages[-1]["content"]
    assert len(re.findall(r"^P\d+: ", content, re.MULTILINE)) == len(first.themes[0].papers)


@pytest.mark.parametrize(
    ("plan", "mode", "topic"),
    [
        ({"kind": "summarise", "topic": "KV cache compression"}, Mode.SUMMARISE, "KV cache compression"),
        ({"kind": "summarise"}, Mode.ASK, ""),
        ({"kind": "summarise", "topic": "  "}, Mode.ASK, ""),
        ({"kind": "everything", "topic": "KV cache compression"}, Mode.ASK, ""),
    ],
)
async def test_a_message_that_the_rules_take_for_a_question_may_become_a_summary_of_a_named_topic(
    server: ScriptedServer, model: Model, plan: dict[str, str], mode: Mode, topic: str
) -> None:
    server.enqueue("MiniCache works across layers [P1.2].", json.dumps(plan))
    server.fallback = Reply("KV caches take memory [P1.1].")
    turn = await ask(model(), "What is MiniCache?", "résume la compression du cache KV")
    assert (turn.mode, turn.plan.topic) == (mode, topic)


# -- stops and faults -------------------------------------------------------------------------------------------------


async def test_a_stop_while_notes_are_taken_closes_their_calls_and_still_says_what_is_covered(
    server: ScriptedServer, model: Model, before: Conversation
) -> None:
    server.enqueue(NO_PLAN)
    server.fallback = Reply("{", first_delay=60)
    stop, events = asyncio.Event(), list[Event]()
    async for event in model().ask(MANY, before, stop=stop):
        events.append(event)
        if isinstance(event, Estimated):
            stop_once(stop, lambda: len(server.chats) == 3)
    done = events[-1]
    assert isinstance(done, Done)
    assert (done.turn.outcome, done.turn.citations) == (Outcome.STOPPED, ())
    assert_covered(done.turn)
    assert len(server.chats) == 3
    for asked in server.chats[1:]:
        assert await asyncio.to_thread(asked.hung_up.wait, 1.0)


async def test_a_caller_who_leaves_while_notes_are_taken_closes_their_calls(
    server: ScriptedServer, model: Model, before: Conversation
) -> None:
    server.enqueue(NO_PLAN, notes_of())
    server.fallback = Reply("{", first_delay=60)
    events = model().ask(MANY, before)
    async for event in events:
        if isinstance(event, Reading):
            break
    await events.aclose()
    waiting = server.chats[-1] if server.chats[-1].hung_up.wait(0.0) else None
    hung_up = [await asyncio.to_thread(asked.hung_up.wait, 0.5) for asked in server.chats[1:]]
    assert hung_up.count(True) == 1 or waiting


async def test_a_stop_while_it_is_written_keeps_the_text_and_its_coverage(
    server: ScriptedServer, model: Model, before: Conversation, text: str
) -> None:
    server.enqueue(NO_PLAN, Reply(text + " x", fault="hang", fault_after=len(Reply(text).tokens)))
    stop, events = asyncio.Event(), list[Event]()
    async for event in model().ask(FEW, before, stop=stop):
        events.append(event)
        if [piece for piece in told(events) if isinstance(piece, Citation)]:
            stop.set()
    done = events[-1]
    assert isinstance(done, Done)
    assert done.turn.outcome is Outcome.STOPPED
    assert stored(done.turn.pieces).startswith(text.partition("]")[0])
    assert_covered(done.turn)
    assert await asyncio.to_thread(server.chats[-1].hung_up.wait, 1.0)


async def test_a_fault_while_it_is_written_keeps_the_text(
    server: ScriptedServer, model: Model, before: Conversation, text: str
) -> None:
    server.enqueue(NO_PLAN, Reply(text, fault="cut", fault_after=len(Reply(text).tokens)))
    turn = await model().answer(FEW, before)
    assert turn.outcome is Outcome.FAILED and turn.problem
    assert stored(turn.pieces).startswith(text.partition("]")[0])


# -- hostile ----------------------------------------------------------------------------------------------------------

RECORDS = [json.loads(line) for line in (Path(__file__).parents[1] / "data/hostile.jsonl").read_text().splitlines()]
ALL = [Paper.from_dict({name: value for name, value in record.items() if name != "question"}) for record in RECORDS]
HOSTILE = [paper for paper in ALL if r"\href{https" not in paper.abstract]
MARKER = re.compile(r"(?<!\\)[\[(【［（]\s?P\d+(?:\.\d+)?\s?[\])】］）]")


@pytest.fixture(scope="module")
def attacked(embedder: Embedder, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Assistant]:
    home = tmp_path_factory.mktemp("attacked") / "home"
    with Library(home, embedder) as library:
        library.add_records(HOSTILE)
        library.index()
        yield Assistant(library, Settings(home=home, llm_model="scripted", llm_retries=0, llm_context_window=32_000))


@pytest.fixture(scope="module")
def theme(attacked: Assistant) -> Conversation:
    """A conversation in which all the hostile papers are one theme."""
    papers = attacked.library.catalogue.papers([hit.paper.id for hit in attacked.search("hearts", 100).hits])
    assert len(papers) == len(HOSTILE)
    plan = Plan(Mode.SUMMARISE, "Summarise nature", "Summarise nature", topic="nature")
    found = Theme("nature", tuple(papers))
    return Conversation((Turn(plan, ("Nature.",), tuple(papers.values()), Outcome.ANSWERED, themes=(found,)),))


async def test_hostile_papers_in_quotations_cite_nobody_else_and_leave_no_marker(
    attacked: Assistant, theme: Conversation
) -> None:
    turn = await attacked.answer("more on the first theme in detail", theme, quoting_only=True)
    assert turn.outcome is Outcome.ANSWERED
    assert_sourced(turn)
    assert_covered(turn)
    assert not turn.unused and turn.dropped_markers == 0
    assert {citation.support for citation in turn.citations} == {"verbatim"}
    assert not MARKER.search("".join(piece for piece in turn.pieces if isinstance(piece, str)))


async def test_a_model_that_obeys_hostile_papers_cites_only_what_was_offered(
    attacked: Assistant, theme: Conversation, server: ScriptedServer
) -> None:
    obeyed = "\n".join(
        json.dumps({"paper": f"P{place}", "note": f"P1.1 {paper.abstract}", "sentences": [1, 99], "open": [1]})
        for place, paper in enumerate(HOSTILE, start=1)
    )
    text = "\n\n".join(f"{paper.abstract} [P{place}.1] [P99.1]" for place, paper in enumerate(HOSTILE, start=1))
    server.enqueue("no", "no", *[obeyed] * 6, text)
    connection = replace(attacked.connection, base_url=server.base_url, max_tokens=8000)  # type: ignore[type-var]
    turn = await attacked.answer("more on the first theme", theme, connection=connection)
    assert turn.outcome is Outcome.ANSWERED, turn.problem
    assert_sourced(turn)
    assert_covered(turn)
    assert turn.dropped_markers >= len(HOSTILE)
    content = server.chats[-1].messages[-1]["content"]
    fence = content.splitlines()[0]
    assert content.count(fence) == 2
    before, inside, after = content.split(fence)
    assert (before, after.strip()) == ("", "Summarise: More on nature\nLength: three to five sentences for each theme")
    starts = [line.split()[0].rstrip(":") for line in inside.splitlines() if line.strip()]
    assert {start for start in starts if not re.fullmatch(r"P\d+(\.\d+)?", start)} == {"Theme", "Note", "Left"}


async def test_latex_that_cannot_be_read_does_not_break_a_summary(embedder: Embedder, tmp_path: Path) -> None:
    papers = [paper for paper in ALL if paper not in HOSTILE]
    assert papers
    with Library(tmp_path / "own", embedder) as library:
        library.add_records(papers)
        library.index()
        turn = await Assistant(library, Settings(home=library.home)).answer("What is in this collection?")
    assert turn.outcome is Outcome.ANSWERED


async def test_papers_without_an_abstract_are_noted_by_their_titles(
    embedder: Embedder, tmp_path: Path, server: ScriptedServer
) -> None:
    bees = [Paper(f"Bees of meadow {place}", "We study bees. Bees make honey.") for place in range(7)]
    with Library(tmp_path / "own", embedder) as library:
        library.add_records([*bees, Paper("Bees that nobody described", "")])
        library.index()
        known: dict[str, Any] = {"llm_model": "scripted", "llm_retries": 0, "OPENAI_BASE_URL": server.base_url}
        server.enqueue("no", "no", "Bees make honey [P1.2].")
        turn = await Assistant(library, Settings(home=library.home, **known)).answer("Summarise bees")
    assert turn.outcome is Outcome.ANSWERED, turn.problem
    assert "Bees that nobody described" in server.chats[-1].text
    assert_covered(turn)
