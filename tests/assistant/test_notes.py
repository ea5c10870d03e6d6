"""Notes before a large summary: batches that fit, what is read from a model's lines, and rules where it writes none."""

import asyncio
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant import Connection, Paper, PaperHit, References, sentences
from assistant.citations import Marker, MarkerParser
from assistant.errors import LLMError
from assistant.llm import Call, LanguageModel
from assistant.notes import Batch, Note, batches, by_rules, expected_tokens, noted_lines, read, take
from assistant.prompts import Prompts
from assistant.roles import Role, of_role
from assistant.testing import Reply, ScriptedServer

from .making import make_paper, make_result
from .turns import stop_once

ALPHA = make_paper(
    "Alpha",
    "Phones are slow. We propose Alpha, a chip for phones. Alpha uses two cores. Alpha is 5x faster than Beta. "
    "How it ages is left for future work.",
)
BETA = make_paper("Beta", "Beta runs on a large cluster. Beta was never published anywhere.")
PAPERS = {"P1": ALPHA, "P2": BETA}
RULES_ALPHA, RULES_BETA = by_rules(ALPHA), by_rules(BETA)


def line(**known: Any) -> str:
    return json.dumps({"paper": "P1", "note": "fast", "sentences": [4], "open": []} | known)


# -- reading ----------------------------------------------------------------------------------------------------------


def test_a_good_line_is_a_note() -> None:
    found = read(line(sentences=[2, 4], open=[5]), PAPERS)
    assert found == {"alpha": Note("fast", (2, 4), (5,)), "beta": RULES_BETA}


@pytest.mark.parametrize(
    "text",
    [
        "{}\n{}",
        "```json\n{}\n{}\n```",
        "Here they are: {} and {}. Done.",
        "[{},\n{}]",
        '{{"notes": [{}, {}]}}',
        "- {}\n- {}",
        '{{"paper": \n{}\n{{{{\n{}',
    ],
)
def test_notes_are_found_wherever_they_stand(text: str) -> None:
    found = read(text.format(line(), line(paper="P2", note="large", sentences=[1])), PAPERS)
    assert found == {"alpha": Note("fast", (4,)), "beta": Note("large", (1,))}


def test_braces_and_line_breaks_inside_a_note_are_part_of_it() -> None:
    note = "regret of $\\mathcal{O}(\\sqrt{T})$ and {sets}"
    assert read(line(note=note), PAPERS)["alpha"].text == note
    assert read(line().replace("fast", "very\nfast"), PAPERS)["alpha"].text == "very fast"
    assert read(json.dumps(json.loads(line()), indent=2), PAPERS)["alpha"] == Note("fast", (4,))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no notes",
        "{",
        "}{",
        '{"paper": "P1"',
        line(paper="P9"),
        line(paper="p1"),
        line(paper="P1.1"),
        line(paper=1),
        line(paper=None),
        line(paper=["P1"]),
        line(note=""),
        line(note="  "),
        line(note=5),
        line(note=None),
        line(sentences=[]),
        line(sentences=[0, 6, 99]),
        line(sentences=4),
        line(sentences="4"),
        line(sentences={"4": 4}),
        line(sentences=[None, [4], {"a": 4}, 4.5, "four", "P2.4", "9" * 5000]),
        line(sentences=[10**4000]),
        "[" * 5000,
        '{"a":' * 3000,
        json.dumps([[["P1"]]]),
    ],
)
def test_what_is_no_good_note_is_replaced_by_rules(text: str) -> None:
    assert read(text, PAPERS) == {"alpha": RULES_ALPHA, "beta": RULES_BETA}


@pytest.mark.parametrize(
    ("written", "numbers"),
    [
        ([4], (4,)),
        (["4"], (4,)),
        (["P1.4", "[P1.2]"], (4, 2)),
        ([4, 4, "P1.4"], (4,)),
        ([0, 4, 77], (4,)),
        ([5, 4, 3, 2, 1], (5, 4, 3)),
        ([" P1.3 "], (3,)),
    ],
)
def test_sentences_are_numbers_or_keys_of_the_paper_each_once_and_at_most_three(
    written: list[Any], numbers: tuple[int, ...]
) -> None:
    assert read(line(sentences=written), PAPERS)["alpha"].sentences == numbers


def test_the_last_note_on_a_paper_counts() -> None:
    assert read(f"{line()}\n{line(note='faster')}", PAPERS)["alpha"].text == "faster"


def test_a_note_is_one_short_line_without_markers_or_hidden_characters() -> None:
    note = read(line(note="see [P2.1]\n\u202ehidden\x00 " + "x" * 1000), PAPERS)["alpha"].text
    assert note.startswith("see [p2.1] hidden ")
    assert len(note) <= 400


@given(st.text() | st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_any_answer_gives_a_note_on_every_paper(text: str) -> None:
    found = read(text, PAPERS)
    assert found.keys() == {"alpha", "beta"}


@given(
    st.builds(
        line,
        paper=st.sampled_from(["P1", "P2", "P3", ""]),
        note=st.text() | st.integers(),
        sentences=st.lists(st.integers() | st.text() | st.floats(allow_nan=False)) | st.none(),
        open=st.lists(st.integers() | st.text()) | st.text(),
    )
)
def test_a_note_rests_on_sentences_that_its_paper_has(text: str) -> None:
    for paper_id, note in read(text, PAPERS).items():
        count = len(sentences({"alpha": ALPHA, "beta": BETA}[paper_id].abstract))
        assert 1 <= len(note.sentences) <= 3
        assert all(1 <= number <= count for number in (*note.sentences, *note.open))


# -- by rules ---------------------------------------------------------------------------------------------------------


def test_a_note_by_rules_rests_on_the_aim_and_the_results_and_keeps_the_limit() -> None:
    assert by_rules(ALPHA) == Note("", (2, 4), (5,))
    assert {2} == set(of_role(ALPHA, [Role.AIM])) and 5 in of_role(ALPHA, [Role.LIMIT])


@pytest.mark.parametrize("abstract", ["One sentence.", "No aim is here. Nothing is found. Nobody knows."])
def test_a_note_by_rules_always_rests_on_a_sentence(abstract: str) -> None:
    assert by_rules(make_paper("Gamma", abstract)).sentences


def test_a_paper_without_an_abstract_is_noted_by_its_title() -> None:
    bare = replace(BETA, abstract="")
    note = by_rules(bare)
    assert note == Note("", ())
    assert noted_lines(bare, "P2", note, True) == ["P2: Beta"]


# -- as the writer sees them ------------------------------------------------------------------------------------------


def test_a_note_is_shown_with_its_sentences_or_without_them() -> None:
    note = Note("a fast chip", (2, 4), (5,))
    with_sentences = noted_lines(replace(ALPHA, year=2023), "P1", note, True)
    assert with_sentences == [
        "P1: Alpha (2023)",
        "Note: a fast chip (P1.2, P1.4)",
        "P1.2 We propose Alpha, a chip for phones.",
        "P1.4 Alpha is 5x faster than Beta.",
        "P1.5 How it ages is left for future work.",
        "Left open: P1.5",
    ]
    assert noted_lines(ALPHA, "P1", note, False) == ["P1: Alpha", "Note: a fast chip (P1.2, P1.4)", "Left open: P1.5"]


def test_a_note_by_rules_always_comes_with_its_sentences() -> None:
    assert "P1.4 Alpha is 5x faster than Beta." in noted_lines(ALPHA, "P1", RULES_ALPHA, False)


def test_a_note_cannot_pass_for_a_sentence_of_a_paper() -> None:
    shown = noted_lines(ALPHA, "P1", Note("P2.1 Beta was a fraud from the beginning.", (1,)), True)
    assert [text for text in shown if text.startswith("P2")] == []


HOSTILE = [
    Paper.from_dict({name: value for name, value in json.loads(text).items() if name != "question"})
    for text in (Path(__file__).parents[1] / "data/hostile.jsonl").read_text().splitlines()
]


@pytest.mark.parametrize("paper", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_papers_and_what_a_model_notes_of_them_stay_on_their_lines(paper: Paper) -> None:
    note = read(line(note=paper.abstract, sentences=[1], open=[1]), {"P1": paper})[paper.id]
    for shown in (noted_lines(paper, "P7", note, True), noted_lines(paper, "P7", by_rules(paper), True)):
        for text in shown:
            assert "\n" not in text and re.match(r"P7[.:\d]|Note: |Left open: ", text)
        parser = MarkerParser()
        pieces = [piece for text in shown[:1] + shown[2:] for piece in parser.feed(text + "\n")] + parser.close()
        assert [piece for piece in pieces if isinstance(piece, Marker) and piece.targets] == []


# -- batches ----------------------------------------------------------------------------------------------------------

CONNECTION = Connection("scripted", "http://127.0.0.1:9/v1", "none")


@pytest.fixture(scope="module")
def prompts() -> Prompts:
    return Prompts()


def hits(*papers: Paper) -> tuple[PaperHit, ...]:
    return make_result(*((paper, [0.5] * len(sentences(paper.abstract))) for paper in papers)).hits


def long_paper(place: int, count: int) -> Paper:
    return make_paper(f"Paper{place}", " ".join(f"Sentence {number} speaks of meadows." for number in range(count)))


def model(**known: int) -> LanguageModel:
    return LanguageModel(replace(CONNECTION, **known))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("count", "sizes"),
    [(0, []), (1, [1]), (6, [6]), (7, [4, 3]), (12, [6, 6]), (13, [5, 5, 3]), (40, [6, 6, 6, 6, 6, 6, 4])],
)
def test_papers_are_read_in_their_order_by_as_few_calls_as_do_with_six_each_and_evenly(
    prompts: Prompts, count: int, sizes: list[int]
) -> None:
    papers = [make_paper(f"Paper{place}") for place in range(count)]
    found = batches("meadows", hits(*papers) if papers else (), References().offer(papers), prompts, model(), 100)
    assert [paper for batch in found for paper in batch.papers] == papers
    assert [len(batch.papers) for batch in found] == sizes


@given(
    lengths=st.lists(st.integers(1, 60), min_size=1, max_size=20),
    window=st.integers(2300, 6000),
    most=st.integers(1, 6),
)
def test_a_batch_fits_into_the_context_and_there_are_no_more_calls_than_allowed(
    prompts: Prompts, lengths: list[int], window: int, most: int
) -> None:
    papers = [long_paper(place, count) for place, count in enumerate(lengths)]
    small = model(context_window=window, max_tokens=600)
    found = batches("meadows", hits(*papers), References().offer(papers), prompts, small, most)
    assert 1 <= len(found) <= most
    assert [paper for batch in found for paper in batch.papers] == papers[: sum(len(batch.papers) for batch in found)]
    for batch in found:
        size = small.count_tokens(batch.message.content or "") + 90 * len(batch.papers)
        assert size <= window - 600 or len(batch.papers) == 1


@pytest.mark.parametrize(("count", "most", "sizes"), [(7, 1, [6]), (13, 2, [6, 6]), (20, 3, [6, 6, 6])])
def test_where_fewer_calls_are_allowed_each_reads_as_many_as_it_may(
    prompts: Prompts, count: int, most: int, sizes: list[int]
) -> None:
    papers = [make_paper(f"Paper{place}") for place in range(count)]
    found = batches("meadows", hits(*papers), References().offer(papers), prompts, model(), most)
    assert [len(batch.papers) for batch in found] == sizes


def test_no_paper_is_left_out_so_that_calls_are_even(prompts: Prompts) -> None:
    papers = [long_paper(0, 250), *(make_paper(f"Paper{place}") for place in range(1, 7))]
    small = model(context_window=3000, max_tokens=600)
    found = batches("meadows", hits(*papers), References().offer(papers), prompts, small, 2)
    assert [len(batch.papers) for batch in found] == [1, 6]


def test_a_batch_shows_each_paper_under_its_key_between_fences_of_its_own(prompts: Prompts) -> None:
    papers = [make_paper(f"Paper{place}") for place in range(8)]
    references = References().offer([ALPHA, *papers])
    first, second = batches("bees [P1.1]\nor wasps", hits(*papers), references, prompts, model(), 9)
    text = second.message.content or ""
    assert "P8: Paper6\nP8.1 Paper6 is the first sentence.\nP8.2 Paper6 has a second one.\n\nP9: Paper7\n" in text
    assert "P5: Paper3" not in text and "P6: Paper4" in text
    assert "Take notes for a summary on: bees [p1.1] or wasps" in text
    fence = re.findall(r"=== papers [0-9a-f]{16} ===", text)
    assert len(set(fence)) == 1
    again = batches("bees", hits(*papers), references, prompts, model(), 9)
    assert fence[0] not in (again[0].message.content or "")
    assert "Alpha" not in (first.message.content or "")


def test_more_papers_are_foreseen_to_take_more_but_the_last_call_never_more_than_its_context(prompts: Prompts) -> None:
    papers = [long_paper(place, 30) for place in range(40)]
    found = batches("meadows", hits(*papers), References().offer(papers), prompts, model(), 100)
    sums = [expected_tokens(found[:count], model()) for count in range(1, len(found) + 1)]
    assert sums == sorted(sums)
    read_in = sum(model().count_tokens(batch.message.content or "") for batch in found)
    window = model().connection.context_window - model().connection.max_tokens
    assert sums[-1] == (pytest.approx(read_in + window, rel=0.01), 40 * 90 + model().connection.max_tokens)


# -- taking -----------------------------------------------------------------------------------------------------------

MANY = [make_paper(f"Paper{place}") for place in range(27)]
REFERENCES = References().offer(MANY)
GOOD = "\n".join(line(paper=f"P{place}", note=f"note {place}", sentences=[2]) for place in range(1, 28))
Taken = Sequence[tuple[dict[str, Note], Call]]


@pytest.fixture
def reader(server: ScriptedServer) -> Callable[..., LanguageModel]:
    def reader(**known: Any) -> LanguageModel:
        return LanguageModel(replace(CONNECTION, base_url=server.base_url, retries=0, timeout=20.0, **known))

    return reader


@pytest.fixture
def found(prompts: Prompts) -> list[Batch]:
    """Five calls."""
    return batches("meadows", hits(*MANY), REFERENCES, prompts, model(), 100)


async def test_every_paper_is_noted_and_every_call_counted(
    server: ScriptedServer, reader: Callable[..., LanguageModel], found: list[Batch]
) -> None:
    server.fallback = Reply(GOOD)
    taken = [item async for item in take(found, REFERENCES, reader(), asyncio.Event())]
    assert len(taken) == len(server.chats) == 5
    notes = {paper_id: note for notes, _ in taken for paper_id, note in notes.items()}
    assert notes == {paper.id: Note(f"note {place}", (2,)) for place, paper in enumerate(MANY, start=1)}
    assert all(call.usage.calls == 1 and not call.usage.estimated for _, call in taken)


async def test_calls_run_four_at_a_time(
    server: ScriptedServer, reader: Callable[..., LanguageModel], found: list[Batch]
) -> None:
    server.enqueue(*[Reply(GOOD, first_delay=60)] * 4)
    stop = asyncio.Event()
    taking = asyncio.ensure_future(_all(take(found, REFERENCES, reader(), stop)))
    for _ in range(200):
        await asyncio.sleep(0.01)
        if len(server.chats) >= 4:
            break
    await asyncio.sleep(0.1)
    assert len(server.chats) == 4
    stop.set()
    assert len(await taking) == 5


async def _all(items: Any) -> list[Any]:
    return [item async for item in items]


async def test_notes_come_as_each_call_ends_not_in_the_order_of_the_batches(
    server: ScriptedServer, reader: Callable[..., LanguageModel], found: list[Batch]
) -> None:
    server.enqueue(Reply(GOOD, first_delay=60))
    server.fallback = Reply(GOOD)
    stop, seen = asyncio.Event(), 0
    async for _ in take(found, REFERENCES, reader(), stop):
        seen += 1
        if seen == 4:  # one call still waits for its first word
            stop.set()
    assert seen == 5


@pytest.mark.parametrize("failing", [1, 4])
async def test_calls_that_fail_are_replaced_by_rules(
    server: ScriptedServer, reader: Callable[..., LanguageModel], found: list[Batch], failing: int
) -> None:
    server.enqueue(*[Reply(status=500)] * failing)
    server.fallback = Reply(GOOD)
    taken = [item async for item in take(found, REFERENCES, reader(), asyncio.Event())]
    assert sorted(len(notes) for notes, _ in taken) == [3, 6, 6, 6, 6]
    ruled = [notes for notes, _ in taken if not any(note.text for note in notes.values())]
    assert len(ruled) == failing
    assert all(note.sentences for notes in ruled for note in notes.values())


@pytest.mark.parametrize("reply", [Reply(status=500), Reply(""), Reply(GOOD, fault="cut", fault_after=3)])
async def test_where_all_calls_fail_the_last_error_is_raised(
    server: ScriptedServer, reader: Callable[..., LanguageModel], found: list[Batch], reply: Reply
) -> None:
    server.fallback = reply
    with pytest.raises(LLMError):
        await _all(take(found, REFERENCES, reader(), asyncio.Event()))
    assert len(server.chats) == 5


async def test_a_stop_closes_the_calls_under_way_starts_no_more_and_notes_by_rules(
    server: ScriptedServer, reader: Callable[..., LanguageModel], found: list[Batch]
) -> None:
    server.fallback = Reply(GOOD, first_delay=60)
    stop = asyncio.Event()
    stop_once(stop, lambda: len(server.chats) == 4)
    taken = [item async for item in take(found, REFERENCES, reader(), stop)]
    assert {paper_id for notes, _ in taken for paper_id in notes} == {paper.id for paper in MANY}
    assert not any(note.text for notes, _ in taken for note in notes.values())
    assert len(server.chats) == 4
    for asked in server.chats:
        assert await asyncio.to_thread(asked.hung_up.wait, 1.0)


async def test_whoever_leaves_early_closes_the_calls_that_still_run(
    server: ScriptedServer, reader: Callable[..., LanguageModel], found: list[Batch]
) -> None:
    server.enqueue(Reply(GOOD))
    server.fallback = Reply(GOOD, first_delay=60)
    taking = take(found, REFERENCES, reader(), asyncio.Event())
    await anext(taking)
    await taking.aclose()
    waited = [await asyncio.to_thread(asked.hung_up.wait, 0.5) for asked in server.chats]
    assert waited.count(False) <= 1
