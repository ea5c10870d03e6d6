"""Turns that are being written: each a task of its own, which pages only watch."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from assistant import (
    Assistant,
    Cited,
    Connection,
    Conversation,
    Delta,
    Done,
    Estimated,
    Event,
    Failed,
    Filter,
    InvalidQuestion,
    Length,
    Mode,
    Paper,
    Piece,
    Plan,
    Planned,
    Preferences,
    Reading,
    Retrieved,
    TopicMap,
    Unsourced,
    everything,
)

from . import render, words
from .places import Places, Ticket

_LOOK_SECONDS = 0.1  # between two looks of one who waits in the line


@dataclass(frozen=True)
class Wish:
    """A question, and how and by whom its reader wants it answered."""

    question: str
    mode: Mode
    length: Length | None = None
    limits: Filter = everything
    connection: Connection | None = None
    quoting_only: bool = False
    preferences: Preferences = field(default_factory=Preferences)


@dataclass
class Draft:
    """What there is so far of a turn that is being written."""

    plan: Plan
    pieces: list[Piece] = field(default_factory=list)
    found: tuple[Paper, ...] = ()
    topic_map: TopicMap | None = None
    step: str = words.SEARCHING
    estimate: str = ""
    searched: int = 0
    cited: int = 0  # times

    def html(self) -> str:
        count = len(self.found)
        return render.draft(self.plan, self.pieces, self.step, self.topic_map, searched=self.searched, papers=count)

    def note(self, event: Event) -> None:
        """Takes an event in."""
        match event:
            case Planned(plan):
                self.plan = plan
            case Retrieved():
                on_map = [dot.paper for dot in event.topic_map.dots] if event.topic_map else []
                found = [*(hit.paper for hit in event.hits), *on_map]
                self.found = tuple({paper.id: paper for paper in found}.values())
                self.topic_map, self.step, self.searched = event.topic_map, words.WRITING, event.searched
            case Estimated():
                self.estimate = words.estimated(event.papers, event.calls, event.tokens, event.cost)
                self.step = f"{self.estimate}. {words.READING}"
            case Reading(done, total):
                self.step = words.WRITING if done == total else f"{self.estimate}. {words.reading(done, total)}"
            case Delta(text):
                self.pieces.append(text)
            case Cited(citation):
                self.pieces.append(citation)
                self.cited += 1
            case Unsourced(mark):
                self.pieces.append(mark)


@dataclass(eq=False)
class Running:
    """A turn that is being written. It goes on while its reader looks at something else, or has closed the page.

    `before` is the conversation that it is the next turn of. If it cannot begin, `kept` is shown again, and the turn
    `edited` for it is so again. `owner` is whose it is. In the end it has its `last` event, or why it was `refused`.
    `events` counts what came; `stage` is how far it has come, and `stepped` is set, and another one, when it goes on.
    """

    wish: Wish
    before: Conversation
    kept: Conversation
    edited: str
    draft: Draft
    owner: str = ""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    last: Done | Failed | None = None
    refused: Exception | None = None
    over: bool = False
    events: int = 0
    stepped: asyncio.Event = field(default_factory=asyncio.Event)
    task: asyncio.Task[None] | None = None

    @property
    def stage(self) -> tuple[bool, bool, bool]:
        """Whether its papers are found, words are written, and it is over."""
        return bool(self.draft.found), bool(self.draft.pieces), self.over

    def come(self, event: Event) -> None:
        """Takes in what came of it."""
        before = self.stage
        if isinstance(event, Done | Failed):
            self.last = event
        else:
            self.draft.note(event)
        self._tell(before)

    def end(self) -> None:
        """From now on it is over."""
        before, self.over = self.stage, True
        self._tell(before)

    def _tell(self, before: tuple[bool, bool, bool]) -> None:
        """Counts what came, and wakes who waits for its next stage if that is reached."""
        self.events += 1
        if self.stage != before:
            self.stepped.set()
            self.stepped = asyncio.Event()

    async def step(self, seconds: float) -> None:
        """Waits for its next stage, so many seconds at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.stepped.wait()

    async def settled(self, seconds: float) -> None:
        """Waits until it is over, so many seconds at most."""
        if self.task:
            await asyncio.wait({self.task}, timeout=seconds)


class Writing:
    """The turns that are being written, one in a conversation at a time."""

    def __init__(self, assistant: Assistant) -> None:
        self._assistant = assistant
        self._running: dict[str, Running] = {}
        self._places = Places(assistant.settings.turns_at_once, assistant.settings.turns_per_user)

    def start(self, wish: Wish, before: Conversation, kept: Conversation, edited: str, owner: str = "") -> Running:
        """Has a turn written in a task of its own, which goes on when nobody looks any longer."""
        asked = " ".join(wish.question.split())
        draft = Draft(Plan(Mode.ASK, asked, asked))
        running = Running(wish, before, kept, edited, draft, owner)
        self._running[before.id] = running
        running.task = asyncio.create_task(self._write(running))
        return running

    def of(self, conversation_id: str, owner: str = "") -> Running | None:
        """The turn that is being written in a conversation of this owner."""
        running = self._running.get(conversation_id)
        return running if running and running.owner == owner else None

    async def _write(self, running: Running) -> None:
        wish, ticket = running.wish, self._places.take(running.owner)
        try:
            await self._called(running, ticket)
            async for event in self._assistant.ask(
                wish.question,
                running.before,
                wish.mode,
                stop=running.stop,
                connection=wish.connection,
                quoting_only=wish.quoting_only,
                length=wish.length,
                within=wish.limits,
                owner=running.owner,
                preferences=wish.preferences,
            ):
                running.come(event)
        except Exception as error:  # refused before the turn began
            running.refused = error
        finally:
            self._places.leave(ticket)
            del self._running[running.before.id]
            running.end()

    async def _called(self, running: Running, ticket: Ticket) -> None:
        """Waits in the line, saying how many are ahead. Raises `InvalidQuestion` if it is stopped there."""
        searching = running.draft.step
        while not ticket.called:
            if running.stop.is_set():
                raise InvalidQuestion(words.NOT_BEGUN)
            if (said := words.ahead(self._places.ahead(ticket))) != running.draft.step:
                running.draft.step = said
                running.events += 1
            await asyncio.sleep(_LOOK_SECONDS)
        running.draft.step = searching
