"""A turn of a conversation with an id is kept from its question on, however it ends."""

import asyncio
import re
import shutil
from collections.abc import Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from assistant import (
    Archive,
    Assistant,
    Cited,
    Conversation,
    Delta,
    Done,
    Failed,
    InvalidQuestion,
    Outcome,
    Planned,
    Retrieved,
    Settings,
)
from assistant.testing import Reply, ScriptedServer
from index_store import Embedder, Filter, Library

from .turns import collect

QUESTION = "How does MiniCache compress the KV cache, and how much memory does it save?"
GOOD = (
    "MiniCache compresses the KV cache across layers [P1.2]. "
    "Adjacent layers hold highly similar KV cache states [P1.3]."
)


@pytest.fixture
def assistant(sample_home: Path, tmp_path: Path, embedder: Embedder, server: ScriptedServer) -> Iterator[Assistant]:
    """An assistant with a home of its own and the scripted model."""
    home = Path(shutil.copytree(sample_home, tmp_path / "kept"))
    known: dict[str, Any] = {"llm_model": "scripted", "llm_retries": 0, "OPENAI_BASE_URL": server.base_url}
    with Library(home, embedder) as library:
        assistant = Assistant(library, Settings(home=home, **known))
        yield assistant
        assistant.close()


def reopened(assistant: Assistant, conversation: Conversation) -> Conversation:
    """The conversation as a later process finds it."""
    archive = Archive(assistant.settings.home / "conversations.sqlite3")
    try:
        return archive.open(conversation.id).conversation
    finally:
        archive.close()


async def test_an_answer_is_kept_whole(assistant: Assistant, server: ScriptedServer) -> None:
    server.enqueue(GOOD)
    begun = Conversation.begun()
    done = (await collect(assistant.ask(QUESTION, begun)))[-1]
    assert isinstance(done, Done) and done.turn.outcome is Outcome.ANSWERED and done.turn.note == ""
    assert done.turn.id and done.conversation.id == begun.id
    assert reopened(assistant, begun) == done.conversation
    assert assistant.conversations.list("adjacent layers")[0].title.startswith("How does MiniCache compress")


async def test_a_conversation_without_an_id_is_not_kept(assistant: Assistant) -> None:
    done = (await collect(assistant.ask(QUESTION, quoting_only=True)))[-1]
    assert isinstance(done, Done) and done.turn.id == done.conversation.id == ""
    assert not (assistant.settings.home / "conversations.sqlite3").exists()


async def test_a_question_is_kept_before_the_first_event_with_its_limits(assistant: Assistant) -> None:
    begun, within = Conversation.begun(), Filter(from_year=1900)
    events = assistant.ask(QUESTION, begun, quoting_only=True, within=within)
    assert isinstance(await anext(events), Planned)
    (turn,) = reopened(assistant, begun).turns  # as it is after a kill at this moment
    assert (turn.question, turn.outcome, turn.pieces, turn.plan.limits) == (QUESTION, Outcome.STOPPED, (), within)
    await events.aclose()


async def test_what_cannot_be_asked_begins_no_conversation(assistant: Assistant) -> None:
    with pytest.raises(InvalidQuestion):
        await anext(assistant.ask(" ", Conversation.begun()))
    assert assistant.conversations.list() == ()


async def test_a_reader_who_leaves_keeps_what_was_written(assistant: Assistant, server: ScriptedServer) -> None:
    server.enqueue(GOOD)
    begun = Conversation.begun()
    seen = []
    async with aclosing(assistant.ask(QUESTION, begun)) as events:
        async for event in events:
            seen.append(event)
            if isinstance(event, Cited):
                break
    (turn,) = (conversation := reopened(assistant, begun)).turns
    assert turn.outcome is Outcome.STOPPED
    assert turn.answer == "".join(
        event.text if isinstance(event, Delta) else f"[{event.citation.number}]"
        for event in seen
        if isinstance(event, Delta | Cited)
    )
    assert conversation.references.cited == (turn.citations[0].paper.id,)
    assert conversation.references.paper(turn.citations[0].key) == turn.citations[0].paper


async def test_a_reader_who_leaves_at_the_end_does_not_cut_the_answer(assistant: Assistant) -> None:
    begun = Conversation.begun()
    async with aclosing(assistant.ask(QUESTION, begun, quoting_only=True)) as events:
        async for event in events:
            if isinstance(event, Done):
                break
    assert reopened(assistant, begun).turns[0].outcome is Outcome.ANSWERED


async def test_a_summary_that_is_left_says_once_what_it_covers(assistant: Assistant) -> None:
    for leave_at_coverage in (False, True):
        begun = Conversation.begun()
        async with aclosing(assistant.ask("/summarise KV cache", begun, quoting_only=True)) as events:
            async for event in events:
                if isinstance(event, Delta) and (not leave_at_coverage or event.text.startswith("\n\n*")):
                    break
            else:
                pytest.fail("there was nothing to leave at")
        answer = reopened(assistant, begun).turns[0].answer
        assert len(re.findall(r"^\*.*papers? .*\*$", answer, re.MULTILINE)) == 1, answer


async def test_a_cancelled_task_keeps_what_was_written(assistant: Assistant, server: ScriptedServer) -> None:
    server.enqueue(Reply(GOOD, delay=0.05))
    begun, written = Conversation.begun(), asyncio.Event()

    async def read() -> None:
        async for event in assistant.ask(QUESTION, begun):
            if isinstance(event, Delta):
                written.set()
                await asyncio.sleep(60)

    task = asyncio.create_task(read())
    await written.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(100):  # the loop closes a generator that was left alone soon, but not at once
        await asyncio.sleep(0.02)
        if reopened(assistant, begun).turns[0].pieces:
            break
    (turn,) = reopened(assistant, begun).turns
    assert turn.outcome is Outcome.STOPPED and turn.question == QUESTION and turn.answer


async def test_a_stopped_turn_is_kept_as_one(assistant: Assistant, server: ScriptedServer) -> None:
    server.enqueue(GOOD)
    begun, stop = Conversation.begun(), asyncio.Event()
    async for event in assistant.ask(QUESTION, begun, stop=stop):
        if isinstance(event, Cited):
            stop.set()
    (turn,) = reopened(assistant, begun).turns
    assert turn.outcome is Outcome.STOPPED and len(turn.citations) == 1


async def test_a_failed_turn_is_kept_with_its_problem(assistant: Assistant, server: ScriptedServer) -> None:
    server.enqueue(Reply(status=500, error="broken"))
    begun = Conversation.begun()
    failed = (await collect(assistant.ask(QUESTION, begun)))[-1]
    assert isinstance(failed, Failed)
    kept = reopened(assistant, begun)
    assert kept == failed.conversation
    assert (kept.turns[0].outcome, kept.turns[0].problem) == (Outcome.FAILED, failed.message)


async def test_a_retry_keeps_both_answers_and_their_numbers(assistant: Assistant) -> None:
    begun = Conversation.begun()
    first = (await collect(assistant.ask(QUESTION, begun, quoting_only=True)))[-1]
    assert isinstance(first, Done)
    again = first.conversation.upto(first.turn.id)
    second = (await collect(assistant.ask(QUESTION, again, quoting_only=True)))[-1]
    assert isinstance(second, Done)
    opened = assistant.conversations.open(begun.id)
    assert opened.conversation == second.conversation
    assert opened.versions == {second.turn.id: (first.turn.id, second.turn.id)}
    assert second.turn.pieces == first.turn.pieces
    assert assistant.conversations.choose(begun.id, first.turn.id).conversation.turns == (first.turn,)


async def test_a_page_that_is_behind_goes_on_with_the_numbers_of_the_other(assistant: Assistant) -> None:
    begun = Conversation.begun()
    there = (await collect(assistant.ask("What is TabPFN?", begun, quoting_only=True)))[-1]
    here = (await collect(assistant.ask(QUESTION, begun, quoting_only=True)))[-1]
    assert isinstance(there, Done) and isinstance(here, Done)
    assert {c.number for c in there.turn.citations}.isdisjoint(c.number for c in here.turn.citations)
    assert here.conversation.references.cited[: len(there.conversation.references.cited)] == (
        there.conversation.references.cited
    )


async def test_an_answer_that_cannot_be_kept_is_shown_with_a_note(assistant: Assistant) -> None:
    (assistant.settings.home / "conversations.sqlite3").mkdir()
    _, retrieved, *_, done = await collect(assistant.ask(QUESTION, Conversation.begun(), quoting_only=True))
    assert isinstance(retrieved, Retrieved) and isinstance(done, Done)
    assert done.turn.outcome is Outcome.ANSWERED and done.turn.citations
    assert done.turn.note.startswith("This answer is not kept and will be gone after a reload. The conversations ")
    assert "unable to open database file" in done.turn.note and "\n" not in done.turn.note
    assert done.conversation.turns == (done.turn,)
    (assistant.settings.home / "conversations.sqlite3").rmdir()
    later = (await collect(assistant.ask("What is TabPFN?", done.conversation, quoting_only=True)))[-1]
    assert isinstance(later, Done) and later.turn.note == ""
    assert reopened(assistant, done.conversation) == later.conversation
