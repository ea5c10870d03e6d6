"""Whole turns: what their events hold, conversations of several, and what must be true of every table."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence

from assistant import (
    Assistant,
    Citation,
    Cited,
    Conversation,
    Delta,
    Done,
    Event,
    Mode,
    Paper,
    Piece,
    Turn,
    Unsourced,
)
from assistant.tables import NOT_STATED

_waiting: set[asyncio.Task[None]] = set()  # the loop itself would let them go


def stop_once(stop: asyncio.Event, ready: Callable[[], bool], then: float = 0.0) -> None:
    """Sets `stop` once it is so, or so many seconds later; a time alone may be too short on a loaded machine."""

    async def wait() -> None:
        while not ready():
            await asyncio.sleep(0.01)
        await asyncio.sleep(then)
        stop.set()

    task = asyncio.ensure_future(wait())
    _waiting.add(task)
    task.add_done_callback(_waiting.discard)


async def collect(events: AsyncIterator[Event]) -> list[Event]:
    return [event async for event in events]


async def talk(assistant: Assistant, *questions: str, before: Conversation | None = None) -> Conversation:
    """The conversation after these questions, none of which fails."""
    conversation = before or Conversation()
    for question in questions:
        last = (await collect(assistant.ask(question, conversation)))[-1]
        assert isinstance(last, Done)
        conversation = last.conversation
    return conversation


async def ask(assistant: Assistant, *questions: str, before: Conversation | None = None) -> Turn:
    """The last turn of such a conversation."""
    return (await talk(assistant, *questions, before=before)).turns[-1]


def told(events: Sequence[Event]) -> list[Piece]:
    """The pieces of the answer, as events told of them, with neighbouring texts joined."""
    pieces: list[Piece] = []
    for event in events:
        match event:
            case Delta(text) if pieces and isinstance(pieces[-1], str):
                pieces[-1] += text
            case Delta(text):
                pieces.append(text)
            case Cited(citation):
                pieces.append(citation)
            case Unsourced(mark):
                pieces.append(mark)
    return pieces


def short(paper: Paper) -> str:
    return paper.display_title.partition(":")[0]


def cited(turn: Turn) -> list[tuple[int, str, int]]:
    return [(piece.number, short(piece.paper), piece.sentence) for piece in turn.pieces if isinstance(piece, Citation)]


def column(turn: Turn, place: int) -> set[str]:
    """The short titles of the papers that the cells of a subject cite; subjects count from 0."""
    papers = {citation.number: short(citation.paper) for citation in turn.citations}
    return {papers[number] for row in turn.table[1:] for number in row[place + 1].citations}


def titles(turn: Turn) -> list[str]:
    """The names of a table's rows."""
    return [row[0].text for row in turn.table[1:]]


def assert_sound(turn: Turn) -> None:
    """What holds of every comparison: one whole table, cells that are cited or say that nothing is stated."""
    assert turn.mode is Mode.COMPARE
    head, *rows = turn.table
    assert [cell.text.partition(" (")[0] for cell in head] == ["Aspect", *turn.plan.subjects]
    assert rows
    for row in rows:
        assert len(row) == len(head)
        assert row[0].text and not row[0].citations
        for cell in row[1:]:
            assert bool(cell.citations) == (cell.text != NOT_STATED)
    for place, subject in enumerate(turn.plan.subjects):
        assert bool(column(turn, place)) == (subject not in turn.missing)
    for citation in turn.citations:
        assert citation.paper in turn.papers
        assert citation.quote == citation.paper.abstract[citation.start : citation.end]
