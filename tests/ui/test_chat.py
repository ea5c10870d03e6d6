"""The chat's handlers without a browser."""

import asyncio
import dataclasses
from collections.abc import AsyncIterator
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest

from assistant import Assistant, Citation, Cited, Conversation, Delta, Mode, Plan, Retrieved, Settings
from tests.assistant.making import make_paper, make_result
from ui import words
from ui.chat import Chat, Parts
from ui.controls import controls
from ui.session import Desk, Speaker
from ui.writing import Draft, Running, Wish


class Waiting:
    """An assistant that says nothing until it is stopped, and keeps nothing."""

    def __init__(self) -> None:
        self.stopped: list[asyncio.Event] = []
        kept = SimpleNamespace(versions=lambda _: {}, path=lambda _: ())
        self.settings = Settings()
        self.conversations = SimpleNamespace(of=lambda _: kept)

    async def ask(self, *_: object, stop: asyncio.Event, **__: object) -> AsyncIterator[Any]:
        await stop.wait()
        self.stopped.append(stop)
        return
        yield


async def test_each_page_stops_the_turn_that_it_watches_and_no_other() -> None:
    names = [field.name for field in dataclasses.fields(Parts)]
    parts = Parts(**{name: [] if name in ("kinds", "examples") else cast(Any, object()) for name in names})
    assistant = Waiting()
    chat = Chat(cast(Assistant, assistant), parts)
    desks = [Desk(), Desk()]
    turns = [chat.ask("Q", "auto", Conversation(), Speaker(), desk, "", "", "", "", "", False, ()) for desk in desks]
    for turn in turns:
        await anext(turn)  # it runs
    one, other = (desk.watched for desk in desks)
    assert one and other and one.task and other.task
    chat.stop(desks[0])
    await asyncio.wait_for(one.task, 2)
    assert assistant.stopped == [one.stop]
    assert not other.over
    await turns[1].aclose()  # its page is closed, and the turn goes on
    assert not other.over
    other.stop.set()
    await asyncio.wait_for(other.task, 2)


async def test_what_is_sent_twice_is_asked_once() -> None:
    names = [field.name for field in dataclasses.fields(Parts)]
    parts = Parts(**{name: [] if name in ("kinds", "examples") else cast(Any, object()) for name in names})
    chat, desk = Chat(cast(Assistant, Waiting()), parts), Desk()
    first, second = (
        chat.ask("Q", "auto", Conversation(), Speaker(), desk, "", "", "", "", "", False, ()) for _ in range(2)
    )
    await anext(first)
    watched = desk.watched
    assert [update async for update in second] == [{parts.announcement: gr.skip()}]
    assert watched and desk.watched is watched
    watched.stop.set()
    assert watched.task
    await asyncio.wait_for(watched.task, 2)


async def test_a_question_while_another_page_waits_for_its_answer_there_is_refused_aloud() -> None:
    names = [field.name for field in dataclasses.fields(Parts)]
    parts = Parts(**{name: [] if name in ("kinds", "examples") else cast(Any, object()) for name in names})
    chat, desks, conversation = Chat(cast(Assistant, Waiting()), parts), (Desk(), Desk()), Conversation.begun()
    first, second = (
        chat.ask("Q", "auto", conversation, Speaker(), desk, "", "", "", "", "", False, ()) for desk in desks
    )
    await anext(first)
    (update,) = [update async for update in second]
    assert words.BUSY in update[parts.draft] and update[parts.announcement] == words.BUSY
    assert parts.question not in update  # what was typed stays
    watched = desks[0].watched
    assert watched and watched.task
    watched.stop.set()
    await asyncio.wait_for(watched.task, 2)


async def test_a_page_whose_painting_was_dropped_goes_on_with_it_and_one_that_is_painted_is_left_alone() -> None:
    names = [field.name for field in dataclasses.fields(Parts)]
    parts = Parts(**{name: [] if name in ("kinds", "examples") else cast(Any, object()) for name in names})
    chat, desk = Chat(cast(Assistant, Waiting()), parts), Desk()
    asked = chat.ask("Q", "auto", Conversation(), Speaker(), desk, "", "", "", "", "", False, ())
    await anext(asked)
    writing = controls(writing=True)
    assert [updates async for updates in chat.caught_up(controls(), Speaker(), desk)] == []  # it was painted just now
    await asked.aclose()  # as Gradio does with a question that was asked while the page's stream was closing
    desk.painted_at -= 60
    again = chat.caught_up(controls(), Speaker(), desk)
    assert (await anext(again))[parts.controls] == writing
    watched = desk.watched
    assert watched and watched.task
    watched.stop.set()
    assert [updates async for updates in again][-1] == {parts.announcement: gr.skip()}
    assert desk.watched is None


def begun() -> Running:
    return Running(Wish("Q", Mode.ASK), Conversation(), Conversation(), "", Draft(Plan(Mode.ASK, "Q", "Q")))


async def test_papers_and_first_words_are_painted_at_once_and_sources_only_when_they_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    names = [field.name for field in dataclasses.fields(Parts)]
    parts = Parts(**{name: [] if name in ("kinds", "examples") else cast(Any, object()) for name in names})
    chat, desk, running = Chat(cast(Assistant, Waiting()), parts), Desk(), begun()
    desk.watched = running
    monkeypatch.setattr("ui.chat._PAINT_SECONDS", 600.0)
    paints = chat._paints(running, Conversation(), desk, desk.visit)

    async def painted() -> dict[Any, Any]:
        return await asyncio.wait_for(anext(paints), 60)

    assert parts.sources in await painted()
    paper = make_paper("One")
    running.come(Retrieved(make_result((paper, (0.5, 0.4))).hits, 1))
    assert "One" in (await painted())[parts.sources]
    running.come(Delta("Well"))
    words_of_it = await painted()
    assert "Well" in words_of_it[parts.draft] and parts.sources not in words_of_it
    monkeypatch.setattr("ui.chat._PAINT_SECONDS", 0.001)
    running.come(Cited(Citation(1, "P1", paper, 1, 0, 26, "One is the first sentence.", "verbatim", 1)))
    monkeypatch.setattr("ui.chat._SHARE_SECONDS", 0.0)
    running.stepped.set()  # as its time has come
    assert words.CITED_NOW in (await painted())[parts.sources]
    running.end()
    with pytest.raises(StopAsyncIteration):
        await painted()


async def test_papers_and_first_words_are_seen_at_once_and_a_word_more_is_not() -> None:
    running = begun()
    found = Retrieved(make_result((make_paper("One"), (0.5, 0.4))).hits, 1)
    for happens in (partial(running.come, found), partial(running.come, Delta("Well")), running.end):
        waiting = asyncio.create_task(running.step(600))
        await asyncio.sleep(0)
        happens()
        await asyncio.wait_for(waiting, 60)
    assert running.over and running.events == 3
    running = begun()
    running.come(Delta("Well"))
    waiting = asyncio.create_task(running.step(600))
    await asyncio.sleep(0)
    running.come(Delta(", then"))
    await asyncio.sleep(0)
    assert not waiting.done()
    running.end()
    await asyncio.wait_for(waiting, 60)
