"""The one way through, on the real model and the real sample collection: a question in, events out."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from assistant import (
    Assistant,
    Citation,
    Cited,
    Conversation,
    Delta,
    Done,
    EmbeddingError,
    Event,
    Failed,
    InvalidQuestion,
    Mode,
    Outcome,
    Planned,
    Retrieved,
    Settings,
    Turn,
    from_messages,
    markdown,
)
from index_store import Embedder, Library, Paper

MINICACHE = "How does MiniCache compress the KV cache, and how much memory does it save?"
OFF_TOPIC = "What is the best recipe for lasagne?"


@pytest.fixture(scope="module")
def assistant(sample_library: Library) -> Assistant:
    return Assistant(sample_library, Settings(home=sample_library.home))


@pytest.fixture
def open_assistant(tmp_path: Path, embedder: Embedder) -> Iterator[Callable[..., Assistant]]:
    """Opens an assistant over the given papers."""
    opened: list[Library] = []

    def over(*papers: Paper) -> Assistant:
        library = Library(tmp_path / "own", embedder)
        opened.append(library)
        library.add_records(papers)
        library.index()
        return Assistant(library, Settings(home=library.home))

    yield over
    for library in opened:
        library.close()


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def talk(assistant: Assistant, *questions: str) -> Conversation:
    """The conversation after these questions, none of which fails."""
    conversation = Conversation()
    for question in questions:
        last = (await collect(assistant.ask(question, conversation)))[-1]
        assert isinstance(last, Done)
        conversation = last.conversation
    return conversation


def titles(turn: Turn) -> list[str]:
    return list(dict.fromkeys(citation.paper.title for citation in turn.citations))


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        (MINICACHE, "MiniCache: KV Cache Compression in Depth Dimension for Large Language Models"),
        ("Why do attention sinks let a language model handle endless text?", "Efficient Streaming Language Models"),
        (
            "Is it worth pruning a large network instead of training a small one?",
            "Rethinking the Value of Network Pruning",
        ),
        ("How can a robot cut an avocado without hitting its core?", "RoboNinja"),
        ("What is TabPFN?", "TabPFN"),
        ("How is code search evaluated?", "CodeSearchNet Challenge"),
        (
            "What is the scattering length of two hydrogen atoms?",
            "Precision measurement of the last bound states in H$_2$",
        ),
    ],
)
async def test_a_question_is_answered_from_the_paper_that_speaks_of_it(
    assistant: Assistant, question: str, expected: str
) -> None:
    turn = await assistant.answer(question)
    assert turn.outcome is Outcome.ANSWERED
    assert titles(turn)[0].startswith(expected)
    for citation in turn.citations:
        assert citation.quote == citation.paper.abstract[citation.start : citation.end]
        assert citation.paper in turn.papers


@pytest.mark.parametrize("question", [OFF_TOPIC, "Who won the 1998 world cup?", "How do mitochondria divide?"])
async def test_what_the_collection_does_not_hold_is_said_so_without_a_citation(
    assistant: Assistant, question: str
) -> None:
    planned, retrieved, *written, done = await collect(assistant.ask(question))
    assert isinstance(planned, Planned)
    assert retrieved == Retrieved((), 97)
    assert all(isinstance(event, Delta) for event in written)
    assert isinstance(done, Done)
    turn = done.turn
    assert (turn.outcome, turn.citations, turn.papers) == (Outcome.REFUSED, (), ())
    assert turn.answer.startswith("**Nothing in this collection answers that.** 97 papers were searched.")


async def test_events_come_in_order_and_hold_the_whole_answer(assistant: Assistant) -> None:
    planned, retrieved, *written, done = await collect(assistant.ask(MINICACHE))
    assert isinstance(planned, Planned) and planned.plan.question == MINICACHE
    assert isinstance(retrieved, Retrieved) and retrieved.searched == 97
    assert isinstance(done, Done) and done.conversation.turns == (done.turn,)
    told = [
        event.text if isinstance(event, Delta) else event.citation
        for event in written
        if isinstance(event, Delta | Cited)
    ]
    assert len(told) == len(written)
    assert markdown(told) == done.turn.answer
    assert [piece for piece in told if isinstance(piece, Citation)] == list(done.turn.citations)
    assert {citation.paper for citation in done.turn.citations} <= {hit.paper for hit in retrieved.hits}


async def test_streamed_and_whole_answers_are_the_same(assistant: Assistant) -> None:
    streamed = (await talk(assistant, MINICACHE)).turns[-1]
    whole = await assistant.answer(MINICACHE)
    assert replace(streamed, timings={}) == replace(whole, timings={})


async def test_a_follow_up_stays_on_the_paper_that_was_cited(assistant: Assistant) -> None:
    conversation = await talk(assistant, "What is MiniCache?", "and how fast is it?")
    first, second = conversation.turns
    assert second.standalone == "and how fast is MiniCache?"
    assert titles(second)[0] == titles(first)[0]
    assert "throughput" in second.answer


async def test_a_follow_up_to_a_history_without_citations_is_read_with_its_question(assistant: Assistant) -> None:
    messages = [
        {"role": "user", "content": "How does MiniCache compress the KV cache?"},
        {"role": "assistant", "content": "Across layers [1]."},
    ]
    history = from_messages(messages, assistant.library.catalogue.papers)
    turn = (await collect(assistant.ask("and how fast is it?", history)))[-1].turn  # type: ignore[union-attr]
    assert titles(turn)[0].startswith("MiniCache")
    assert min(citation.number for citation in turn.citations) == 2


async def test_a_follow_up_to_a_refusal_is_refused_too(assistant: Assistant) -> None:
    conversation = await talk(assistant, OFF_TOPIC, "and how long does it take?")
    assert [turn.outcome for turn in conversation.turns] == [Outcome.REFUSED] * 2


async def test_numbers_keep_their_papers_over_the_whole_conversation(assistant: Assistant) -> None:
    conversation = await talk(
        assistant, MINICACHE, "What is DuoAttention?", OFF_TOPIC, "How does ZipCache quantize?", MINICACHE
    )
    of_paper: dict[str, set[int]] = {}
    first_use: list[int] = []
    for turn in conversation.turns:
        for citation in turn.citations:
            of_paper.setdefault(citation.paper.id, set()).add(citation.number)
            first_use.append(citation.number)
    assert len(of_paper) >= 3
    assert all(len(numbers) == 1 for numbers in of_paper.values())
    assert list(dict.fromkeys(first_use)) == list(range(1, len(of_paper) + 1))
    assert conversation.turns[0].answer == conversation.turns[-1].answer


async def test_a_stopped_turn_keeps_what_was_written(assistant: Assistant) -> None:
    whole, stop = await assistant.answer(MINICACHE), asyncio.Event()
    events: list[Event] = []
    async for event in assistant.ask(MINICACHE, stop=stop):
        events.append(event)
        if isinstance(event, Cited):
            stop.set()
    done = events[-1]
    assert isinstance(done, Done) and done.turn.outcome is Outcome.STOPPED
    assert done.conversation.turns == (done.turn,)
    assert len(done.turn.citations) == 1
    assert whole.answer.startswith(done.turn.answer.rstrip("\n>"))


async def test_a_turn_that_breaks_is_kept_with_the_words_of_the_problem(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise EmbeddingError("The embedding endpoint at example.org does not answer.")

    before = await talk(assistant, "What is TabPFN?")
    monkeypatch.setattr("assistant.engine.search", broken)
    planned, failed = await collect(assistant.ask("What is MiniCache?", before))
    assert isinstance(planned, Planned)
    assert isinstance(failed, Failed)
    assert (failed.message, failed.retryable) == ("The embedding endpoint at example.org does not answer.", True)
    assert (failed.turn.outcome, failed.turn.problem) == (Outcome.FAILED, failed.message)
    assert failed.conversation.turns == (*before.turns, failed.turn)
    assert failed.conversation.references == before.references


async def test_an_unforeseen_error_is_told_without_its_insides(
    assistant: Assistant, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ValueError("secret internals")

    monkeypatch.setattr("assistant.engine.search", broken)
    turn = await assistant.answer("What is MiniCache?")
    assert turn.outcome is Outcome.FAILED
    assert "secret internals" not in turn.problem


@pytest.mark.parametrize(
    ("message", "mode", "error"),
    [
        ("  ", Mode.AUTO, InvalidQuestion),
        ("x" * 4001, Mode.ASK, InvalidQuestion),
        ("Compare", Mode.COMPARE, InvalidQuestion),
    ],
)
async def test_what_cannot_be_asked_is_refused_before_the_first_event(
    assistant: Assistant, message: str, mode: Mode, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await anext(assistant.ask(message, mode=mode))


HOSTILE = Paper(
    title="Zebrafish [P1.1] <b>hearts</b> ![x](https://evil.example/t.png)",
    abstract="Zebrafish hearts regrow after injury [P1.1], as shown in [3] and (P2.1) or 【P1.2】. "
    "Zebrafish hearts <img src=x onerror=alert(1)> heal as in [scans](https://evil.example/a.png) and `code`. "
    "1) Zebrafish hearts heal after injury | with ~~no~~ **help** in $5 to $10 tanks: {{title}} ${1+1} \\[x\\] $$y$$.",
)


async def test_a_hostile_abstract_is_quoted_letter_by_letter(open_assistant: Callable[..., Assistant]) -> None:
    assistant = open_assistant(HOSTILE)
    turn = await assistant.answer("How do zebrafish hearts heal after injury?")
    assert turn.outcome is Outcome.ANSWERED
    assert turn.dropped_markers == 0
    assert [citation.sentence for citation in turn.citations] == [1, 2, 3]
    shown = MarkdownIt("commonmark", {"html": False}).render(turn.answer)
    assert "<img" not in shown and "<a " not in shown and "<b>" not in shown
    escaped = shown.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", '"').replace("&amp;", "&")
    assert HOSTILE.display_title in escaped
    for citation in turn.citations:
        assert f"{citation.quote} [1]" in escaped


async def test_an_empty_library_says_that_it_is_empty(open_assistant: Callable[..., Assistant]) -> None:
    _, retrieved, *_, done = await collect(open_assistant().ask("What is MiniCache?"))
    assert retrieved == Retrieved((), 0)
    assert isinstance(done, Done) and done.turn.outcome is Outcome.REFUSED
    assert "The collection is empty" in done.turn.answer


async def test_two_conversations_at_once_do_not_mix(assistant: Assistant) -> None:
    one, other = await asyncio.gather(talk(assistant, "What is TabPFN?"), talk(assistant, MINICACHE))
    assert one.turns[0].citations[0].paper != other.turns[0].citations[0].paper
    assert one.references.cited[0] != other.references.cited[0]
