"""Turns that are more than may run at once wait in a line, and say how many are ahead."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast

from assistant import Assistant, Conversation, InvalidQuestion, Mode, Settings
from ui import words
from ui.places import Places
from ui.writing import Running, Wish, Writing


def test_a_line_is_in_order_and_nobody_takes_all_of_it() -> None:
    places = Places(at_once=3, per_user=2)
    ann = [places.take("ann") for _ in range(4)]
    bob = [places.take("bob") for _ in range(2)]
    assert [ticket.called for ticket in ann] == [True, True, False, False]
    assert [ticket.called for ticket in bob] == [True, False]
    assert [places.ahead(ticket) for ticket in (*ann[2:], bob[1])] == [0, 1, 2]
    places.leave(ann[0])
    assert ann[2].called and not ann[3].called and not bob[1].called
    places.leave(bob[0])
    assert bob[1].called and places.ahead(ann[3]) == 0
    places.leave(ann[3])
    for ticket in (ann[1], ann[2], bob[1]):
        places.leave(ticket)
    assert not places._running and not places._waiting


def test_without_sign_in_only_the_server_has_a_limit() -> None:
    places = Places(at_once=2, per_user=1)
    tickets = [places.take("") for _ in range(3)]
    assert [ticket.called for ticket in tickets] == [True, True, False]


class Gated:
    """An assistant whose turns end when they are let."""

    def __init__(self, **known: Any) -> None:
        self.settings = Settings(**known)
        self.begun: list[str] = []
        self.ends = asyncio.Event()

    async def ask(self, question: str, *_: Any, **__: Any) -> AsyncIterator[Any]:
        self.begun.append(question)
        await self.ends.wait()
        if question == "fails":
            raise InvalidQuestion("refused")
        return
        yield


def start(writing: Writing, question: str, owner: str = "") -> Running:
    begun = Conversation.begun()
    return writing.start(Wish(question, Mode.ASK), begun, begun, "", owner)


async def test_turns_wait_say_how_many_are_ahead_and_then_run() -> None:
    assistant = Gated(turns_at_once=2)
    writing = Writing(cast(Assistant, assistant))
    turns = [start(writing, question) for question in ("fails", "two", "three", "four")]
    await asyncio.sleep(0.3)
    assert assistant.begun == ["fails", "two"]
    assert [turn.draft.step for turn in turns[2:]] == [words.ahead(0), words.ahead(1)]
    assert [words.ahead(0), words.ahead(1)] == ["Many ask at once. You are next.", "Many ask at once. 1 ahead of you."]
    assert turns[3].events > 0, "the page paints it"
    assistant.ends.set()
    await asyncio.wait({turn.task for turn in turns if turn.task})
    assert assistant.begun == ["fails", "two", "three", "four"]
    assert all(turn.over for turn in turns) and isinstance(turns[0].refused, InvalidQuestion)
    assert turns[3].draft.step == words.SEARCHING


async def test_one_who_waits_can_stop_and_gets_the_question_back() -> None:
    assistant = Gated(turns_at_once=1)
    writing = Writing(cast(Assistant, assistant))
    first, second = start(writing, "one"), start(writing, "two")
    second.stop.set()
    await second.settled(5)
    assert second.over and str(second.refused) == words.NOT_BEGUN
    assert assistant.begun == ["one"]
    assistant.ends.set()
    await first.settled(5)


async def test_a_users_turns_do_not_hold_up_anothers() -> None:
    assistant = Gated(turns_at_once=3, turns_per_user=1)
    writing = Writing(cast(Assistant, assistant))
    turns = [start(writing, "ann 1", "ann"), start(writing, "ann 2", "ann"), start(writing, "bob 1", "bob")]
    await asyncio.sleep(0.2)
    assert assistant.begun == ["ann 1", "bob 1"]
    assistant.ends.set()
    await asyncio.wait({turn.task for turn in turns if turn.task})
    assert assistant.begun == ["ann 1", "bob 1", "ann 2"]
